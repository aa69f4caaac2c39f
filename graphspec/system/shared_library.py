"""A C source of this package as a shared library: compiled once on a machine, for its very processor.

What the user's cache holds runs with all their rights. So a library is loaded from there only where nobody else could
have written it, and where it is whole: its hash, and what it was made from, stand beside it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import json
import os
import platform
import shlex
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from graphspec.diagnostics import GraphspecError, warn
from graphspec.system import children, durable
from graphspec.system.scratch import ScratchFolder
from graphspec.system.user_cache import user_cache

#: Every operation rounds as it is written: no sum is reordered, no product and sum are merged.
EXACT = ("-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno")
#: A compiler that takes longer than this hangs: one of these sources takes less than two.
_SECONDS = 20.0
#: A library is some ten kilobytes; nothing larger is read.
_LARGEST = 1 << 24
#: Why a compiler is not tried again in this process, by its path.
_given_up: dict[str, str] = {}


class BuildError(Exception):
    """There is no compiler, or it fails; the message says which."""


@functools.cache
def shared_library(source: Path, flags: tuple[str, ...]) -> ctypes.CDLL:
    """`source` compiled with `flags`, from the user's cache where that was done on this processor before.

    Raises:
        BuildError: it cannot be compiled here.
    """
    compiler, *options = _compiler()
    key = repr((source.read_bytes(), compiler, os.stat(compiler).st_mtime_ns, options, flags, _processor()))
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    folder = _own_folder()
    content = _kept(folder / name) if folder is not None else None
    if content is None:
        content = _compiled([compiler, *options, *flags, "-shared", "-fPIC", str(source), "-lm"])
        if folder is not None:
            _keep(folder / name, content)
    return _loaded(content)


def _compiler() -> list[str]:
    """The C compiler with its options: the one that ``CC`` names, else the system's."""
    named = shlex.split(os.environ.get("CC", ""))
    for candidate in named[:1] or ("cc", "gcc", "clang"):
        if found := shutil.which(candidate):
            return [found, *named[1:]]
    if named:
        raise BuildError(f'there is no C compiler "{named[0]}", which CC names')
    raise BuildError("there is no C compiler (Debian: apt-get install gcc)")


def _own_folder() -> Path | None:
    """The user's cache; None where others may write to it."""
    folder = user_cache()
    return folder if folder is not None and _is_own(os.lstat(folder)) else None


def _is_own(found: os.stat_result) -> bool:
    """Whether it is this user's, and no other's to write."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _kept(path: Path) -> bytes | None:
    """The library at `path`, where it is the user's own, a plain file, and whole; None otherwise."""
    try:
        content, note = _read(path), json.loads(_read(path.with_suffix(".json")))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(note, dict) and note == _note(path, content)
    return content if whole else None


def _read(path: Path) -> bytes:
    """The content of a file of the user's own. Raises ``OSError`` for anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not (stat.S_ISREG(found.st_mode) and _is_own(found) and found.st_size <= _LARGEST):
            raise PermissionError(str(path))
        return file.read()


def _note(path: Path, content: bytes) -> dict[str, str]:
    return {"library": path.name, "sha256": hashlib.sha256(content).hexdigest()}


def _keep(path: Path, content: bytes) -> None:
    """Write the library, then its hash, whole or not at all; where that cannot be, it is compiled again next time."""
    with contextlib.suppress(GraphspecError):
        durable.write_atomically(path, content)
        durable.write_atomically(path.with_suffix(".json"), json.dumps(_note(path, content)).encode())


def _loaded(content: bytes) -> ctypes.CDLL:
    """The library out of a folder of this process's own, so that what was checked is what is loaded."""
    with ScratchFolder() as folder:
        shared = Path(folder) / "shared.so"
        shared.write_bytes(content)
        try:
            return ctypes.CDLL(str(shared))
        except OSError as error:  # such as a folder for temporary files from which nothing may be run
            raise BuildError(f"the compiled library cannot be loaded: {error}") from error


def _compiled(command: Sequence[str]) -> bytes:
    """What the compiler makes. Raises ``BuildError``; one that hangs is ended with all it started, and said."""
    compiler = command[0]
    if compiler in _given_up:
        raise BuildError(_given_up[compiler])
    with ScratchFolder() as folder:
        shared, log = Path(folder) / "shared.so", Path(folder) / "log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                children.guarded([*command, "-o", shared], written=_LARGEST),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
            try:
                status = process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                _give_up(compiler, f"the C compiler {compiler} hangs: it was ended after {_SECONDS:g} s")
                raise BuildError(_given_up[compiler]) from None
            finally:
                children.end(process)
        if status or not shared.is_file():
            raise BuildError(f"the C compiler fails: {_fault(log.read_text(encoding='utf-8', errors='replace'))}")
        return shared.read_bytes()


def _give_up(compiler: str, reason: str) -> None:
    _given_up[compiler] = reason
    warn("not-recorded", f"{reason}; torch's own kernels are used", hint="CC names another compiler")


def _fault(text: str) -> str:
    return next((line for line in text.splitlines() if "error" in line), text.strip()[:200])


def _processor() -> str:
    """What -march=native compiles for: a cache folder may be shared between machines."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
    return f"{platform.machine()} {platform.processor()}"
