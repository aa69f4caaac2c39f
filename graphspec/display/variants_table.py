"""The table of an export's variants in other precisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from graphspec.display.table_look import new_table


def variants(manifest: Mapping[str, Any]) -> Iterator[Table | Text]:
    """A row each: size and time as shares of float32's, agreement, the first metric of both, and what is worse."""
    rows = manifest.get("variants", {}).values()
    if not rows:
        return
    table = new_table()
    table.add_column("Variant", overflow="fold")
    for heading in ("Size", "Time", "Agreement"):
        table.add_column(heading, justify="right")
    names = list(next(iter(rows))["metrics"])
    for name in names[-1:]:
        table.add_column(f"{name} (float32)", justify="right")
    table.add_column("Remarks", overflow="fold")
    for row in rows:
        metrics = [f"{other:.4f} ({own:.4f})" for own, other in map(row["metrics"].__getitem__, names[-1:])]
        shares = f"{row['size']:.2f} ×", f"{row['latency']:.2f} ×", _agreement(row)
        table.add_row(row["file"], *shares, *metrics, "; ".join(row["notes"]))
    first = next(iter(rows))
    yield Text()
    yield table
    yield Text(f"Measured on {first['samples']} samples ({first['part']}); time of one sample with one thread.")


def _agreement(row: Mapping[str, Any]) -> str:
    """A share of classes, or the R² of values."""
    return f"{row['agreement']:.2%}" if row.get("of_classes", True) else f"R² {row['agreement']:.4f}"
