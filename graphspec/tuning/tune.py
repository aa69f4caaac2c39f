"""A search from its first trial to its report; several processes may share one."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.trial import TrialState

from graphspec.compiler import Network
from graphspec.data import DataSet
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecError, fail, quoted, suggest
from graphspec.losses import LOSSES
from graphspec.spec.dump import dump
from graphspec.spec.model import NetworkSpec
from graphspec.spec.tune import TuneSpec
from graphspec.system.durable import write_atomically
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.training import evaluate_folders, load_data
from graphspec.training.checks.valueless import why_no_value
from graphspec.training.metrics.names import LOSS, MetricName, names_of
from graphspec.training.metrics.table import METRICS
from graphspec.tuning.results import trial_line, write_results
from graphspec.tuning.samplers import build_pruner, build_sampler
from graphspec.tuning.settings import check_settings
from graphspec.tuning.simultaneous import run_simultaneously
from graphspec.tuning.space import Space, distributions, grid
from graphspec.tuning.study import Claim, StudyFolder
from graphspec.tuning.trainer import Trainer
from graphspec.tuning.trial import run_trial
from graphspec.tuning.tune_report import TuneReport, trial_report
from graphspec.tuning.vectorized import obstacle


def tune(
    network: Network,
    place: DataPlace = DataPlace(),
    *,
    run: Path,
    resume: bool = False,
    trials: int | None = None,
    device: str = "auto",
    say: Callable[[str], None] = lambda text: None,
) -> TuneReport:
    """Search the space of ``[tune]`` in the folder `run`, until `trials` (the spec's otherwise) were made in all.

    `place` is where the data lie, `say` gets a line for each trial. Once no trial is left, the best one's weights are
    measured on every part; not where trials have ``[data] folds``, whose mean is a trial's value: there the test part
    stays sealed.

    Raises ``GraphspecError`` before the first trial where the space, the sampler or the metric is wrong, and at the end
    where no trial at all was complete.
    """
    spec, settings = network.spec, _settings(network.spec)
    data = load_data(_of_one_fold(spec), place)
    trainer = Trainer(network, settings, data, place, device)
    searched = _metric(spec, settings, data)
    direction = settings.direction or ("maximize" if searched.higher_is_better else "minimize")
    metric = str(searched)
    space = distributions(spec)
    if faults := check_settings(spec, trainer.check):  # a path that leads nowhere fails here, at its place
        raise GraphspecError(faults)
    sampler, pruner = build_sampler(settings.sampler, settings.seed, space), build_pruner(settings.pruner)
    folder = StudyFolder(run)
    folder.check(resume)
    with _quiet_optuna():
        folder.open(sampler, pruner, direction, space)
        _check_same_study(folder, spec)
        wanted = trials or settings.trials
        if settings.sampler.type == "GridSampler":
            wanted = min(wanted, _grid_size(space))
        _search(folder, space, wanted, metric, trainer, _at_once(spec, settings, say), say)
        report = write_results(folder, metric, direction, trainer)
    if report.best_run is None or report.counts.get("running") or report.folds is not None:
        return report
    return dataclasses.replace(report, evaluation=evaluate_folders([report.best_run], device=device, data=place))


def _of_one_fold(spec: NetworkSpec) -> NetworkSpec:
    """`spec` with the first of its folds alone, where a trial has several."""
    if not spec.folded:
        return spec
    assert spec.data is not None
    return spec.model_copy(update={"data": spec.data.model_copy(update={"fold": 0})})


def _search(
    folder: StudyFolder, space: Space, wanted: int, metric: str, trainer: Trainer, at_once: int,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Make trials until there are `wanted`, up to `at_once` in one pass."""
    while claims := _claims(folder, space, wanted, at_once):
        for claim in claims:
            if claim.resumed:
                say(f"trial {claim.trial.number}: going on where its process ended")
        if at_once > 1 and (why := run_simultaneously(folder, claims, metric, trainer)):
            say(f"one trial at a time: {why}")
            at_once = 1
        for claim in claims:
            if folder.trials()[claim.trial.number].state == TrialState.RUNNING:
                run_trial(folder, claim, metric, trainer)
            say(trial_line(trial_report(folder.trials()[claim.trial.number]), metric))


def _claims(folder: StudyFolder, space: Space, wanted: int, most: int) -> list[Claim]:
    claims: list[Claim] = []
    while len(claims) < most and (claim := folder.claim(space, wanted)):
        claims.append(claim)
    return claims


def _settings(spec: NetworkSpec) -> TuneSpec:
    if spec.tune is None:
        hint = 'add [tune] with space = { "train.optimizer.lr" = { low = 1e-4, high = 1e-1, log = true } }'
        raise fail("no-training", f"{quoted(spec.name)} has no [tune] section", hint=hint)
    if spec.train is None:
        raise fail("no-training", f"{quoted(spec.name)} has no [train] section", hint="add [train]")
    return spec.tune


def _at_once(spec: NetworkSpec, settings: TuneSpec, say: Callable[[str], None]) -> int:
    """How many trials one pass may have."""
    assert spec.train is not None
    why = "each has folds" if spec.folded else obstacle(list(settings.space), spec.train)
    if settings.vmap > 1 and why:
        say(f"one trial at a time: {why}")
        return 1
    return settings.vmap


def _metric(spec: NetworkSpec, settings: TuneSpec, data: DataSet) -> MetricName:
    """What of the validation part is searched for: ``[tune] metric``, else the run's monitor."""
    assert spec.train is not None
    if data.validation is None:
        raise fail("no-data", "a search needs a validation part", ("data", "validation"), "set it above 0")
    implied = (MetricName(LOSSES[spec.train.losses[0].type].metric),) if data.classes else ()
    measured = names_of(spec.train.metrics) or implied
    known = {str(name): name for name in (MetricName(LOSS), *measured)}
    wanted = settings.metric or spec.train.monitor or next(iter(map(str, measured)), LOSS)
    if wanted not in known:
        hint = suggest(wanted, known) or f"known: {', '.join(known)}"
        raise fail("bad-metric", f"{quoted(wanted)} is not measured", at=("tune", "metric"), hint=hint)
    name = known[wanted]
    if name.metric in METRICS and (targets := data.train.targets):
        target = name.output if name.output in targets else next(iter(targets))
        if reason := why_no_value(METRICS[name.metric], target, data):
            message = f"{reason} {quoted(wanted)} has no value"
            raise fail("bad-metric", message, at=("tune", "metric"), hint='metric = "loss"')
    return name


def _grid_size(space: Space) -> int:
    size = 1
    for values in grid(space).values():
        size *= len(values)
    return size


def _check_same_study(folder: StudyFolder, spec: NetworkSpec) -> None:
    """Write the spec of a new study, or compare with the one that the study began with; trials may become more."""
    path, text = folder.path / "spec.toml", dump(spec)
    if not path.is_file():
        write_atomically(path, text.encode())
        return
    before, now = (_without_trials(each) for each in (_text_of(path), text))
    if before != now:
        notes = [f"was: {line}" for line in before if line not in now]
        notes += [f"is: {line}" for line in now if line not in before]
        message = f"the spec is not the one that the study in {folder.path} began with"
        raise fail("checkpoint-mismatch", message, hint="tune into another folder", notes=notes[:20])


def _text_of(path: Path) -> str:
    try:
        return read_regular(path, most=MOST_JSON, links=False).decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise fail("checkpoint-damaged", f"{quoted(path)} cannot be read: {reason}") from error


def _without_trials(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("trials ")]


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Optuna says nothing of its own: what matters, the study's lines say."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
