"""The order in which people expect names."""

import re


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """Sorts web-2 before web-10."""
    return tuple((text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name))
