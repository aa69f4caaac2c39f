"""``graphspec predict``: what a trained network predicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from graphspec.cli import options
from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.predicting import Prediction


def predict(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|EXPORT", help="A run or an exported folder.", show_default=False)
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Images, .npy or .csv files; none: test samples.", show_default=False),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A text to go on with, or whose class is asked.", show_default=False),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", min=1, help="How many test samples (8) or tokens (200).", show_default=False),
    ] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the likeliest token; of --prompt.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the tokens drawn; of --prompt.")] = 0,
    masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write predicted masks there as PNG.", show_default=False)
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN|EXPORT", help="Another that predicts with it; repeat it.", show_default=False),
    ] = None,
    place: options.Place = options.Place(),
    work: options.Work = options.Work(),
) -> None:
    """Predict FILEs, or the first test samples beside their targets; an EXPORT runs in onnxruntime."""
    with work.screen() as here:
        from graphspec import pipeline

        found = pipeline.predict(
            source, files or (), prompt=prompt, count=count, temperature=temperature, seed=seed,
            ensemble=ensemble or (), data=place.data_place(),
        )  # fmt: skip
        if masks is not None:
            from graphspec.predicting.mask_files import write_masks

            write_masks(found, masks)
        running = prompt is not None and not found[0].outputs
        shown = _continued(found[0]) if running else _table(found)
        here.show({"predictions": [prediction.as_dict() for prediction in found]}, shown)


def _continued(prediction: Prediction) -> str:
    """The prompt and what follows, in lines as they are."""
    return "\n".join(map(printable, f"{prediction.sample}{prediction.label}".split("\n")))


def _table(predictions: Sequence[Prediction]) -> Table:
    """One row a sample; columns that nothing is known for are left out."""
    table = new_table()
    rows = [_row(prediction) for prediction in predictions]
    headings = [heading for heading in rows[0] if any(row[heading] for row in rows)]
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="left" if heading == "Sample" else "right")
    for row in rows:
        table.add_row(*(row[heading] for heading in headings))
    return table


def _row(prediction: Prediction) -> dict[str, str]:
    known, sure = prediction.target is not None, prediction.probability is not None
    label = prediction.label
    predicted = label if label is not None else ", ".join(f"{_shown(value)}" for value in prediction.outputs.values())
    return {
        "Sample": printable(prediction.sample),
        "Prediction": printable(predicted),
        "Probability": f"{prediction.probability:.1%}" if sure else "",
        "Target": printable(_shown(prediction.target)) if known else "",
        "": "wrong" if known and _is_class(prediction) and label != prediction.target else "",
    }


def _is_class(prediction: Prediction) -> bool:
    """Whether the label is the answer, not the shares of a mask."""
    return prediction.label is not None and prediction.classes is None


def _shown(value: Any) -> str:
    """Numbers to four digits; of long outputs the first few."""
    if isinstance(value, list):
        inner = [_shown(item) for item in value[:6]] + ["…"] * (len(value) > 6)
        return inner[0] if len(value) == 1 else f"[{' '.join(inner)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
