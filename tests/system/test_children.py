"""What graphspec starts ends with it and takes no more than it may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphspec.system import children

PARENT = """
import subprocess, sys, time
from graphspec.system.children import guarded
child = subprocess.Popen(guarded(["sleep", "60"]), start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="a signal at the parent's death is Linux's")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"


@linux
def test_a_child_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.5)
        assert alive(child)
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5
    while alive(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(child)


def run(code: str, **limits: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(children.guarded([sys.executable, "-c", code], **limits), capture_output=True, text=True)


@linux
def test_more_memory_than_allowed_is_refused_to_it() -> None:
    taken = "print(len(bytearray(200 << 20)))"
    assert run(taken).stdout == "209715200\n"
    assert "MemoryError" in run(taken, memory=100 << 20).stderr


def test_a_larger_file_than_allowed_is_not_written(tmp_path: Path) -> None:
    written = f"open({str(tmp_path / 'file')!r}, 'wb').write(bytes(1 << 20))"
    assert run(written).returncode == 0
    assert "File too large" in run(written, written=1 << 19).stderr
    assert (tmp_path / "file").stat().st_size <= 1 << 19


@linux
def test_more_processor_time_than_allowed_ends_it() -> None:
    assert run("while True: pass", seconds=1).returncode == -signal.SIGKILL


def test_a_program_that_is_not_there_is_said_so() -> None:
    done = subprocess.run(children.guarded(["no-such-program"]), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (127, "no-such-program cannot be started: No such file or directory\n")


def test_a_worker_gets_no_more_than_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "available", lambda: 5 << 30)
    assert children.memory_limit(1 << 30) == 3 << 30
    assert children.memory_limit(8 << 30) == 5 << 30


def test_onnxruntime_is_told_to_keep_to_itself() -> None:
    """Also what a user's environment asks for, and in what this process starts."""
    code = "import graphspec, os, subprocess; subprocess.run(['sh', '-c', 'echo $ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "ORT_DISABLE_TELEMETRY": "0"}, capture_output=True, text=True
    )
    assert done.stdout == "1\n"
