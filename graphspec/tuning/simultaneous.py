"""Several trials of a study in one pass: each is told, pruned and written like one that was trained alone."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import TrialState

from graphspec.diagnostics import Diagnostic, GraphspecError
from graphspec.spec.model import NetworkSpec
from graphspec.system.out_of_memory import enough_memory
from graphspec.training.metrics.names import by_part
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.saver import Saver
from graphspec.training.run.signals import StopFlag, stop_flag
from graphspec.tuning.study import Claim, StudyFolder
from graphspec.tuning.trainer import Trainer
from graphspec.tuning.trial import Epochs
from graphspec.tuning.vectorized import Member, VectorizedTrials

_AT = ("tune", "vmap")
_HINT = "a smaller vmap, or batch_size, needs less; tune into another folder"


def run_simultaneously(study: StudyFolder, claims: Sequence[Claim], name: str, trainer: Trainer) -> str:
    """Train the trials of `claims` in one pass; gives why that cannot be, and then has not touched them.

    Raises ``Interrupted`` or ``Terminated`` after a signal, and ``GraphspecError`` where memory is too small: the
    trials begin anew when the study goes on.
    """
    networks = [trainer.network(claim.trial.params) for claim in claims]
    joined = trainer.join(networks)
    if isinstance(joined, str):
        return joined
    reporters = [Epochs(claim.trial, name) for claim in claims]
    epochs, patience = joined.settings.epochs, joined.settings.early_stopping
    pruned: set[int] = set()

    def after_epoch(number: int, member: Member) -> None:
        row = member.history[-1]
        try:
            reporters[number].epoch(row, epochs, member.best.epoch)
        except optuna.TrialPruned:
            pruned.add(number)
        waited = patience is not None and row["epoch"] - member.best.epoch >= patience
        member.ended = number in pruned or waited or row["epoch"] == epochs

    try:
        with enough_memory(f"{len(claims)} trials at once", _AT, _HINT), stop_flag() as flag:
            joined.run(after_epoch, lambda: _look(flag, joined.step))
        for number, (claim, network) in enumerate(zip(claims, networks, strict=True)):
            _tell(study, claim, joined.members[number], name, number in pruned)
            _write(claim, network.spec, joined, number)
    except GraphspecError:
        for claim in claims:
            if study.trials()[claim.trial.number].state == TrialState.RUNNING:
                claim.trial.set_user_attr("stopped", True)
        raise
    finally:
        for claim in claims:
            claim.release()
    return ""


def _look(flag: StopFlag, step: int) -> None:
    if flag.signal is not None:
        error = flag.error(step)
        hint = "--resume goes on: these trials begin anew"
        raise type(error)([Diagnostic("interrupted", f"stopped after step {step} of several trials", hint=hint)])


def _tell(study: StudyFolder, claim: Claim, member: Member, name: str, pruned: bool) -> None:
    if member.error:
        claim.trial.set_user_attr("error", member.error)
        study.study.tell(claim.trial, state=TrialState.FAIL)
    elif pruned:
        study.study.tell(claim.trial, state=TrialState.PRUNED)
    else:
        claim.trial.set_user_attr("best_epoch", member.best.epoch)
        study.study.tell(claim.trial, by_part(member.history[member.best.epoch - 1])["validation"][name])


def _write(claim: Claim, spec: NetworkSpec, joined: VectorizedTrials, number: int) -> None:
    """The trial's run folder, as training leaves it, without checkpoints: there is nothing to go on with."""
    member = joined.members[number]
    if not member.history:
        return
    with RunFolder(claim.folder) as folder:
        Saver(joined.learner, spec, joined.data, folder).begin()
        folder.write_weights("last", joined.weights_of(number))
        folder.write_weights("best", member.best.weights)
        folder.write_metrics(member.history)
