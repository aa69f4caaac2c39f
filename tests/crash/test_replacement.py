"""A run that replaces another and fails, or is killed, in any step: one of both is there, whole, the other is kept."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import Any

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.system import durable
from graphspec.training.run import checkpoint, replaced
from graphspec.training.run.run_folder import RunFolder

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*before its first checkpoint", "ignore:.*cannot be removed", "ignore:.*was cut short"
)

MARKS = ("environment.json", "learned.json", "spec.toml")


def train(run: Path, version: str, overwrite: bool = True) -> None:
    """What training does to the folder of a run: begin, save, end."""
    folder = RunFolder(run)
    folder.recover()
    folder.check(resume=False, overwrite=overwrite)
    with folder:
        folder.begin({name: version.encode() for name in MARKS})
        checkpoint.save(folder.checkpoints, 1, {"version": version})
        folder.finish()


def version_of(run: Path) -> str:
    """Whose run it is: all of its files are."""
    versions = {(run / name).read_text() for name in MARKS}
    state = checkpoint.load(run / "checkpoints")
    assert len(versions | ({state["version"]} if state else set())) == 1
    return versions.pop()


def saved(folder: Path) -> bool:
    return checkpoint.exists(folder / "checkpoints")


@pytest.fixture(params=[True, False], ids=["exchange", "renames"])
def exchanges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system can exchange two names."""
    if not request.param:
        monkeypatch.setattr(durable.Disk, "exchange", lambda self, one, other: False)
    return bool(request.param)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    train(tmp_path / "net", "a", overwrite=False)
    (tmp_path / "net" / "notes.md").write_text("mine")
    return tmp_path / "net"


def steps(exchanges: bool) -> int:
    """Two locks, a folder and an unlock; five steps for each of 3 marks and 2 files of a checkpoint, its folder (2);
    exchange and a flush (three renames more where there is none); the user's file and a flush; an unlock.
    """
    return 4 + 5 * (len(MARKS) + 2) + 2 + (2 if exchanges else 5) + 2 + 1


def test_the_number_of_steps_is_the_one_tested(exchanges: bool, run: Path, fault_at: Any) -> None:
    with fault_at(0) as disk:
        train(run, "b")
    assert (version_of(run), disk.steps) == ("b", steps(exchanges))
    assert {path.name for path in run.parent.iterdir()} == {"net"}


def whatever_happened(run: Path) -> None:
    """The old run is there, or the new one with a checkpoint or the old one beside it; the next one puts all right."""
    RunFolder(run).recover()
    found = version_of(run)
    old = [folder for folder in replaced.kept(run) if (folder / "spec.toml").exists() and version_of(folder) == "a"]
    assert found == "a" or saved(run) or old
    notes = [folder for folder in (run, *replaced.kept(run)) if (folder / "notes.md").exists()]
    assert len(notes) == 1
    train(run, "c")
    assert (version_of(run), (run / "notes.md").read_text()) == ("c", "mine")
    assert {path.name for path in run.parent.iterdir()} == {"net"}


@pytest.mark.parametrize("at", range(1, 41))
def test_a_kill(at: int, exchanges: bool, run: Path, killed_at: Any) -> None:
    assert killed_at(at, lambda: train(run, "b")) == (-9 if at <= steps(exchanges) else 0)
    whatever_happened(run)


@pytest.mark.parametrize("stays", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("at", range(1, 41))
def test_a_refusal(at: int, stays: bool, exchanges: bool, run: Path, fault_at: Any) -> None:
    with fault_at(at, errno.EIO, stays), contextlib.suppress(GraphspecError):
        train(run, "b")
    whatever_happened(run)


def test_where_the_disk_is_full_the_old_run_stays(exchanges: bool, run: Path, fault_at: Any) -> None:
    with fault_at(4, errno.ENOSPC, stays=False), pytest.raises(GraphspecError, match=r"unwritable.*No space left"):
        train(run, "b")
    assert version_of(run) == "a"
    assert {path.name for path in run.parent.iterdir()} == {"net"}
