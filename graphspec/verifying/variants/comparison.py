"""What a variant gives beside the float32 model: where they agree, how good it is, and how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from graphspec.exporting.postprocessing import LABEL, Postprocessing
from graphspec.exporting.reference import Arrays, as_array
from graphspec.shapes.shaped import ShapedGraph

#: The measurement of time ends after so many pairs of runs or so many seconds.
PAIRS, SECONDS = 50, 2.0


#: What runs a file: from the arrays of its inputs to those of its outputs, by name.
Run = Callable[[Arrays], Arrays]


class Session(nn.Module):
    """A file of the network `shaped` as a module: forward's inputs in order to its output, or to a dict of several."""

    def __init__(self, run: Run, shaped: ShapedGraph) -> None:
        super().__init__()
        self._run, self._inputs, self._outputs = run, list(shaped.inputs), list(shaped.outputs)

    def forward(self, *values: Tensor) -> Tensor | dict[str, Tensor]:
        """Run the file."""
        found = self._run(dict(zip(self._inputs, map(as_array, values), strict=True)))
        tensors = {name: torch.from_numpy(found[name]) for name in self._outputs}
        return tensors if len(tensors) > 1 else tensors[self._outputs[0]]


class Agreement:
    """Of the samples counted, the share that gets the same class, or the R² of the values against the reference's."""

    def __init__(self, reading: Postprocessing) -> None:
        self._reading = reading
        self._samples = self._same = 0
        self._sums = np.zeros(4)  # count, reference, reference², difference²
        self.finite = True

    def update(self, reference: Tensor | dict[str, Tensor], variant: Tensor | dict[str, Tensor]) -> None:
        """Count a batch."""
        pairs = zip(_tensors(reference), _tensors(variant), strict=True)
        for right, found in pairs:
            self.finite &= bool(found.isfinite().all())
            self._samples += len(right)
            labels = [self._reading.tensors(output).get(LABEL) for output in (right, found)]
            if labels[0] is not None and labels[1] is not None:
                self._sums[0] += labels[0].numel()
                self._same += int((labels[0] == labels[1]).sum())
            else:
                wanted, off = right.double(), (found - right).double()
                sums = wanted.numel(), wanted.sum().item(), wanted.square().sum().item(), off.square().sum().item()
                self._sums += np.array(sums)

    @property
    def of_classes(self) -> bool:
        """Whether classes are compared; else values are."""
        return self._reading.classes is not None

    @property
    def share(self) -> float:
        """1 where nothing differs."""
        if not self.finite:
            return 0.0
        count, total, squares, off = self._sums
        if self.of_classes:
            return float(self._same / count)
        spread = squares - total**2 / count
        return float(1 - off / spread) if spread > 0 else float(off == 0)


def _tensors(output: Tensor | dict[str, Tensor]) -> Iterable[Tensor]:
    return output.values() if isinstance(output, dict) else (output,)


class Beside(nn.Module):
    """Gives what `variant` does and counts where `reference` agrees."""

    def __init__(self, reference: Session, variant: Session, agreement: Agreement) -> None:
        super().__init__()
        self.reference, self.variant, self.agreement = reference, variant, agreement

    def forward(self, *values: Tensor) -> Tensor | dict[str, Tensor]:
        """The variant's output."""
        found = self.variant(*values)
        self.agreement.update(self.reference(*values), found)
        return found


def latency(reference: Run, variant: Run, inputs: Arrays) -> tuple[float, float]:
    """Seconds that `variant` takes on `inputs`, and its share of `reference`'s: medians both.

    The two take turns, so that whatever else the machine does slows both.
    """
    for run in (reference, variant) * 3:
        run(inputs)
    start = time.perf_counter()
    pairs: list[tuple[float, float]] = []
    while len(pairs) < PAIRS and (len(pairs) < 3 or time.perf_counter() - start < SECONDS):
        pairs.append((_seconds(reference, inputs), _seconds(variant, inputs)))
    return statistics.median(pair[1] for pair in pairs), statistics.median(second / first for first, second in pairs)


def _seconds(run: Run, inputs: Arrays) -> float:
    start = time.perf_counter()
    run(inputs)
    return time.perf_counter() - start
