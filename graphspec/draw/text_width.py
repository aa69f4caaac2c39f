"""How wide a text is, without a font: Helvetica's widths in classes, a little generous for other sans-serif fonts."""

from __future__ import annotations

_WIDTHS = {
    **dict.fromkeys("iljI|.,:;'!()[]{} ftr/-·\"", 0.36),
    **dict.fromkeys("mwMW@%×→…", 0.95),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ&=+<>~_#", 0.78),
}
_OTHER = 0.6


def width(text: str, size: float, bold: bool = False) -> float:
    """The width of `text` in pixels at a font size of `size` pixels."""
    return sum(_WIDTHS.get(char, _OTHER) for char in text) * size * (1.07 if bold else 1.0)
