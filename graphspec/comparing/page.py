"""A comparison as one HTML page that needs nothing else."""

from __future__ import annotations

import html
from typing import Any

from graphspec.comparing.compare import Comparison, Row

_STYLE = "body{font:15px system-ui;margin:2em}td,th{padding:.2em .8em;text-align:left;vertical-align:top}" \
    "tr:nth-child(even){background:#f4f4f4}"  # fmt: skip


def page(comparison: Comparison, before: str, after: str) -> str:
    """The page; `before` and `after` are what the two are called."""
    title = f"{html.escape(before)} → {html.escape(after)}"
    parts = [f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"]
    if comparison.equal:
        parts.append("<p>The networks are equal.</p>")
    for name, rows in tables(comparison):
        parts.append(f"<h2>{name}</h2><table>{_row('th', rows[0])}")
        parts += [_row("td", row.values()) for row in rows]
        parts.append("</table>")
    return "\n".join(parts) + "\n"


def tables(comparison: Comparison) -> list[tuple[str, list[Row]]]:
    """Each kind of difference that there is, with its rows of texts."""
    kinds = comparison.as_dict()
    return [
        (name, [{key: text(value) for key, value in row.items()} for row in rows])
        for name, rows in kinds.items()
        if name != "equal" and rows
    ]


def text(value: Any) -> str:
    """One cell."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} {text(item)}" for key, item in value.items() if item not in ({}, []))
    if isinstance(value, list):
        return ", ".join(map(text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _row(tag: str, cells: Any) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"
