"""Prints at the end what the sweep of bends came to, added up over all tests and workers."""

import pytest

PROPERTY = "bends"


def told(*, reads: int, bends: int, evenings: int, answers: int, detours: int, violations: int) -> str:
    """The figures as a line."""
    return (
        f"reads × bends: {reads} × {bends} in {evenings} evenings, {answers} answers bent, people asked again in {detours};"
        f" violations {violations}"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        dict(report.user_properties)[PROPERTY]
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if PROPERTY in dict(report.user_properties)
    ]
    if not reports:
        return
    terminalreporter.section("the sweep of bends")
    line = told(
        reads=len({read for one in reports for read in one["reads"]}),
        bends=len({bend for one in reports for bend in one["bends"]}),
        evenings=sum(one["evenings"] for one in reports),
        answers=sum(one["answers"] for one in reports),
        detours=sum(one["detours"] for one in reports),
        violations=sum(one["violations"] for one in reports),
    )
    terminalreporter.line(line)
