"""``[data] folds``: as many runs, each measured on the part that it was not trained on; their mean and spread."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphspec.compiler import Network, load
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.spec import of_one_run
from graphspec.system.durable import make_folders, unwritable, write_atomically
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.system.shown import Shown
from graphspec.training.run.reporter import Reporter, default_reporter
from graphspec.training.run.run_folder import RunFolder, as_json
from graphspec.training.run.run_options import RunOptions
from graphspec.training.train import train


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class FoldsReport(Shown):
    """``metrics`` has for each part, ``train`` and ``validation``, each metric's ``mean`` over the folds that are done,
    its standard deviation ``std`` (of a sample: by one less than their number), and the ``folds``' own values.

    ``runs`` are the folders of those that are done, of ``folds`` in all. The test part stays sealed.
    """

    run: Path
    folds: int
    runs: tuple[Path, ...]
    metrics: dict[str, dict[str, dict[str, Any]]]

    def __fspath__(self) -> str:
        """The folder that holds the runs."""
        return os.fspath(self.run)

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json`` and ``folds.json``."""
        return {"run": str(self.run), "folds": self.folds, "runs": [p.name for p in self.runs], "metrics": self.metrics}

    @classmethod
    def of(cls, folder: Path, folds: int, measured: Mapping[Path, Mapping[str, Mapping[str, float]]]) -> FoldsReport:
        """What the folds of `folder` that are done have ``measured``: their run folder's metrics by part."""
        metrics: dict[str, dict[str, dict[str, Any]]] = {}
        for part, names in next(iter(measured.values()), {}).items():
            metrics[part] = {name: _spread([parts[part].get(name) for parts in measured.values()]) for name in names}
        return cls(folder, folds, tuple(measured), metrics)

    def write(self) -> None:
        """Keep it as ``folds.json``, where all folds are done."""
        if len(self.runs) == self.folds:
            write_atomically(self.run / "folds.json", as_json(self.as_dict()))


def folder_of_fold(folder: Path, number: int) -> Path:
    """Where fold `number` of the runs in `folder` is."""
    return folder / f"fold-{number}"


def train_folds(
    network: Network, options: RunOptions, place: DataPlace = DataPlace(), reporter: Reporter | None = None
) -> FoldsReport:
    """Train the folds of a spec that are not done, in folders ``fold-0``, ``fold-1``, … of the one that `options` name.

    Several processes share them: one that is called with ``resume`` beside another takes the folds that no other has.

    Raises ``GraphspecError`` where there are folds already that are neither gone on with nor replaced.
    """
    assert network.spec.data is not None
    count, said = network.spec.data.folds or 0, reporter or default_reporter()
    folders = [folder_of_fold(options.folder, number) for number in range(count)]
    if not options.resume and not options.overwrite and any(RunFolder(path).is_run for path in folders):
        hint = "--resume goes on with them, --overwrite replaces them, --run names another folder"
        raise fail("run-exists", f"{options.folder} holds folds already", hint=hint)
    try:
        make_folders(options.folder)
    except OSError as error:
        raise unwritable(options.folder, error) from error
    for number, folder in enumerate(folders):
        if options.overwrite or _measured(folder) is None:
            said.note(f"fold {number} of 0 to {count - 1}")
            _train(network, number, dataclasses.replace(options, folder=folder), place, said)
    done = {path: parts for path in folders if (parts := _measured(path)) is not None}
    report = FoldsReport.of(options.folder, count, done)
    report.write()
    return report


def _train(network: Network, number: int, options: RunOptions, place: DataPlace, reporter: Reporter) -> None:
    """One fold, unless another process is at it."""
    one = load(of_one_run(network.spec), overrides=[f"data.fold={number}"], data=place)
    resume = bool(options.resume) and RunFolder(options.folder).is_run
    try:
        with one.located():
            train(one, dataclasses.replace(options, resume=resume), place, reporter)
    except GraphspecError as error:
        if error.diagnostics[0].code != "run-locked":
            raise
        reporter.note(f"fold {number} is trained by another process")


def _spread(values: list[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return {
        "mean": statistics.fmean(known) if known else None,
        "std": statistics.stdev(known) if len(known) > 1 else None,
        "folds": values,
    }


def read_folds(folder: Path) -> FoldsReport | None:
    """What ``folds.json`` in `folder` says; None where there is none."""
    path = folder / "folds.json"
    if not os.path.lexists(path):
        return None
    try:
        noted = json.loads(read_regular(path, most=MOST_JSON, links=False))
        runs = tuple(folder / str(name) for name in noted["runs"])
        return FoldsReport(folder, int(noted["folds"]), runs, dict(noted["metrics"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise fail("checkpoint-damaged", f"{quoted(path)} is none that graphspec wrote: {error}") from error


def _measured(folder: Path) -> dict[str, dict[str, float]] | None:
    """The metrics that the run in `folder` has ended with, by part; None where it has not."""
    path = folder / "evaluation.json"
    if not os.path.lexists(path):
        return None
    try:
        parts = json.loads(read_regular(path, most=MOST_JSON, links=False))["parts"]
        return {str(part): dict(metrics) for part, metrics in parts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise fail("checkpoint-damaged", f"{quoted(path)} is none that graphspec wrote: {error}") from error
