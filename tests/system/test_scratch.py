"""What lies in the folder for temporary files goes with its command, and after a kill with the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from graphspec.system.scratch import PREFIX, ScratchFolder, remove_left

CHILD = """
import sys, time
from pathlib import Path
from graphspec.system.scratch import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]))
print(folder.name, flush=True)
time.sleep(60)
"""


def aged(folder: Path) -> Path:
    """`folder` as if it had been there for an hour."""
    os.utime(folder, (0, 0))
    return folder


def test_it_goes_with_its_context(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path) as name:
        assert Path(name).name.startswith(PREFIX)
        Path(name, "file").touch()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        left = Path(child.stdout.readline().strip())
        (left / "tensors.npz").write_bytes(bytes(100))
        aged(left)
        remove_left(tmp_path)
        assert left.is_dir()  # its process lives
        child.send_signal(signal.SIGKILL)
    with ScratchFolder(tmp_path):
        assert not left.exists()


def test_one_that_is_just_being_made_stays(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}new").mkdir()
    remove_left(tmp_path)
    assert (tmp_path / f"{PREFIX}new").is_dir()


@pytest.mark.parametrize("kind", ["other name", "link", "file"])
def test_nothing_else_is_removed(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "place" / ("work" if kind == "other name" else f"{PREFIX}work")
    target.parent.mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    if kind == "link":
        target.symlink_to(tmp_path / "kept")
    elif kind == "file":
        target.touch()
    else:
        target.mkdir()
    aged(tmp_path / "kept")
    if kind != "link":
        aged(target)
    remove_left(target.parent)
    assert os.path.lexists(target)
    assert (tmp_path / "kept" / "file").exists()
