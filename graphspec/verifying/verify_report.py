"""What verification found, per runtime, output and case."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphspec.diagnostics import Diagnostic, VerificationError
from graphspec.diagnostics import Path as SpecPath
from graphspec.system.durable import write_atomically
from graphspec.system.shown import Shown
from graphspec.verifying.rule import Judgement, Status

#: Why an output of a constant network passes.
CONSTANT = "constant, as the network is: with other weights its files vary as they should"


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One output of one case in one runtime, judged."""

    case: str
    output: str
    judgement: Judgement


@dataclasses.dataclass(frozen=True, slots=True)
class Blame:
    """The first layer whose error is more than noise; ``detail`` says what was found there."""

    layer: str | None
    at: SpecPath
    detail: str


@dataclasses.dataclass(frozen=True, slots=True)
class RuntimeReport:
    """One runtime: every comparison, or ``failure``, why there are none.

    An ``optional`` runtime may not be there, or not know an operator or a size: that is no fault of the file, but it
    is not a pass either. What it does compute must be right. A file whose weights have a lower ``precision`` ("fp16",
    "int8") has to agree alone.
    """

    runtime: str
    comparisons: tuple[Comparison, ...] = ()
    failure: str = ""
    seconds: float = 0.0
    optional: bool = False
    precision: str = ""

    @property
    def limits(self) -> list[str]:
        """What an optional runtime did not run, and why."""
        if not self.optional:
            return []
        refused = [f"{c.case}: {c.judgement.reason}" for c in self.comparisons if c.judgement.refused]
        return [self.failure] if self.failure else list(dict.fromkeys(refused))

    @property
    def faults(self) -> list[str]:
        """Every reason for which this runtime's file is refused, worst first; empty when it passed."""
        if self.failure:
            return [] if self.optional else [self.failure]
        failed = [c for c in self.comparisons if c.judgement.status is Status.FAIL]
        failed = [c for c in failed if not (self.optional and c.judgement.refused)]
        failed.sort(key=lambda c: -c.judgement.scaled)
        return [f'output "{c.output}", {c.case}: {c.judgement.reason}' for c in failed]

    @property
    def first_failed_case(self) -> str | None:
        """The case that was answered wrongly first."""
        failed = (c.case for c in self.comparisons if c.judgement.status is Status.FAIL)
        return next(failed, None)

    @property
    def inconclusive(self) -> dict[str, str]:
        """Every output, with the reason of its first case, where the network cannot be told from a constant.

        It can where one output passes in one case: beside that, another may be a learned number, or zero on all that
        was drawn. Zeros do not count: on them a network shows little more than its biases.
        """
        found: dict[str, str] = {}
        for output in dict.fromkeys(c.output for c in self.comparisons):
            own = [c for c in self.comparisons if c.output == output and c.case != "zeros"]
            if not all(c.judgement.status is Status.INCONCLUSIVE for c in own):
                return {}
            found[output] = next((c.judgement.reason for c in own), "no case ran")
        return found

    def as_constant(self) -> RuntimeReport:
        """What is inconclusive here as passed: the network is a constant, and shown to be right otherwise."""
        told = [
            dataclasses.replace(c, judgement=dataclasses.replace(c.judgement, status=Status.PASS, reason=CONSTANT))
            if c.judgement.status is Status.INCONCLUSIVE
            else c
            for c in self.comparisons
        ]
        return dataclasses.replace(self, comparisons=tuple(told))

    @property
    def unobserved(self) -> list[str]:
        """Outputs that tell nothing of the weights behind them in any case."""
        own = [c for c in self.comparisons if c.case != "zeros"]
        told = {c.output for c in own if c.judgement.status is Status.PASS and not c.judgement.reason}
        return [output for output in dict.fromkeys(c.output for c in self.comparisons) if output not in told]

    @property
    def passed(self) -> bool:
        """No fault, nothing left out, and every output conclusive."""
        return not (self.faults or self.limits or self.inconclusive) and bool(self.comparisons)

    @property
    def worst(self) -> float:
        """The greatest scaled error, max|d|/max|ref|, over conclusive comparisons; infinite where there is none."""
        return max((judgement.scaled for judgement in self._conclusive), default=math.inf)

    @property
    def _conclusive(self) -> list[Judgement]:
        judged = [c.judgement for c in self.comparisons if not (self.optional and c.judgement.refused)]
        return [judgement for judgement in judged if judgement.status is not Status.INCONCLUSIVE]

    def as_dict(self) -> dict[str, Any]:
        """As data: the verdict, the worst scaled error and the greatest error in units of what was allowed."""
        counts = {status.value: sum(c.judgement.status is status for c in self.comparisons) for status in Status}
        margin = max((j.error / j.allowed for j in self._conclusive if j.allowed), default=0.0)
        row: dict[str, Any] = {"passed": self.passed, "scaled_error": _finite(self.worst)}
        row |= {"error_over_allowed": _finite(margin), "comparisons": counts}
        row |= {"limits": self.limits[:5]} if self.optional else {}
        row |= {"precision": self.precision} if self.precision else {}
        return row | {"faults": self.faults[:5], "inconclusive": self.inconclusive}


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class VerifyReport(Shown):
    """The whole verification. ``faults`` are those of the files themselves, before any is run.

    ``unaccounted`` is what a file has otherwise than the network's own, and of which numbers alone decide.
    """

    runtimes: tuple[RuntimeReport, ...]
    faults: tuple[str, ...] = ()
    blame: Blame | None = None
    failing_input: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    unaccounted: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Every file is what it says, every standard runtime passed, and no optional one gives wrong outputs."""
        standard = [runtime for runtime in self.runtimes if not runtime.optional]
        others = [runtime for runtime in self.runtimes if runtime.optional]
        right = all(runtime.passed for runtime in standard) and not any(runtime.faults for runtime in others)
        return right and bool(standard) and not self.faults

    @property
    def inconclusive(self) -> bool:
        """Whether nothing is wrong, and nothing can be told either: the network is a constant."""
        return bool(self.runtimes) and all(runtime.inconclusive for runtime in self.runtimes) and not self.faults

    def as_constant(self) -> VerifyReport:
        """What is inconclusive as passed; see :meth:`RuntimeReport.as_constant`."""
        return dataclasses.replace(self, runtimes=tuple(runtime.as_constant() for runtime in self.runtimes))

    @property
    def worst(self) -> float:
        """The greatest scaled error over the runtimes that ran."""
        ran = [runtime for runtime in self.runtimes if not runtime.optional or runtime._conclusive]
        return max((runtime.worst for runtime in ran), default=math.inf)

    @property
    def first_divergent_layer(self) -> str | None:
        """The layer at which a refused file leaves the module's values, where it is known."""
        return self.blame.layer if self.blame else None

    def as_dict(self) -> dict[str, Any]:
        """As data, for ``--json`` and the manifest; the same for every run on one machine."""
        row: dict[str, Any] = {"passed": self.passed, "scaled_error": _finite(self.worst), "faults": list(self.faults)}
        row |= {"unaccounted": list(self.unaccounted)} if self.unaccounted else {}
        row["first_divergent_layer"] = self.first_divergent_layer
        return row | {"runtimes": {runtime.runtime: runtime.as_dict() for runtime in self.runtimes}}

    def raise_if_failed(self, keep: Path | None = None) -> None:
        """Raise what is wrong; the input that was answered wrongly is saved to `keep` where that is given.

        Raises:
            VerificationError: ``mismatch``, ``inconclusive`` or ``runtime-failed``, with the layer at fault.
        """
        if self.passed:
            return
        found = self.diagnostics()
        if keep and self.failing_input:
            self.save_failing_input(keep)
            notes = (*found[0].notes, f"the input that was answered wrongly is in {keep}")
            found[0] = dataclasses.replace(found[0], notes=notes)
        raise VerificationError(found)

    def diagnostics(self) -> list[Diagnostic]:
        """Every reason for which the export is refused."""
        at = self.blame.at if self.blame else ()
        notes = (self.blame.detail,) if self.blame else ()
        found = [Diagnostic("mismatch", fault, at, notes=notes) for fault in self.faults]
        for runtime in self.runtimes:
            if runtime.failure and not runtime.optional:
                found.append(Diagnostic("runtime-failed", f"{runtime.runtime}: {runtime.failure}", at, notes=notes))
            elif runtime.faults:
                more = f" (and {len(runtime.faults) - 1} more)" if len(runtime.faults) > 1 else ""
                found.append(Diagnostic("mismatch", f"{runtime.runtime}: {runtime.faults[0]}{more}", at, notes=notes))
            unsure = {} if runtime.optional else runtime.inconclusive
            for output, reason in unsure.items():
                message = f'{runtime.runtime}: nothing can be told from output "{output}": {reason}'
                found.append(Diagnostic("inconclusive", message, hint="no input was found on which it varies enough"))
        return found

    def save_failing_input(self, path: Path) -> None:
        """Write the first input that was answered wrongly to `path` (``.npz``, one array per input)."""
        arrays = io.BytesIO()
        np.savez(arrays, allow_pickle=False, **self.failing_input)
        write_atomically(path, arrays.getvalue())


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return float(f"{value:.3g}") if math.isfinite(value) else None
