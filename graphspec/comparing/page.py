"""A comparison as one HTML page that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Iterable

from graphspec.comparing.compare import Comparison
from graphspec.comparing.text import summary, tables

_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222}"
    "h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}div{overflow-x:auto}"
    "table{border-collapse:collapse}td,th{padding:.3em .8em;text-align:left;vertical-align:top}"
    "td:first-child{white-space:nowrap;font-family:ui-monospace,monospace;font-size:.9em}"
    "th{border-bottom:2px solid #ccc}tr:nth-child(even) td{background:#f6f6f6}td{border-bottom:1px solid #eee}"
    ".added td:first-child{border-left:4px solid #2a2}.removed td:first-child{border-left:4px solid #c33}"
    ".changed td:first-child{border-left:4px solid #c90}.renamed td:first-child{border-left:4px solid #37c}"
    ".downstream td{color:#666}.downstream td:first-child{border-left:4px solid #ddd}"
)


def page(comparison: Comparison, before: str, after: str) -> str:
    """The page; `before` and `after` are what the two are called."""
    title = f"{html.escape(before)} → {html.escape(after)}"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
    ]
    parts.append(f"<p>{html.escape(summary(comparison))}</p>")
    for table in tables(comparison):
        parts.append(f"<h2>{table.title}</h2><div><table>{_row('th', table.headings)}")
        parts += [_row("td", cells, kind) for cells, kind in zip(table.rows, table.kinds, strict=True)]
        parts.append("</table></div>")
    return "\n".join(parts) + "\n"


def _row(tag: str, cells: Iterable[str], kind: str = "") -> str:
    mark = f' class="{html.escape(kind)}"' if kind else ""
    return f"<tr{mark}>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
