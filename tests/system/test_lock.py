"""One process has a lock at a time, whatever becomes of the others; only regular files are taken for locks."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphspec import GraphspecError
from graphspec.system import durable
from graphspec.system.lock import Lock, locked

HOLDS = """
import sys, time
from pathlib import Path
from graphspec.system.lock import Lock
lock = Lock.take(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_it_goes_with_its_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        assert Lock.take(path) is None
        process.send_signal(signal.SIGKILL)
    lock = Lock.take(path)
    assert lock is not None
    lock.release()


def test_whoever_waits_gets_it_when_it_is_free(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as process:
        started = time.monotonic()
        subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {process.pid}"])
        with locked(tmp_path / "lock"):
            assert 0.2 < time.monotonic() - started < 30


def test_a_forked_process_does_not_keep_it(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path / "lock")
    assert lock is not None
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        lock.release()
        again = Lock.take(tmp_path / "lock")
        assert again is not None
        again.release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("make", "said"),
    [(os.mkfifo, "no regular file"), (os.mkdir, "no regular file"),
     (lambda path: path.symlink_to("elsewhere"), "is a symbolic link")],
    ids=["pipe", "folder", "link"],
)  # fmt: skip
def test_what_is_no_regular_file_is_refused(make, said: str, tmp_path: Path) -> None:
    make(tmp_path / "lock")
    with pytest.raises(GraphspecError, match=rf"unwritable.*lock\" cannot be locked: .*{said}"):
        Lock.take(tmp_path / "lock", wait=True)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("fault", [errno.ENOLCK, errno.EINVAL])
def test_a_file_system_without_locks_is_named(fault: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoLocks(durable.Disk):
        def lock(self, descriptor: int, wait: bool = False) -> None:
            raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(durable, "disk", NoLocks())
    with pytest.raises(GraphspecError, match=r"no locks(?s:.*)local disk"):
        Lock.take(tmp_path / "lock")
