"""The processes that train together, and what they tell each other."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import signal
import threading
from collections.abc import Callable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from graphspec.diagnostics import GraphspecError, fail
from graphspec.system import processes

#: A process that says nothing for so long is taken for dead.
TIMEOUT = datetime.timedelta(minutes=10)
#: How gloo's and NCCL's errors begin or what they hold where another process has gone.
_LOST = ("gloo", "NCCL", "Timed out", "Broken pipe", "Connection refused", "Connection reset", "Connection closed")


class Gone(GraphspecError):
    """The first process has failed and says why; this one has nothing to add."""

    def __init__(self) -> None:
        super().__init__(())


@dataclasses.dataclass(frozen=True)
class Group:
    """All processes of the run, of which this one is number `rank` of `size`."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    def part(self, rank: int, count: int) -> slice:
        """Which of `count` samples the process `rank` takes; parts differ by one at most, and may be empty."""
        return slice(rank * count // self.size, (rank + 1) * count // self.size)

    def rows(self, count: int) -> slice:
        """Which of `count` samples this process takes."""
        return self.part(self.rank, count)

    def gather(self, value: Tensor) -> list[Tensor]:
        """`value` of every process, in order; all have the same shape and dtype."""
        found = [torch.empty_like(value) for _ in range(self.size)]
        dist.all_gather(found, value.contiguous())
        return found

    def agree(self, value: bool) -> bool:
        """What the first process says, to all."""
        said = torch.tensor([float(value)], device=self.device)
        dist.broadcast(said, 0)
        return bool(said.item())

    def agree_on(self, metrics: dict[str, float]) -> dict[str, float]:
        """The first process's metrics: two GPUs may differ in last bits, and all must decide alike."""
        said = torch.tensor(list(metrics.values()), dtype=torch.float64, device=self.device)
        dist.broadcast(said, 0)
        return dict(zip(metrics, said.tolist(), strict=True))

    def once(self, work: Callable[[], object]) -> None:
        """`work` in the first process only; all wait for it. Where it raises, the others raise :class:`Gone`."""
        error: BaseException | None = None
        if self.first:
            try:
                work()
            except BaseException as raised:
                error = raised
        if not self.agree(error is None):
            raise error if error is not None else Gone()


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """The group of all processes: NCCL between GPUs, gloo between CPUs. It ends with this context.

    Raises ``GraphspecError`` (``process-lost``) where another process does not come, or is gone in the middle.
    """
    try:
        with _killable():
            store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
            if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
                # torchrun keeps one store over all restarts: addresses of dead processes are still in it
                store = dist.PrefixStore(f"start-{processes.restarts()}", store)  # type: ignore[attr-defined]
            kind = "nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(kind, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
        yield Group(rank, size, device)
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or any(word in str(error) for word in _LOST):
            raise _lost(error) from error
        raise
    finally:
        if dist.is_initialized():
            with contextlib.suppress(RuntimeError):  # what is left of a group with a dead member
                dist.destroy_process_group()


@contextlib.contextmanager
def _killable() -> Iterator[None]:
    """Inside, SIGTERM ends the process at once: waiting for the others, Python would not come to its handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lost(error: BaseException) -> GraphspecError:
    reason = next((word for word in reversed(_LOST) if word in str(error)), type(error).__name__)
    hint = "the last checkpoint is whole; --resume goes on, torchrun --max-restarts does so by itself"
    return fail("process-lost", f"rank {processes.rank()}: another process of the run is gone ({reason})", hint=hint)
