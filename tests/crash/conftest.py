"""A disk whose N-th step fails, in this process or in one that dies of it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graphspec.system import durable


class LackingDisk:
    """A disk whose file system answers every call of `step` with `fault`, an errno, as a network's or FUSE's may."""

    def __init__(self, step: str, fault: int) -> None:
        self.step, self.fault, self.real = step, fault, durable.Disk()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def refuse(*arguments: Any) -> Any:
            raise OSError(self.fault, os.strerror(self.fault))

        return refuse if name == self.step else getattr(self.real, name)


class FaultyDisk:
    """Passes every step on to the real disk; the `at`-th (from 1) ends in `fault`, a write after half of its bytes.

    `fault` is an errno, or None for SIGKILL. With `stays`, every later step fails too.
    """

    def __init__(self, at: int, fault: int | None, stays: bool = False) -> None:
        self.at, self.fault, self.stays, self.steps, self.real = at, fault, stays, 0, durable.Disk()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        step = getattr(self.real, name)

        def run(*arguments: Any) -> Any:
            self.steps += 1
            if self.steps == self.at or (self.stays and self.steps > self.at):
                if name == "write":
                    descriptor, content = arguments
                    step(descriptor, content[: len(content) // 2])
                if self.fault is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                else:
                    raise OSError(self.fault, os.strerror(self.fault))
            return step(*arguments)

        return run


@contextlib.contextmanager
def fault_at(at: int, fault: int | None = None, stays: bool = False) -> Iterator[FaultyDisk]:
    """Inside this context the disk is a :class:`FaultyDisk`; with `at` 0 it only counts."""
    before, faulty = durable.disk, FaultyDisk(at, fault, stays)
    durable.disk = faulty  # type: ignore[assignment]
    try:
        yield faulty
    finally:
        durable.disk = before


def in_child(work: Callable[[], object]) -> int:
    """Run `work` in a fork of this process; gives its exit status: 0, 1 after an exception, or minus a signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(name="fault_at")
def fault_at_fixture() -> Callable[..., contextlib.AbstractContextManager[FaultyDisk]]:
    """:func:`fault_at`."""
    return fault_at


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """``lacking("rename", errno.ENOSYS)``: for the rest of the test the disk is a :class:`LackingDisk`."""
    return lambda step, fault: monkeypatch.setattr(durable, "disk", LackingDisk(step, fault))


@pytest.fixture(name="killed_at")
def killed_at_fixture() -> Callable[[int, Callable[[], object]], int]:
    """``killed_at(N, work)``: `work` in a child that is killed in its N-th step."""

    def run(at: int, work: Callable[[], object]) -> int:
        def doomed() -> None:
            with fault_at(at):
                work()

        return in_child(doomed)

    return run
