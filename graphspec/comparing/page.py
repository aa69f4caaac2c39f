"""A comparison as one HTML page that needs nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from graphspec.comparing.compare import Comparison, Row

_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:70em;color:#222}"
    "h1{font-size:1.4em}h2{font-size:1.1em}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3em .8em;text-align:left;vertical-align:top}"
    "th{border-bottom:2px solid #ccc}tr:nth-child(even) td{background:#f6f6f6}td{border-bottom:1px solid #eee}"
    ".added td:first-child{border-left:4px solid #2a2}.removed td:first-child{border-left:4px solid #c33}"
    ".changed td:first-child{border-left:4px solid #c90}"
)

_LARGE = re.compile(r"\d{4,}")


def page(comparison: Comparison, before: str, after: str) -> str:
    """The page; `before` and `after` are what the two are called."""
    title = f"{html.escape(before)} → {html.escape(after)}"
    parts = [f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"]
    parts.append(f"<p>{html.escape(summary(comparison))}</p>")
    for name, rows in tables(comparison):
        parts.append(f"<h2>{name.capitalize()}</h2><table>{_row('th', rows[0])}")
        parts += [_row("td", row.values(), row.get("change", "")) for row in rows]
        parts.append("</table>")
    return "\n".join(parts) + "\n"


def summary(comparison: Comparison) -> str:
    """What is different, in one sentence."""
    if comparison.equal:
        return "The networks are equal."
    counted = [
        f"{len(rows)} {name[:-1] if len(rows) == 1 else name}" for name, rows in comparison.rows().items() if rows
    ]
    return f"Different: {', '.join(counted)}."


def tables(comparison: Comparison) -> list[tuple[str, list[Row]]]:
    """Each kind of difference that there is, with its rows of texts."""
    return [
        (name, [{key: text(value) for key, value in row.items()} for row in rows])
        for name, rows in comparison.rows().items()
        if rows
    ]


def text(value: Any) -> str:
    """One cell."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return "; ".join(f"{key} {item}" for key, item in _flat(value))
    if isinstance(value, list):
        return ", ".join(map(text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _flat(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The entries of a layer's description; arguments and sources stand for themselves."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from ((f"from {name}" if key == "from" else name, text(each)) for name, each in item.items())
        elif key == "flops":
            yield key, _LARGE.sub(lambda number: f"{int(number[0]):,}", item).replace("*", " · ")
        elif item not in ({}, []):
            yield key, text(item)


def _row(tag: str, cells: Any, kind: str = "") -> str:
    mark = f' class="{html.escape(kind)}"' if kind else ""
    return f"<tr{mark}>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"
