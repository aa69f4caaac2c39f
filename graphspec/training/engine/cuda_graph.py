"""Whole steps as a CUDA graph: one launch for every kernel of feedforward, loss, backward and update.

On a small network a GPU waits for Python between its kernels. A graph replays the very kernels that torch launched
while it was captured, on the same memory, so that its numbers are eager's; what Python decides is decided once, which
is why a graph is taken only where the network is certain to take the same operations in every step
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import itertools
import math
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from graphspec.system.out_of_memory import is_out_of_memory
from graphspec.system.torch_private import foreach_copy_
from graphspec.training.engine.eager import Eager
from graphspec.training.engine.protocol import Pass
from graphspec.training.engine.recording import Batch, leaves
from graphspec.training.engine.reproducible import reproducible
from graphspec.training.optim.objective import Values

#: Steps of a graph, where there are so many, and bytes that the batches of one may take.
STEPS, MOST_BYTES = range(12, 33), 1 << 28
#: Steps of the proof: one before the graph is captured, the others by it.
PROVEN_STEPS = 4


@dataclasses.dataclass(kw_only=True)
class CudaGraph(Eager):
    """``at_once`` steps a launch, on batches of ``batch_size``; what is left over is computed as it is written.

    The first launch is computed as it is written too: it makes the optimiser's state, which the graph then moves. The
    graph is captured anew when an option of the optimiser has changed, such as its learning rate.
    """

    batch_size: int
    at_once: int = 1
    name: ClassVar[str] = "CUDA graph"

    def __post_init__(self) -> None:
        super().__post_init__()
        device = self._parameters[0].device
        self._stream, self._one = _side_stream(device), torch.ones((), device=device)
        self._batches: list[Batch] = []
        self._done: list[Pass] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._options: list[dict[str, Any]] | None = None

    def takes(self, rows: int) -> bool:
        return rows == self.at_once * self.batch_size

    def steps(self, inputs: list[Tensor], target: Values) -> Pass:
        """The losses (``at_once`` float32) and the outputs of all batches; the next call does not write over them."""
        self._place(inputs, target)
        if self._options is None:
            self._options = []
            with self._beside():
                self._whole_steps()
        else:
            if self._options != options_of(self.optimizer):
                self._capture()
            assert self._graph is not None
            self._graph.replay()
        losses = torch.stack([done.loss.detach() for done in self._done])
        return Pass(losses, math.nan, _joined([done.output for done in self._done]))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, whose tensors are others than those that a graph has moved so far."""
        super().load_state_dict(state)
        self._graph = self._options = None

    def _place(self, inputs: list[Tensor], target: Values) -> None:
        """Copy the batches to where the graph reads them, each to memory of its own as eager's batches have it."""
        pieces = [value.split(self.batch_size) for value in (*inputs, *leaves(target))]
        if not self._batches:
            for own in zip(*pieces, strict=True):
                copies = [torch.empty_like(value) for value in own]
                wanted = copies[len(inputs) :]
                named = wanted[0] if isinstance(target, Tensor) else dict(zip(target, wanted, strict=True))
                self._batches.append((copies[: len(inputs)], named))
        places = zip(*((*inputs, *leaves(target)) for inputs, target in self._batches), strict=True)
        for there, value in zip(places, pieces, strict=True):
            foreach_copy_(list(there), list(value))

    def _whole_steps(self) -> None:
        self._done = []
        for inputs, target in self._batches:
            self._done.append(self.forward_and_backward(inputs, target, 1.0, _unseen))
            self.update()

    @contextlib.contextmanager
    def _beside(self) -> Iterator[None]:
        """On a stream of its own, as a capture is; both streams wait for each other."""
        own = torch.cuda.current_stream()
        self._stream.wait_stream(own)
        with torch.cuda.stream(self._stream):
            yield
        own.wait_stream(self._stream)

    def _capture(self) -> None:
        self._options, self._graph, self._done = options_of(self.optimizer), None, []
        graph = torch.cuda.CUDAGraph()
        with _capturable(self.optimizer), torch.cuda.graph(graph, stream=self._stream):
            self._whole_steps()
        self._graph = graph


@functools.cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all graphs: cuBLAS keeps memory of its own for each stream that it was ever called on."""
    return torch.cuda.Stream(device)


def proven(eager: Eager, batches: Sequence[Batch]) -> bool:
    """Whether steps of `eager` on `batches`, of one shape, have the same bits as a graph: losses, weights and buffers.

    Where kernels add in any order, so that eager itself has other bits each time, both take deterministic kernels.
    Nothing of `eager` is changed.
    """
    try:
        return _same(eager, batches) or _deterministic(eager, batches)
    except RuntimeError:  # not everything can be captured, such as a layer that reads a value, and memory may not do
        return False


def options_of(optimizer: Optimizer) -> list[dict[str, Any]]:
    """What a step of `optimizer` reads in Python: a captured step has it for good."""
    return [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]


def memory_of(eager: Eager, batch: Batch) -> int:
    """Bytes that a step takes besides weights and batch; more than there are where it does not fit."""
    device = batch[0][0].device
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.max_memory_allocated(device)
    try:
        _run(_copied(eager), [batch])
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        torch.cuda.empty_cache()
        return sys.maxsize
    return int(torch.cuda.max_memory_allocated(device) - before)


def _deterministic(eager: Eager, batches: Sequence[Batch]) -> bool:
    with reproducible(True, warn_only=True):
        return _same(eager, batches)


def _same(eager: Eager, batches: Sequence[Batch]) -> bool:
    steps = list(itertools.islice(itertools.cycle(batches), PROVEN_STEPS))
    size = len(steps[0][0][0])
    expected = _run(_copied(eager), steps)
    found = _run(_copied(eager, CudaGraph, batch_size=size, at_once=1), steps)
    return all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def _copied(eager: Eager, kind: type[Eager] = Eager, **more: Any) -> Eager:
    """An engine of `kind` for copies of what `eager` moves."""
    module, optimizer, average = copy.deepcopy((eager.module, eager.optimizer, eager.average))
    return kind(**(eager.parts() | {"module": module, "optimizer": optimizer, "average": average} | more))


def _run(engine: Eager, batches: Sequence[Batch]) -> list[Tensor]:
    """The losses of steps on `batches`, and what the module holds after them."""
    losses = []
    with torch.random.fork_rng(devices=[batches[0][0][0].device]):
        torch.manual_seed(0)
        for inputs, target in batches:
            if engine.takes(len(inputs[0])):
                losses.append(engine.steps(inputs, target).loss)
            else:
                losses.append(engine.forward_and_backward(inputs, target, 1.0, _unseen).loss.detach().reshape(1))
                engine.update()
    return [*losses, *engine.module.state_dict().values()]


@contextlib.contextmanager
def _capturable(optimizer: Optimizer) -> Iterator[None]:
    """Inside, `optimizer` does not refuse to be captured; its fused step is the same kernel either way."""
    groups = [group for group in optimizer.param_groups if "capturable" in group]
    before = [group["capturable"] for group in groups]
    for group in groups:
        group["capturable"] = True
    try:
        yield
    finally:
        for group, value in zip(groups, before, strict=True):
            group["capturable"] = value


def _joined(outputs: Sequence[Values]) -> Values:
    first = outputs[0]
    if isinstance(first, Tensor):
        return torch.cat([value for value in outputs if isinstance(value, Tensor)]).detach()
    return {name: torch.cat([output[name] for output in outputs]).detach() for name in first}  # type: ignore[index]


def _unseen(loss: Tensor) -> float:
    """The losses are looked at together, afterwards."""
    return math.nan
