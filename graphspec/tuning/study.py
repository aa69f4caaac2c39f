"""The folder of a study, which several processes may share: the journal, the trials, and who trains which of them."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.pruners import BasePruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.system.lock import Lock, locked
from graphspec.tuning.locks import JournalLock
from graphspec.tuning.samplers import SeededSampler
from graphspec.tuning.space import Space

_NAME = "graphspec"
#: A trial in which a process died this often is given up: its values may be what kills it.
MOST_DEATHS = 2
#: What a journal that is not as Optuna writes it may raise.
_MALFORMED = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, RecursionError, OverflowError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Claim:
    """A trial that this process trains; nobody else does while the lock is held."""

    trial: Trial
    folder: Path
    lock: Lock
    resumed: bool

    def release(self) -> None:
        """Let others have the trial, should it not be finished."""
        self.lock.release()


class StudyFolder:
    """``runs/NAME-tune``: ``journal.log`` (Optuna's), ``spec.toml``, ``trials/N`` (ordinary run folders), results."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = path / "journal.log"
        self.study: optuna.Study

    def check(self, resume: bool) -> None:
        """Refuse a folder that must not be written: a study that is not resumed, or anything that is none."""
        if self.path.exists() and not self.path.is_dir():
            raise fail("exists", f"{self.path} is a file", hint="--run names a folder")
        for link in filter(Path.is_symlink, (self.journal, self.path / "trials", *self.path.glob("trials/*"))):
            hint = "put there what it leads to, or name another folder with --run"
            raise fail("outside", f"{link} is a symbolic link: a study is not written through one", hint=hint)
        is_study = self.journal.is_file()
        if resume and not is_study:
            raise fail("no-run", f"{self.path} holds no study to resume", hint="leave --resume away to start one")
        if is_study and not resume:
            hint = "--resume goes on with it, or helps a process that runs it; --run names another"
            raise fail("run-exists", f"{self.path} holds a study already", hint=hint)
        if not is_study and self.path.is_dir() and any(self.path.iterdir()):
            raise fail("exists", f"{self.path} holds other files", hint="--run names a new or empty folder")

    def open(self, sampler: SeededSampler, pruner: BasePruner, direction: str, space: Space) -> None:
        """Create the study of `space`, or join it.

        Raises ``GraphspecError`` (``checkpoint-damaged``) where the journal is not one of such a study, or knows
        nothing of trials that were begun.
        """
        begun = [int(each.name) for each in self.path.glob("trials/*") if each.is_dir() and each.name.isdecimal()]
        try:
            (self.path / "trials").mkdir(parents=True, exist_ok=True)
            self._storage = JournalStorage(JournalFileBackend(str(self.journal), JournalLock(self.journal)))
            self.study = optuna.create_study(
                storage=self._storage, study_name=_NAME, sampler=sampler, pruner=pruner, load_if_exists=True,
                direction="maximize" if direction == "maximize" else "minimize",
            )  # fmt: skip
            known = self.trials()
            odd = [oddity for trial in known if (oddity := _oddity(trial, space))]
        except OSError as error:
            raise fail("unwritable", f"{self.path} cannot be written: {error.strerror}") from error
        except _MALFORMED as error:
            raise self._damaged(f"is not what Optuna wrote: {type(error).__name__}: {error}") from error
        if begun and max(begun) >= len(known):
            raise self._damaged(f"knows of {len(known)} trials, and trials/{max(begun)} was begun")
        if odd:
            raise self._damaged(f"is another study's: {odd[0]}")

    def _damaged(self, what: str) -> GraphspecError:
        return fail("checkpoint-damaged", f"{self.journal} {what}", hint="tune into another folder")

    def trials(self) -> list[FrozenTrial]:
        """Every trial so far, in order."""
        return self.study.get_trials(deepcopy=False)

    def claim(self, space: Space, wanted: int) -> Claim | None:
        """The next trial for this process: one whose process has died, else a new one; None where there are enough."""
        with locked(self.path / "study.lock"):
            for known in self.trials():
                if known.state == TrialState.RUNNING and (claim := self._adopt(known.number, space)):
                    return claim
            if len(self.trials()) >= wanted:
                return None
            trial = self.study.ask(dict(space))
            lock = Lock.take(self._lock_of(trial.number))
            assert lock is not None  # a new trial is nobody else's
            return Claim(trial, self.folder_of(trial.number), lock, resumed=False)

    def folder_of(self, number: int) -> Path:
        """The run folder of a trial."""
        return self.path / "trials" / str(number)

    def _lock_of(self, number: int) -> Path:
        return self.path / "trials" / f"{number}.lock"

    def _adopt(self, number: int, space: Space) -> Claim | None:
        """Trial `number`, should its process have ended without it."""
        lock = Lock.take(self._lock_of(number))
        if lock is None:
            return None
        known = self.trials()[number]  # it may have been told just before its lock was released
        if known.state == TrialState.RUNNING:
            trial, attributes = self._trial(number), known.user_attrs
            began = self.folder_of(number).exists() and not attributes.get("stopped", False)
            deaths = attributes.get("deaths", 0) + began
            trial.set_user_attr("deaths", deaths)
            trial.set_user_attr("stopped", False)
            if deaths < MOST_DEATHS and known.params.keys() == space.keys():
                return Claim(trial, self.folder_of(number), lock, resumed=True)
            error = f"the process was killed in this trial {deaths} times" if deaths else "its process was killed"
            trial.set_user_attr("error", error)
            self.study.tell(trial, state=TrialState.FAIL)
        lock.release()
        return None

    def _trial(self, number: int) -> Trial:
        study = self._storage.get_study_id_from_name(_NAME)
        return Trial(self.study, self._storage.get_trial_id_from_study_id_trial_number(study, number))


#: What is noted of a trial, and as what.
_NOTED = {"deaths": int, "stopped": bool, "error": str, "best_epoch": int, "folds": int}


def _oddity(trial: FrozenTrial, space: Space) -> str:
    """What a trial has that no trial of `space` has; empty where there is nothing."""
    for name, distribution in trial.distributions.items():
        if space.get(name) != distribution:
            return f"trial {trial.number} varies {quoted(name)} otherwise"
        value, of_choices = trial.params.get(name), isinstance(distribution, CategoricalDistribution)
        if not of_choices and not (isinstance(value, int | float) and math.isfinite(value)):
            return f"trial {trial.number} has an odd value for {quoted(name)}"
    for name, value in trial.user_attrs.items():
        if not isinstance(value, _NOTED.get(name, object)):
            return f"trial {trial.number} has {quoted(value)} for {quoted(name)}"
    values = [*(trial.values or ()), *trial.intermediate_values.values()]
    return "" if all(isinstance(value, float) for value in values) else f"trial {trial.number} has odd values"
