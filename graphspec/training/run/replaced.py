"""Runs that others replace: each is kept beside the new one, whole, until that is finished.

The new folder is locked and marked as a run before both exchange their names, in one system call where the file system
has one. So a kill leaves a run under the name, and what was there before under ``.NAME.replaced-N``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from graphspec.diagnostics import fail, warn
from graphspec.system import durable
from graphspec.system.lock import Lock

_KEPT = re.compile(r"\.(.+)\.replaced-(\d+)", re.S)
#: What a run writes; everything else in its folder is the user's.
_OWN = re.compile(
    r"\.lock|checkpoints|tensorboard|metrics\.csv|spec\.toml|(best|last)\.safetensors"
    r"|(environment|evaluation|learned|tokenizer)\.json"
    r"|(.*_)?(classes|confusion_matrix|curves|errors|fit|forecast|masks|predictions|reliability)\.png"
)


def check(run: Path) -> None:
    """Refuse a run that cannot be moved as a whole. Raises ``GraphspecError`` (``exists``)."""
    for path in (run, run / "checkpoints"):
        if path.is_symlink():
            message = f"{path} is a symbolic link; a run is not replaced through one"
            raise fail("exists", message, hint="--run names another folder")


def kept(run: Path) -> list[Path]:
    """What was in the place of `run` before, the oldest first."""
    found = (_KEPT.fullmatch(entry.name) for entry in (run.parent.iterdir() if run.parent.is_dir() else ()))
    numbers = sorted(int(match[2]) for match in found if match and match[1] == run.name)
    folders = [durable.old_name(run), *(_name(run, number) for number in numbers)]
    return [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]


def recover(run: Path) -> None:
    """Give `run` its name back where a process was killed between the renames that replace it."""
    old = durable.old_name(run)
    if old.is_symlink() or not old.is_dir():
        return
    try:
        durable.disk.rename(old, _name(run, _free(run)) if os.path.lexists(run) else run)
        durable.sync(run.parent)
    except OSError as error:
        raise durable.unwritable(run, error) from error


def new_folder(run: Path) -> tuple[Path, Lock]:
    """An empty folder beside `run`, locked, of the name under which `run` is kept once both have exchanged theirs."""
    folder = _name(run, _free(run))
    durable.disk.make_folder(folder)
    lock = Lock.take(folder / ".lock", wait=True)
    assert lock is not None
    return folder, lock


def remove_kept(run: Path) -> None:
    """Remove what was in the place of `run`, which is finished; files that no run writes move on into it."""
    for folder in kept(run):
        try:
            for entry in folder.iterdir():
                own = _OWN.fullmatch(entry.name) or durable.is_leftover(entry)
                if not own and not os.path.lexists(run / entry.name):
                    durable.disk.rename(entry, run / entry.name)
            durable.sync(run)
        except OSError as error:
            warn("unwritable", f"{folder}, which {run} replaces, cannot be removed: {error.strerror}")
            continue
        durable.remove_folder(folder)


def _name(run: Path, number: int) -> Path:
    return run.with_name(f".{run.name}.replaced-{number}")


def _free(run: Path) -> int:
    number = 1
    while os.path.lexists(_name(run, number)):
        number += 1
    return number
