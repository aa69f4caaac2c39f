"""Texts of a spec or of data as Markdown shows them."""

from __future__ import annotations

import re

from graphspec.diagnostics import printable

#: What begins markup, a link, HTML, an entity or a formula.
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~$]")


def plain(text: str) -> str:
    """`text` in one line in which nothing is markup: a class may be called ``<img src=x>``."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))
