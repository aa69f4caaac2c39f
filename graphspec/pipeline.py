"""What graphspec does, a function each: from a spec to a trained run, from that to a published file, and back to words.

Each opens a network and hands it to the room that does the work; torch is imported when the first of them needs it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from graphspec.checking import check
from graphspec.compiler import Network, Reading, Source, load
from graphspec.system.collecting import uncollected

if TYPE_CHECKING:
    from torch.fx import GraphModule

    from graphspec.data.place import DataLike, DataPlace
    from graphspec.exporting import Bundle
    from graphspec.predicting import Drawing, Prediction
    from graphspec.training import EvaluateReport, FoldsReport, TrainReport
    from graphspec.training.run.reporter import Reporter
    from graphspec.tuning.tune_report import TuneReport
    from graphspec.verifying import VerifyReport

#: A path, or what lies at one: a run's report, a bundle.
Folder = str | os.PathLike[str]


@uncollected()
def compile(source: Source, **reading: Unpack[Reading]) -> GraphModule:
    """Compile a spec, or whatever :func:`load` takes, to an ordinary ``torch.nn.Module`` in training mode.

    A module with one output returns a tensor; with several, a dict by output name. Each call gives a new module.

    Raises:
        GraphspecError: what is wrong with the spec, all of its sections, with file, line and hint.
    """
    network = load(source, **reading)
    check(network)
    return network.build()


def train(
    spec: Source,
    *,
    run: Folder | None = None,
    resume: bool | Literal["auto"] = False,
    overwrite: bool = False,
    epochs: int | None = None,
    device: str = "auto",
    data: DataLike = None,
    init: Folder | None = None,
    parallel: Literal["ddp", "fsdp"] = "ddp",
    evaluated: bool = True,
    tensorboard: bool = False,
    reporter: Reporter | None = None,
    **reading: Unpack[Reading],
) -> TrainReport | FoldsReport:
    """Train a spec into the run folder `run`: without one into ``runs/NAME``, or ``runs/NAME-2`` where that is taken.

    `resume` goes on with what is there (``"auto"``: or begins), `overwrite` replaces it; without `run` the newest.
    `data`, here and below, is a folder for ``[data] root``, a :class:`graphspec.DataPlace`, or the data: ``(x, y)``,
    a data set or loader of torch's, or these by part. `init` is a file of weights, or a run. `tensorboard` also
    writes each epoch's metrics for it. Under torchrun all processes train together; the first gives the report.
    """
    from graphspec import training
    from graphspec.training.run.tensorboard import beside

    network = load(spec, data=data, **reading)
    options = training.RunOptions(
        folder=Path(run or training.folder_of(network.name, newest=bool(resume or overwrite))), resume=resume,
        overwrite=overwrite, epochs=epochs, init=None if init is None else Path(init), device=device, parallel=parallel,
        evaluated=evaluated,
    )  # fmt: skip
    with network.located():
        said = beside(reporter, options.folder) if tensorboard else reporter
        made = training.train_folds if network.spec.folded else training.train
        return made(network, options, _place(data), said)


def tune(
    spec: Source,
    *,
    run: Folder | None = None,
    resume: bool = False,
    trials: int | None = None,
    device: str = "auto",
    data: DataLike = None,
    say: Callable[[str], None] = lambda text: None,
    **reading: Unpack[Reading],
) -> TuneReport:
    """Search the space of a spec's ``[tune]`` in the folder `run` (``runs/NAME-tune`` by default).

    Each trial is trained like any spec; with `resume` a study goes on, also beside other processes. The best trial's
    weights are measured on every part once no trial is left. See :func:`graphspec.tuning.tune.tune`.
    """
    from graphspec import tuning

    tuning.require_what_it_needs()
    network = load(spec, data=data, **reading)
    check(network)
    folder = Path(run or f"runs/{network.name}-tune")
    with network.located():
        return tuning.search(network, _place(data), run=folder, resume=resume, trials=trials, device=device, say=say)


def evaluate(
    run: Folder, *, ensemble: Iterable[Folder] = (), device: str = "auto", data: DataLike = None
) -> EvaluateReport:
    """Measure the best weights of the run folder `run` on every part of its data, and write its report.

    With an `ensemble` of further runs what all of them predict together is measured, and nothing written.
    """
    from graphspec import training

    return training.evaluate_folders([run, *ensemble], device=device, data=data)


def export(
    source: Source,
    out: Folder | None = None,
    *,
    formats: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    overwrite: bool = False,
    sign: Folder | None = None,
    data: DataLike = None,
    **reading: Unpack[Reading],
) -> Bundle:
    """Export a run (its best weights), or a spec (its seeded initial weights), to `out` (``exports/NAME``).

    The bundle is published only after it was verified. ``"pipeline"`` and the precision ``"int8"`` need the data set,
    everything else goes without it. Untrained weights replace trained ones only with `overwrite`. `sign` is a file with
    a private key (PEM, elliptic curve), by which the bundle is signed.

    Raises ``VerificationError`` where an exported file is not the same function; nothing was published.
    """
    from graphspec.verifying.publication import publish_verified

    network = Network.open(source, "run", "spec", data=data, **reading)
    with network.located():
        return publish_verified(
            network, Path(out or f"exports/{network.name}"), formats=formats, precisions=precisions,
            place=_place(data), overwrite=overwrite, sign=Path(sign) if sign else None,
        )  # fmt: skip


def verify(
    bundle: Folder, *, runtimes: Sequence[str] = (), file: Folder | None = None, key: Folder | None = None
) -> VerifyReport:
    """Check an export again: its hashes, and every file against the module that its spec and weights make.

    `runtimes` adds optional ones by name, or ``"all"``. With `file`, that file (ONNX, ``.tflite``, ``.pte``), of
    whatever origin, is judged instead of the export's own. With `key`, a file with a public key, every file must be as
    its owner has signed it.

    Raises ``VerificationError`` where a file was changed. A mismatch is in the report: ``.passed``, ``.worst``.
    """
    from graphspec import verifying

    return verifying.verify_again(
        Path(bundle), runtimes=runtimes, file=Path(file) if file else None, key=Path(key) if key else None
    )


def predict(
    source: Folder,
    files: Folder | Iterable[Folder] | Any = (),
    *,
    ensemble: Iterable[Folder] = (),
    data: DataLike = None,
    **drawing: Unpack[Drawing],
) -> list[Prediction]:
    """What a run, or an export's ONNX file, predicts of `files`, or behind a ``prompt``; else of test samples.

    In place of files stands an array or tensor of samples as the data set holds them; of several inputs a dict.

    With an `ensemble` of further ones the mean of their probabilities, or of their values.
    """
    from graphspec import predicting

    with contextlib.ExitStack() as stack:
        functions = [stack.enter_context(predicting.function_of(Path(each))) for each in (source, *ensemble)]
        return predicting.predict_together(functions, predicting.given(files), place=_place(data), **drawing)


def _place(data: DataLike) -> DataPlace:
    """Where the data lie; its module imports torch."""
    from graphspec.data.place import DataPlace

    return DataPlace.of(data)
