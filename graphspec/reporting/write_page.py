"""From a run or an export to its page."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from graphspec.compiler import Network
from graphspec.data.learned import Learned
from graphspec.data.place import DataLike
from graphspec.diagnostics import GraphspecError, printable
from graphspec.display.html import Html, Part, folded, picture
from graphspec.display.metric_tables import by_part
from graphspec.display.views import view_of
from graphspec.exporting import Bundle
from graphspec.formats import BASE
from graphspec.found import expect
from graphspec.pipeline import export
from graphspec.reporting.assembled import assembled
from graphspec.reporting.live import PIPELINE, Live, live_model
from graphspec.system.durable import write_atomically
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.system.scratch import ScratchFolder

#: Pictures of a run, in this order; others follow by name.
_FIRST = ("curves", "fit", "confusion_matrix", "errors")
_MOST_PICTURES = 24


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """The file that was written: how large it is, how much of that are onnxruntime-web and the model, and why no model
    runs in it (empty where one does).
    """

    path: Path
    bytes: int
    runtime_bytes: int
    model_bytes: int
    without_model: str


def report(
    source: str | os.PathLike[str], out: str | os.PathLike[str], *, model: bool = True, data: DataLike = None
) -> Page:
    """Write the page of a run or an export to `out`; a run is exported, and verified, for the `model` in the page.

    Raises ``GraphspecError`` where `source` is neither, was changed, or the file cannot be written.
    """
    folder = Path(source)
    kind, network = expect(folder, "run", "export"), Network.open(folder, "run", "export")
    with ScratchFolder() as scratch:
        bundle, because = Bundle.open(folder) if kind == "export" else None, "" if model else "--no-model"
        if bundle is not None:
            bundle.check_hashes()
        elif model:
            bundle, because = _exported(folder, Path(scratch) / "export", data)
        live = Live(because) if because or bundle is None else live_model(bundle, network)
        text = assembled(network.name, _sections(folder, kind, network, bundle), live)
    content = text.encode()
    write_atomically(Path(out), content)
    return Page(Path(out), len(content), live.runtime_bytes, live.model_bytes, live.because)


def _exported(run: Path, out: Path, data: DataLike) -> tuple[Bundle | None, str]:
    """A verified export of `run`, or why there is none."""
    learned = Learned.read(run)
    of_texts = learned is not None and learned.text is not None
    try:
        return export(run, out, formats=[BASE.name, *([] if of_texts else [PIPELINE])], data=data), ""
    except GraphspecError as error:
        return None, error.diagnostics[0].message


def _sections(folder: Path, kind: str, network: Network, bundle: Bundle | None) -> Iterator[tuple[str, list[Part]]]:
    if kind == "run":
        yield "Figures", list(_figures(folder))
        yield "Pictures", list(_pictures(folder))
    yield "Network", list(view_of(network).parts())
    if bundle is not None:
        yield "Verification", list(view_of(bundle).parts())
    text = read_regular(folder / "spec.toml", most=MOST_JSON, links=False).decode("utf-8", "replace")
    yield "Spec", [folded("spec.toml", [text])]


def _figures(run: Path) -> Iterator[Part]:
    """The metrics of the best weights, by part; nothing where the run was not evaluated."""
    try:
        found = json.loads(read_regular(run / "evaluation.json", most=MOST_JSON, links=False))
        parts = {
            printable(str(part)): {
                printable(str(name)): float("nan") if value is None else float(value) for name, value in metrics.items()
            }
            for part, metrics in found["parts"].items()
        }
        table: Table | str = by_part(parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        table = "This run was not evaluated."
    yield table


def _pictures(run: Path) -> Iterator[Part]:
    found = {path.stem: path for path in sorted(run.glob("*.png")) if path.is_file() and not path.is_symlink()}
    names = [*(name for name in _FIRST if name in found), *(name for name in found if name not in _FIRST)]
    for name in names[:_MOST_PICTURES]:
        title = name.replace("_", " ")
        yield folded(title, [picture(found[name], title)], opened=name in _FIRST)
    if "errors" not in found:
        yield Html("<p>graphspec evaluate adds what is drawn of every prediction, such as the worst errors.</p>")
