"""The command line: `run`, `demo`, `check`, `manifest`, `migrate`, `audit`, `version`.

Rooms are imported by the command that needs them, so that `muster version` works wherever Python does.
"""
# ruff: noqa: PLC0415

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from bot.settings import Settings

_LAST_PORT = 65_535
WRONG = 1
"""Exit code. 2, for a command line or settings that cannot be read, comes from argparse and `bot.cli.check`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and hand over to the room that serves it; answers the exit code."""
    os.umask(0o077)  # database, export and what the demo writes are for nobody else
    arguments = _parser().parse_args(argv)
    serve: Callable[[argparse.Namespace], int] = arguments.serve
    return serve(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="muster", description="Empties a hypervisor safely, asked for in Slack.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, help: str, serve: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(serve=serve)
        return added

    with_settings = [
        command("run", "Run the bot until SIGTERM or Ctrl-C.", _run),
        command("check", "Say item by item whether this configuration would work.", _check),
        command("migrate", "Bring the database to the schema of this release.", _migrate),
    ]
    manifest = command("manifest", "Print the manifest of the Slack app for these settings.", _manifest)
    manifest.add_argument(
        "--address", default="", help='mode "http": where Slack reaches Muster, e.g. https://muster.example'
    )
    with_settings.append(manifest)
    audit = command("audit", "Verify or export the audit.", _verify)
    verbs = audit.add_subparsers(title="verbs", required=True, metavar="VERB")
    verify = verbs.add_parser("verify", help="Say whether every line is as it was written.")
    verify.set_defaults(serve=_verify)
    export = verbs.add_parser("export", help="Write every line as JSON, or as CSV for a spreadsheet.")
    export.set_defaults(serve=_export)
    export.add_argument("--format", choices=["jsonl", "csv"], default="jsonl", help="default: %(default)s")
    export.add_argument("--output", type=Path, metavar="FILE", help="a new file; standard output when left out")
    demo = command("demo", "Open a local Slack-like workspace with two simulated clouds.", _demo)
    demo.add_argument("--port", type=_port, default=8765, help="of the page (default: %(default)s; 0 takes a free one)")
    demo.add_argument(
        "--folder",
        type=Path,
        default=Path(".demo"),
        help="of its own, for its files; a new or an empty one, or an earlier demo's (default: %(default)s)",
    )
    demo.add_argument(
        "--database",
        default="",
        metavar="URL",
        help="a new, empty database of a PostgreSQL: no bot is started, and it is said how to start several on it",
    )
    demo.add_argument("--no-browser", action="store_true", help="only print the address of the page")
    command("version", "Print the release.", _version)
    for one in (*with_settings, verify, export):
        one.add_argument("--config", type=Path, default=Path("muster.toml"), help="default: %(default)s")
    return parser


def _port(word: str) -> int:
    """The number of a port.

    Raises:
        argparse.ArgumentTypeError: there is no such port.
    """
    if not (word.isascii() and word.isdecimal()) or int(word) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{word} is no port: name one from 1 to {_LAST_PORT}, or 0 for a free one")
    return int(word)


def _loaded(config: Path) -> "Settings":
    """The settings. Slack's secrets leave the environment: Bolt would read them too, and what we start inherit them."""
    from adapters.registry import CLOUDS
    from bot.settings import load

    settings = load(config, os.environ, CLOUDS)
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
        os.environ.pop(name, None)
    return settings


def _run(arguments: argparse.Namespace) -> int:
    from bot.runtime import log

    def serve() -> int:
        settings = _loaded(arguments.config)
        log.configure(level=settings.log.level, format=settings.log.format, secrets=settings.secrets)
        from bot.cli.process import run_until_signalled, share_one_heap

        share_one_heap()
        from bot import main as house

        run_until_signalled(house.run(settings))
        return 0

    return _guarded(serve)


def _check(arguments: argparse.Namespace) -> int:
    from bot.runtime import log

    def serve() -> int:
        settings = _loaded(arguments.config)
        log.configure(level="error", format="console", secrets=settings.secrets)
        from bot import main as house

        return asyncio.run(house.check(settings, sys.stdout))

    return _guarded(serve)


def _manifest(arguments: argparse.Namespace) -> int:
    def serve() -> int:
        from adapters.registry import CLOUDS
        from bot.settings import load_slack
        from bot.slack.command_names import CommandNames
        from bot.slack.manifest import ADDRESS, render

        slack = load_slack(arguments.config, CLOUDS)
        names = CommandNames(prefix=slack.command_prefix)
        http = slack.mode == "http"
        sys.stdout.write(render(names, http=http, address=arguments.address or ADDRESS))
        return 0

    return _guarded(serve)


def _migrate(arguments: argparse.Namespace) -> int:
    def serve(url: str) -> int:
        from bot.store import schema

        sys.stdout.write(f"The database has the schema {asyncio.run(schema.upgrade(url))}.\n")
        return 0

    return _with_store(arguments.config, serve)


def _verify(arguments: argparse.Namespace) -> int:
    def serve(url: str) -> int:
        from bot.cli import audit

        return asyncio.run(audit.verify(url, sys.stdout))

    return _with_store(arguments.config, serve)


def _export(arguments: argparse.Namespace) -> int:
    def serve(url: str) -> int:
        from bot.cli import audit

        form = audit.Format(arguments.format)
        if arguments.output is None:
            return asyncio.run(audit.export(url, sys.stdout, form=form))
        with _new_file(arguments.output) as file:
            return asyncio.run(audit.export(url, file, form=form))

    return _with_store(arguments.config, serve)


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """What becomes a file that was not there before, once it is whole.

    Raises:
        Refusal: it is there, or cannot be made.
    """
    from bot.domain.errors import Refusal

    if path.exists():
        remedy = "Name another file, or move that one away."
        raise Refusal(f"{path} exists already, and nothing is overwritten.", remedy=remedy)
    with TemporaryFile("w+", encoding="utf-8", newline="") as whole:
        yield whole
        whole.seek(0)
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                shutil.copyfileobj(whole, file)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            remedy = "Name a file in a folder that exists, that you may write to, and that has room."
            raise Refusal(f"{path} cannot be written: {reason}.", remedy=remedy) from error


def _with_store(config: Path, serve: Callable[[str], int]) -> int:
    """Serve a command that needs only the database."""
    from adapters.registry import CLOUDS
    from bot.runtime import log
    from bot.settings import load_store

    def with_url() -> int:
        url = load_store(config, os.environ, CLOUDS).address
        log.configure(level="error", format="console", secrets=[url])
        return serve(url)

    return _guarded(with_url)


def _guarded(serve: Callable[[], int]) -> int:
    """Serve, and end with sentences and an exit code instead of a traceback."""
    from bot.cli import check
    from bot.domain.diagnosis import Line
    from bot.runtime import log
    from bot.settings import SettingsError

    log.configure(level="error", format="console")  # until the settings say how: a surprise shows no values of ours
    try:
        return serve()
    except SettingsError as error:
        lines = [Line(title=one.key, complaint=one.sentence, remedy=one.remedy) for one in error.problems]
        return check.unreadable(lines, sys.stderr)
    except Exception as error:  # noqa: BLE001  # the top of the program: nothing above could name it
        return _stopped_by(error)


def _stopped_by(error: Exception) -> int:
    from bot.domain.errors import Refusal
    from bot.domain.ports import StoreFailed, StoreInUse
    from bot.domain.redaction import redact
    from bot.runtime import log
    from bot.store.schema import ForeignSchema

    for one in _leaves(error):
        if isinstance(one, Refusal | StoreFailed | StoreInUse | ForeignSchema | OSError):
            sys.stderr.write(f"muster: {redact(str(one))}\n")
        else:
            log.logger(__name__).error("stopped by a surprise", exc_info=one)
    return WRONG


def _leaves(error: BaseException) -> Sequence[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _demo(arguments: argparse.Namespace) -> int:
    def serve() -> int:
        from bot.domain.errors import Refusal

        try:
            from bot.demo.run import main as open_demo
        except ModuleNotFoundError as error:
            raise Refusal(
                f"The demo needs the package {error.name}, which a server does not.",
                remedy="Install it with: pip install 'muster[demo]'. In a copy of the source `make demo` does that.",
            ) from error
        return open_demo(arguments)

    return _guarded(serve)


def _version(_arguments: argparse.Namespace) -> int:
    sys.stdout.write(f"muster {metadata.version('muster')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
