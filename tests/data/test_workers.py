"""Work on many samples: in parallel, in order, with a bar on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from graphspec.data.workers import CORES, in_parallel
from graphspec.system.bar import hidden


@contextlib.contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A real terminal as standard error; the list holds what was written to it."""
    ours, theirs = pty.openpty()
    written: list[bytes] = []
    with os.fdopen(theirs, "w") as stderr:
        patch.setattr(sys, "stderr", stderr)
        yield written
        stderr.flush()
        os.set_blocking(ours, False)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(ours, 65536):
                written.append(chunk)
    os.close(ours)


def test_results_come_in_order_from_no_more_threads_than_cores() -> None:
    before, seen = torch.get_num_threads(), set()

    def square(row: int) -> int:
        seen.add(threading.get_ident())
        return row * row

    assert list(in_parallel(square, 1000, "squaring")) == [row * row for row in range(1000)]
    assert 1 <= len(seen) <= CORES
    assert threading.get_ident() not in seen
    assert torch.get_num_threads() == before


def test_the_first_exception_ends_it() -> None:
    done = []

    def fails_at_100(row: int) -> None:
        if row == 100:
            raise KeyError(row)
        time.sleep(0.0005)
        done.append(row)

    with pytest.raises(KeyError, match="100"):
        list(in_parallel(fails_at_100, 100_000, "failing"))
    assert len(done) < 10_000


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as written:
        assert len(list(in_parallel(abs, 100, "taking absolutes"))) == 100
    assert b"taking absolutes" in b"".join(written)


@pytest.mark.parametrize("wanted", [False, True])
def test_nobody_else_sees_one(wanted: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a terminal where it was asked to be quiet, nor a file."""
    if not wanted:
        with terminal(monkeypatch) as written, hidden():
            list(in_parallel(abs, 100, "taking absolutes"))
        assert written == []
    else:
        list(in_parallel(abs, 100, "taking absolutes"))
    assert capfd.readouterr().err == ""
