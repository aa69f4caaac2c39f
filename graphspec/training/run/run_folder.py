"""The folder of a run: who may write it, and what lies where."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data.learned import Learned
from graphspec.diagnostics import fail, warn
from graphspec.module.weights import read_tensors
from graphspec.system import durable
from graphspec.system.durable import write_atomically
from graphspec.system.lock import Lock
from graphspec.training.run import checkpoint, replaced
from graphspec.training.run.tensor_files import tensors_to_bytes


class RunFolder:
    """``runs/NAME``: ``best.safetensors``, ``last.safetensors``, ``checkpoints/``, ``metrics.csv``,
    ``environment.json``, ``learned.json``, pictures.

    Use it as a context: inside, this process holds the folder's lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path if path.name else path.absolute()  # "." has no name, and others stand beside it by name
        self.checkpoints = self.path / "checkpoints"
        self._lock: Lock | None = None
        self._resume: bool | None = None
        self._overwrite = False
        self._kept: Path | None = None

    @property
    def is_run(self) -> bool:
        """Whether a run was started in this folder."""
        return (self.path / "environment.json").is_file()

    def recover(self) -> None:
        """Put right what a process left that was killed while it replaced a run."""
        replaced.recover(self.path)

    @property
    def has_replaced(self) -> bool:
        """Whether what was here before is still kept."""
        return bool(replaced.kept(self.path))

    def check(self, resume: bool, overwrite: bool = False) -> None:
        """Refuse a folder that must not be written: a run that is neither resumed nor replaced, or anything else that
        is not a run.

        It is asked once more when the folder is locked: another run may have begun, and ended, in between.
        """
        self._resume, self._overwrite = resume, overwrite and not resume
        if self.path.exists() and not self.path.is_dir():
            raise fail("exists", f"{self.path} is a file", hint="--run names a folder")
        if resume and not self.is_run:
            raise fail("no-run", f"{self.path} holds no run to resume", hint="--resume=auto starts one")
        if self.is_run and not resume:
            if not self._overwrite:
                hint = "--resume goes on with it, --overwrite replaces it, --run names another"
                raise fail("run-exists", f"{self.path} holds a run already", hint=hint)
            replaced.check(self.path)
        if not self.is_run and any(map(self._is_foreign, self.path.iterdir() if self.path.is_dir() else ())):
            raise fail("exists", f"{self.path} holds other files", hint="--run names a new or empty folder")

    def _is_foreign(self, entry: Path) -> bool:
        """Whether `entry` is more than a run leaves that is killed in its first moment."""
        return entry.name != ".lock" and not durable.is_leftover(entry)

    def __enter__(self) -> RunFolder:
        try:
            durable.make_folders(self.path)
        except OSError as error:
            raise durable.unwritable(self.path, error) from error
        self._lock = Lock.take(self.path / ".lock")
        if self._lock is None:
            raise fail("run-locked", f"another process trains in {self.path}")
        try:
            if self._resume is not None:
                self.check(self._resume, self._overwrite)
            if self.checkpoints.is_symlink():
                warn("outside", f"{self.checkpoints} is a symbolic link: saved in {self.checkpoints.resolve()}")
            for folder in (self.path, self.checkpoints):
                durable.remove_leftovers(folder)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if self._kept is not None and exception[0] is not None and not checkpoint.exists(self.checkpoints):
                self._put_back(self._kept)
        finally:
            if self._lock is not None:
                self._lock.release()

    def begin(self, files: Mapping[str, bytes]) -> Path | None:
        """Write the `files` that a new run is known by, the mark of a run first; where a run was replaced, gives where
        that is kept.

        Raises ``GraphspecError`` (``unwritable``); a run that was to be replaced stays.
        """
        if not (self._overwrite and self.is_run):
            for name, content in files.items():
                write_atomically(self.path / name, content)
            return None
        try:
            folder, lock = replaced.new_folder(self.path)
            try:
                for name, content in files.items():
                    write_atomically(folder / name, content)
                durable.replace_folder(folder, self.path)
            except BaseException:
                lock.release()
                durable.remove_folder(folder)
                raise
            self._kept, before, self._lock = folder, self._lock, lock
            if before is not None:
                before.release()
            durable.sync(self.path.parent)
        except OSError as error:
            raise durable.unwritable(self.path, error) from error
        return folder

    def finish(self) -> None:
        """The run has ended as it was to end: what it has replaced is removed."""
        replaced.remove_kept(self.path)

    def _put_back(self, kept: Path) -> None:
        """The run that this one was to replace, where it ends before its first checkpoint."""
        with contextlib.suppress(OSError):  # else both stay, and nothing is lost
            durable.replace_folder(kept, self.path)
            durable.remove_folder(kept)
            warn("run-exists", f"this run ended before its first checkpoint: {self.path} holds the one before it again")

    def write_weights(self, name: str, state: Mapping[str, Tensor]) -> None:
        """Weights alone, as ``NAME.safetensors``; the keys are the module's state_dict keys."""
        write_atomically(self.path / f"{name}.safetensors", tensors_to_bytes(state))

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """``metrics.csv``: one row an epoch."""
        if not rows:
            return
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path / "metrics.csv", text.getvalue().encode())

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """``NAME.json``, readable."""
        write_atomically(self.path / f"{name}.json", as_json(data))

    def write_learned(self, learned: Learned) -> None:
        """``learned.json``, behind what it needs beside it."""
        for name, content in reversed(learned.files.items()):
            write_atomically(self.path / name, content)


def as_json(data: Mapping[str, Any]) -> bytes:
    """`data` as a readable file."""
    return (json.dumps(data, indent=2) + "\n").encode()


def read_weights(run: Path, name: str = "best") -> dict[str, Tensor]:
    """The weights that a run wrote as ``NAME.safetensors``. Raises ``GraphspecError`` where there are none."""
    path = run / f"{name}.safetensors"
    if not os.path.lexists(path):
        raise fail("no-run", f"{run} holds no trained weights ({path.name})", hint="graphspec train makes them")
    return read_tensors(path, links=False)


def environment(device: torch.device, seed: int) -> dict[str, Any]:
    """What a run's metrics depend on besides its spec."""
    packages = ("graphspec", "torch", "torchvision", "numpy", "scikit-learn")
    versions = {name: version for name in packages if (version := _version(name))}
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "versions": {"python": platform.python_version()} | versions,
        "device": str(device),
        "device_name": kind,
        "threads": torch.get_num_threads(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "seed": seed,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
