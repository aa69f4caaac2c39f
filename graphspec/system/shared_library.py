"""A C source of this package as a shared library: compiled once on a machine, for its very processor."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from graphspec.system.user_cache import user_cache

#: Every operation rounds as it is written: no sum is reordered, no product and sum are merged.
EXACT = ("-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno")
_SECONDS = 120.0


class BuildError(Exception):
    """There is no compiler, or it fails; the message says which."""


@functools.cache
def shared_library(source: Path, flags: tuple[str, ...]) -> ctypes.CDLL:
    """`source` compiled with `flags`, from the user's cache where that was done on this processor before.

    Raises:
        BuildError: it cannot be compiled here.
    """
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BuildError("there is no C compiler (Debian: apt-get install gcc)")
    key = repr((source.read_bytes(), compiler, os.stat(compiler).st_mtime_ns, flags, _processor()))
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    folder = user_cache()
    if folder is not None and (folder / name).is_file():
        return ctypes.CDLL(str(folder / name))
    with tempfile.TemporaryDirectory(dir=folder) as made:
        shared = Path(made) / "shared.so"
        _run([compiler, *flags, "-shared", "-fPIC", str(source), "-o", str(shared), "-lm"])
        if folder is not None:
            shared = shared.replace(folder / name)
        return ctypes.CDLL(str(shared))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the C compiler fails: {error}") from error
    if done.returncode:
        fault = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
        raise BuildError(f"the C compiler fails: {fault}")


def _processor() -> str:
    """What -march=native compiles for: a cache folder may be shared between machines."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
    return f"{platform.machine()} {platform.processor()}"
