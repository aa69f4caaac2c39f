"""A comparison in words: tables of texts, for the terminal, the notebook and the page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from graphspec.comparing.compare import Comparison, Row

_LARGE = re.compile(r"\d{4,}")
#: What the columns of each kind of difference are called, by the key in its rows; the first is the kind's own.
_HEADINGS = {
    "before": "Before",
    "after": "After",
    "difference": "Greatest difference",
    "within_noise": "Rounding alone",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """The differences of one kind; ``kinds`` says of each row what change it is, where that is known."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    kinds: list[str]


def summary(comparison: Comparison) -> str:
    """What is different, in one sentence."""
    if comparison.equal:
        return "The networks are equal."
    counted = [
        f"{len(rows)} {name[:-1] if len(rows) == 1 else name}" for name, rows in comparison.rows().items() if rows
    ]
    return f"Different: {', '.join(counted)}."


def tables(comparison: Comparison) -> Iterator[Table]:
    """Each kind of difference that there is."""
    for name, rows in comparison.rows().items():
        if name == "layers" and rows:
            kinds = [str(row["change"]) for row in rows]
            told = [(_name(row, "layer"), kind, _change(row)) for row, kind in zip(rows, kinds, strict=True)]
            yield Table("Layers", ("Layer", "Change", "Difference"), told, kinds)
        elif rows:
            own = next(iter(rows[0]))
            keys = [key for key in _HEADINGS if key in rows[0]]
            texts = [(_name(row, own), *(_cell(row, key) for key in keys)) for row in rows]
            headings = (own.capitalize(), *(_HEADINGS[key] for key in keys))
            yield Table(name.capitalize(), headings, texts, [""] * len(rows))


def _name(row: Row, key: str) -> str:
    renamed = row.get("renamed_to")
    name = "FLOPs" if row.get("total") == "flops" else str(row[key])
    return f"{name} → {renamed}" if renamed else name


def _cell(row: Row, key: str) -> str:
    return _formula(row[key]) if row.get("total") == "flops" else text(row[key])


def _change(row: Row) -> str:
    """What a layer is, or what of it was and is."""
    one, other = (dict(_flat(row[side] or {})) for side in ("before", "after"))
    if row["change"] in ("added", "removed"):
        return "; ".join(f"{key} {item}".removeprefix("type ") for key, item in (one or other).items())
    return "; ".join(f"{key} {one.get(key, '–')} → {other.get(key, '–')}" for key in dict.fromkeys([*one, *other]))


def _flat(value: Row) -> Iterator[tuple[str, str]]:
    """The entries of a layer's description; arguments and sources stand for themselves."""
    for key, item in value.items():
        if isinstance(item, dict):
            named = {"arguments": ""}.get(key, f"{key} ")
            yield from ((f"{named}{name}", text(each)) for name, each in item.items())
        elif item not in ({}, []):
            yield ("FLOPs", _formula(item)) if key == "flops" else (key, text(item))


def _formula(flops: str) -> str:
    return _LARGE.sub(lambda number: f"{int(number[0]):,}", flops).replace("*", " · ")


def text(value: Any) -> str:
    """One cell."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return "; ".join(f"{key} {text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
