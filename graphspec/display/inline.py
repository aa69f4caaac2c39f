"""A figure of matplotlib's as a part of a page, whatever backend the notebook has chosen."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from graphspec.display.html import Html, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(drawn: Figure, title: str) -> Html:
    """`drawn` as a PNG inside the page."""
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=90)
    return png(file.getvalue(), title)
