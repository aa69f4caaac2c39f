"""How numbers are written for people."""

from __future__ import annotations


def short(value: float) -> str:
    """`value` to three digits with a decimal prefix: 3643277312 gives ``3.64 G``."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if abs(value) < 999.5 or prefix == "P":
            digits = 0 if not prefix or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
            return f"{value:,.{digits}f} {prefix}".rstrip()
        value /= 1000
    raise AssertionError


def size(count: float) -> str:
    """A number of bytes: ``407 kB``."""
    return f"{short(count)}B" if count >= 1000 else f"{count:.0f} B"


def seconds(value: float) -> str:
    """A duration: ``0.42 s``, ``12.3 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
