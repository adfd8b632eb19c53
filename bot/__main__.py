"""The command line: `run`, `demo`, `check`, `migrate`, `version`."""


def main() -> None:
    """Read the command line and hand over to the room that serves it."""
    raise SystemExit("muster: not built yet")


if __name__ == "__main__":
    main()
