"""Runs that are killed or stopped, as processes: what they saved is whole, and what went on has the very same bits.

benchmarks/campaigns does the same hundreds of times.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CAMPAIGNS = Path(__file__).parents[2] / "benchmarks" / "campaigns"
SPEC = """
graphspec = 1
[inputs]
image = ["N", 1, 8, 8]
[layers]
flatten = "Flatten"
logits  = { type = "Linear", out_features = 10 }
[data]
dataset    = "digits"
batch_size = 8
[train]
epochs = 100000
"""


def campaign(name: str, *arguments: str) -> dict[str, int]:
    """The last number of each line that a campaign prints, by the words before its numbers."""
    script = str(CAMPAIGNS / f"{name}.py")
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[-1].isdecimal()]
    return {" ".join(word for word in row if not word.isdecimal()): int(row[-1]) for row in rows}


@pytest.mark.slow
def test_killed_at_random_moments() -> None:
    found = campaign("kill", "--kills", "30", "--signals", "8", "--seed", "7")
    assert found["killed"] == 30
    assert found["unloadable"] == found["older than acknowledged"] == 0
    assert found["went on without repair, or ended"] == found["killed"] + found.get("finished", 0)
    assert found.get("finished as undisturbed", 0) == found.get("finished", 0)
    assert found["exit code right"] == found["state is one of the undisturbed run's"] == found["stopped"] > 0


@pytest.mark.slow
def test_stopped_and_resumed_at_many_steps() -> None:
    script = [sys.executable, str(CAMPAIGNS / "resume.py"), "--every", "17"]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert len(rows) >= 6
    assert [(name, stops) for name, stops, _ in rows] == [(name, identical) for name, _, identical in rows]


@pytest.fixture
def training(tmp_path: Path) -> subprocess.Popen[str]:
    """``graphspec train`` of a run without end, in its epochs."""
    (tmp_path / "net.toml").write_text(SPEC)
    command = [sys.executable, "-m", "graphspec", "train", "net.toml", "--run", "run", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    while "epoch 1/" not in (line := process.stderr.readline()):
        assert line, "it ended before its first epoch"
    return process


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_everything_saved(
    number: int, status: int, training: subprocess.Popen[str], tmp_path: Path
) -> None:
    training.send_signal(number)
    _, printed = training.communicate(timeout=60)
    assert training.returncode == status
    assert f"error[interrupted]: {signal.Signals(number).name} after step" in printed
    assert "Traceback" not in printed
    step = int(printed.split("after step ")[1].split(";")[0])
    assert (tmp_path / "run" / "checkpoints" / f"step-{step:010d}.json").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_while_it_imports(number: int, status: int, tmp_path: Path) -> None:
    """By itself, or with the exit code that a shell makes of that and one word."""
    (tmp_path / "net.toml").write_text(SPEC)
    command = [sys.executable, "-m", "graphspec", "compile", "net.toml"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whatever started these tests ignores
    )  # fmt: skip
    while "libtorch_cpu" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None, "it ended before torch was there"
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert (process.returncode, printed) in [(-number, ""), (status, ""), (status, "interrupted\n")]


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(training: subprocess.Popen[str], tmp_path: Path) -> None:
    training.send_signal(signal.SIGSTOP)
    for number in (signal.SIGTERM, signal.SIGINT):  # both wait until it goes on
        training.send_signal(number)
    training.send_signal(signal.SIGCONT)
    started = time.monotonic()
    training.communicate(timeout=60)
    assert training.returncode in (-signal.SIGINT, -signal.SIGTERM, 130, 143)
    assert time.monotonic() - started < 30
