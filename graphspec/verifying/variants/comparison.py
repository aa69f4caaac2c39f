"""What a variant gives beside the float32 model: where they agree, how good it is, and how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphspec.exporting.postprocessing import LABEL, Postprocessing
from graphspec.exporting.reference import Arrays, as_array

#: The measurement of time ends after so many pairs of runs or so many seconds.
PAIRS, SECONDS = 50, 2.0


def session_of(path: Path) -> Any:
    """The model at `path` in onnxruntime, as installed but with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Session(nn.Module):
    """A model in onnxruntime as a module: forward's inputs in order to its output, or to a dict of several."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._session = session_of(path)
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._outputs = [value.name for value in self._session.get_outputs()]

    def forward(self, *values: Tensor) -> Tensor | dict[str, Tensor]:
        """Run the model."""
        found = self._session.run(self._outputs, dict(zip(self._inputs, map(as_array, values), strict=True)))
        tensors = dict(zip(self._outputs, map(torch.from_numpy, found), strict=True))
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


def latency(reference: Path, variant: Path, inputs: Arrays) -> tuple[float, float]:
    """Seconds that a run of `variant` takes on `inputs`, and its share of `reference`'s: medians both.

    The two take turns, so that whatever else the machine does slows both.
    """
    runs = [_runner(path, inputs) for path in (reference, variant)]
    for run in runs * 3:
        run()
    start = time.perf_counter()
    pairs: list[tuple[float, float]] = []
    while len(pairs) < PAIRS and (len(pairs) < 3 or time.perf_counter() - start < SECONDS):
        pairs.append((_seconds(runs[0]), _seconds(runs[1])))
    return statistics.median(pair[1] for pair in pairs), statistics.median(second / first for first, second in pairs)


def _runner(path: Path, inputs: Arrays) -> Callable[[], object]:
    session = session_of(path)
    return lambda: session.run(None, inputs)


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
