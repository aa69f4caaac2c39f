"""A save that fails in any step, in any way: the checkpoints before it stay, and the next save works."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.system import durable
from graphspec.system.durable import remove_leftovers, write_atomically
from graphspec.training.run import checkpoint
from graphspec.training.run.run_folder import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore:.*was cut short")

FAULTS = {"disk full": errno.ENOSPC, "disk broken": errno.EIO, "not allowed": errno.EACCES}
#: Folder for the checkpoints, five steps for each of two files, two files of the oldest checkpoint to remove.
STEPS = 5 + 5 + 2


def state(step: int) -> dict[str, Any]:
    return {"step": step, "weights": torch.full((300,), float(step))}


def step_of(folder: Path) -> int | None:
    """The step of the checkpoint that loads, whose tensors are that step's."""
    found = checkpoint.load(folder)
    assert found is None or torch.equal(found["weights"], torch.full((300,), float(found["step"])))
    return found and int(found["step"])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def whole(*steps: int) -> list[str]:
    return [f"step-{step:010d}.{kind}" for step in steps for kind in ("json", "safetensors")]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with the checkpoints of steps 1 and 2."""
    for step in (1, 2):
        checkpoint.save(tmp_path, step, state(step))
    return tmp_path


def test_the_number_of_steps_is_the_one_tested(saved: Path, fault_at: Any) -> None:
    with fault_at(0) as disk:
        checkpoint.save(saved, 3, state(3))
    assert disk.steps == STEPS


@pytest.mark.parametrize("stays", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_refusal(at: int, fault: int, stays: bool, saved: Path, fault_at: Any) -> None:
    with fault_at(at, fault, stays), pytest.raises(GraphspecError, match=r"unwritable.*cannot be written") as caught:
        checkpoint.save(saved, 3, state(3))
    assert caught.value.exit_code == 1
    if not stays:
        assert not list(saved.glob(".*"))
    assert step_of(saved) == (2 if at < 10 else 3)
    remove_leftovers(saved)
    checkpoint.save(saved, 4, state(4))
    assert files(saved) == whole(*([3, 4] if at >= 10 else [2, 4]))


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_kill(at: int, saved: Path, killed_at: Any) -> None:
    assert killed_at(at, lambda: checkpoint.save(saved, 3, state(3))) == -9
    assert step_of(saved) == (2 if at < 10 else 3)
    remove_leftovers(saved)
    checkpoint.save(saved, 4, state(4))
    assert files(saved) == whole(*([3, 4] if at >= 10 else [2, 4]))


@pytest.mark.parametrize("at", range(1, 13))
def test_a_kill_in_the_very_first_save(at: int, tmp_path: Path, killed_at: Any) -> None:
    folder = tmp_path / "run" / "checkpoints"
    killed_at(at, lambda: (folder.parent.mkdir(), checkpoint.save(folder, 1, state(1))))
    with pytest.warns(GraphspecWarning, match="cut short") if 7 <= at <= 11 else contextlib.nullcontext():
        assert step_of(folder) == (1 if at >= 12 else None)


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_kill_in_a_second_save_of_the_same_step(at: int, saved: Path, killed_at: Any) -> None:
    """A step is saved when its epoch's last batch is done, and again when the epoch is closed: another state."""
    closed = {**state(2), "weights": torch.full((300,), 2.0), "best": torch.ones(7)}
    killed_at(at, lambda: checkpoint.save(saved, 2, closed))
    found = checkpoint.load(saved)
    assert found is not None
    assert ("best" in found) == (at >= 10)
    assert step_of(saved) == 2
    remove_leftovers(saved)
    checkpoint.save(saved, 2, closed)
    assert len(files(saved)) == 4
    assert "best" in (checkpoint.load(saved) or {})


def test_what_a_cut_short_save_left_is_said_and_goes_with_the_next(saved: Path) -> None:
    (saved / "step-0000000002.json").unlink()
    with pytest.warns(GraphspecWarning, match=r"save of step 2 was cut short: without a manifest"):
        assert step_of(saved) == 1
    checkpoint.save(saved, 3, state(3))
    assert files(saved) == whole(1, 3)


def test_after_a_damaged_one_the_run_keeps_two_again(saved: Path) -> None:
    """A run goes on from step 2 while step 3 is damaged: what it saves must not count behind the damaged one."""
    checkpoint.save(saved, 30, state(30))
    (saved / "step-0000000030.json").write_bytes(b"")
    with pytest.warns(GraphspecWarning, match="step 30 is damaged"):
        assert step_of(saved) == 2
    checkpoint.save(saved, 3, state(3))
    assert files(saved) == whole(2, 3)
    assert step_of(saved) == 3


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_any_other_file(at: int, tmp_path: Path, fault_at: Any) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("old")
    with fault_at(at, errno.ENOSPC), pytest.raises(GraphspecError, match=r"unwritable.*No space left"):
        write_atomically(path, b"new")
    assert path.read_text() == ("old" if at < 5 else "new")
    assert files(tmp_path) == ["metrics.csv"]


def test_a_link_is_replaced_and_what_it_names_is_not_written(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.csv").symlink_to(victim)
    write_atomically(tmp_path / "run" / "metrics.csv", b"new")
    assert (victim.read_text(), (tmp_path / "run" / "metrics.csv").read_bytes()) == ("mine", b"new")


def test_a_run_folder_whose_lock_is_a_link_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(victim)
    with pytest.raises(GraphspecError, match=r"unwritable.*\.lock is a symbolic link"), RunFolder(tmp_path / "run"):
        pass
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("fault", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_said(fault: int, tmp_path: Path, lacking: Any) -> None:
    """As NFS without its lock daemon, and some of FUSE."""
    lacking("lock", fault)
    with pytest.raises(GraphspecError, match=r"unwritable.*no locks(?s:.*)take a folder on a local disk"):
        RunFolder(tmp_path / "run").__enter__()
    assert files(tmp_path / "run") == [".lock"]


@pytest.mark.parametrize("step", ["rename", "flush", "create"])
@pytest.mark.parametrize("fault", [errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EXDEV])
def test_a_file_system_that_cannot_save_safely_is_said(step: str, fault: int, saved: Path, lacking: Any) -> None:
    lacking(step, fault)
    with pytest.raises(GraphspecError, match=r"unwritable.*cannot be written") as caught:
        checkpoint.save(saved, 3, state(3))
    hint = "its file system lacks what a safe write needs; take a folder on a local disk"
    assert caught.value.diagnostics[0].hint == (hint if fault in (errno.ENOSYS, errno.ENOTSUP) else "")
    assert files(saved) == whole(1, 2)


def test_folders_that_cannot_be_flushed_are_done_without(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on many file systems of FUSE and CIFS."""

    class Disk(durable.Disk):
        def flush(self, descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            super().flush(descriptor)

    monkeypatch.setattr(durable, "disk", Disk())
    checkpoint.save(saved, 3, state(3))
    assert files(saved) == whole(2, 3)
