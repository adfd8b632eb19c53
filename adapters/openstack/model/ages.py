"""Spans of time as people say them. Pure."""

from datetime import timedelta


def spoken(age: timedelta) -> str:
    """As people say it: "45 s", "3 min", "2 h"."""
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172800 else f"{seconds // 86400} days"
