"""Texts of a spec or of data as Markdown shows them."""

from __future__ import annotations

import re

from graphspec.diagnostics import printable

#: What begins markup, a link, HTML, an entity or a formula.
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~$]")


def plain(text: str) -> str:
    """`text` in one line in which nothing is markup: a class may be called ``<img src=x>``."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def code_of(text: str) -> str:
    """`text` in one line as code, between more backticks than it has in a row (CommonMark 6.1)."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{printable(text)}{space}{ticks}"
