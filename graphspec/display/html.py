"""Tables and texts of the terminal as HTML. Everything is escaped: names are a stranger's."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable
from html import escape
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.system.regular_file import read_regular

#: The largest picture of a run that is shown, in bytes.
MOST_PNG = 20 * 2**20
#: Colours come from the page, so that light and dark ones are both right; rules stay inside ``.graphspec``,
#: which stands twice where Jupyter's own rules of tables and code weigh more.
STYLE = (
    ".graphspec{font:13px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;margin:.3em 0}"
    ".graphspec>h3{font-size:1.1em;margin:.2em 0}"
    ".graphspec table{border-collapse:collapse;margin:.5em 0;font-size:12px;background:none}"
    ".graphspec.graphspec table th,.graphspec.graphspec table td{"
    "padding:.15em .9em .15em 0;text-align:left;vertical-align:top;white-space:pre-wrap;"
    "border:0;background:none}"
    ".graphspec th{border-bottom:1px solid #8888}"
    ".graphspec.graphspec.graphspec table .number{text-align:right;font-variant-numeric:tabular-nums}"
    ".graphspec .strong td{font-weight:600}.graphspec .faint{opacity:.65}"
    ".graphspec.graphspec pre{margin:.2em 0;white-space:pre-wrap;background:none;"
    "word-break:normal;overflow-wrap:anywhere;"
    "font:12px/1.5 ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
    ".graphspec img{max-width:min(100%,46em);height:auto}"
    ".graphspec details>summary{cursor:pointer}.graphspec .wrong{border-left:3px solid #d33;padding-left:.7em}"
    ".graphspec input[type=radio]{position:absolute;opacity:0}"
    ".graphspec .levels label{cursor:pointer;padding:0 .6em;border:1px solid #8888;border-radius:1em;margin-right:.4em}"
    ".graphspec .level{display:none;overflow-x:auto}"
    + "".join(
        f".graphspec .levels:has(input:nth-of-type({n}):checked) .level:nth-of-type({n}){{display:block}}"
        f".graphspec .levels input:nth-of-type({n}):checked~label:nth-of-type({n}){{background:#4488ff33}}"
        f".graphspec .levels input:nth-of-type({n}):focus-visible~label:nth-of-type({n}){{outline:2px solid #48f}}"
        for n in range(1, 6)
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Html:
    """A piece that is HTML already."""

    text: str


#: What a view is made of.
Part = RenderableType | Html


def page(title: str, parts: Iterable[Part]) -> str:
    """One ``<div>`` with its own rules."""
    inside = "\n".join(_part(part) for part in parts)
    heading = f"<h3>{escape(printable(title))}</h3>" if title else ""
    return f'<div class="graphspec"><style>{STYLE}</style>{heading}\n{inside}</div>'


def folded(title: str, parts: Iterable[Part], opened: bool = False) -> Html:
    """Parts that open when their title is clicked."""
    inside = "\n".join(_part(part) for part in parts)
    return Html(
        f"<details{' open' if opened else ''}><summary>{escape(printable(title))}</summary>\n{inside}</details>"
    )


def chosen(name: str, choices: dict[str, Html]) -> Html:
    """One of several parts, the first one at the beginning; without any script, so that every notebook shows it."""
    if len(choices) == 1:
        return next(iter(choices.values()))
    buttons = [
        f'<input type="radio" name="{escape(name)}" id="{escape(name)}-{n}"{"" if n else " checked"}>'
        for n in range(len(choices))
    ]
    labels = [f'<label for="{escape(name)}-{n}">{escape(title)}</label>' for n, title in enumerate(choices)]
    levels = [f'<div class="level">{part.text}</div>' for part in choices.values()]
    return Html(f'<div class="levels">{"".join(buttons)}{"".join(labels)}{"".join(levels)}</div>')


def wrong(text: str) -> Html:
    """A diagnostic, as the terminal words it."""
    return Html(f'<pre class="wrong">{escape(text)}</pre>')


def picture(path: Path, title: str) -> Html:
    """A PNG file, inside the page."""
    return png(read_regular(path, most=MOST_PNG), title)


def png(data: bytes, title: str) -> Html:
    """The bytes of a PNG, inside the page."""
    coded = base64.b64encode(data).decode()
    return Html(f'<img alt="{escape(printable(title))}" src="data:image/png;base64,{coded}">')


def _part(part: Part) -> str:
    if isinstance(part, Html):
        return part.text
    if isinstance(part, Table):
        return _table(part)
    text = part.plain if isinstance(part, Text) else str(part)
    return f"<pre>{escape(text)}</pre>" if text.strip() else ""


def _table(table: Table) -> str:
    columns = list(table.columns)
    side = ['class="number"' if column.justify == "right" else "" for column in columns]
    rows = []
    for row, cells in zip(table.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
        kind = {"bold": ' class="strong"', "dim": ' class="faint"'}.get(str(row.style), "")
        found = "".join(f"<td {place}>{_cell(cell)}</td>" for place, cell in zip(side, cells, strict=True))
        rows.append(f"<tr{kind}>{found}</tr>")
    head = "".join(f"<th {place}>{_cell(column.header)}</th>" for place, column in zip(side, columns, strict=True))
    title = f"<caption>{_cell(table.title)}</caption>" if table.title else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(cell: object) -> str:
    return escape(cell.plain if isinstance(cell, Text) else str(cell))
