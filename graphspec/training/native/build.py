"""dense.c as a shared library: compiled by the machine's C compiler once, for this very processor."""

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

from graphspec.user_cache import user_cache

SOURCE = Path(__file__).parent / "dense.c"
#: Sums may be reordered and division approximated. That is for compiling alone: told so, the linker would switch off
#: subnormal numbers in the whole process.
_COMPILE = ("-c", "-O3", "-march=native", "-ffast-math", "-fPIC")
_SECONDS = 120.0


class BuildError(Exception):
    """There is no compiler, or it fails; the message says which."""


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled steps, from the user's cache where they were compiled on this processor before.

    Raises:
        BuildError: they cannot be compiled here.
    """
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BuildError("there is no C compiler (Debian: apt-get install gcc)")
    key = repr((SOURCE.read_bytes(), compiler, os.stat(compiler).st_mtime_ns, _COMPILE, _processor()))
    name = f"dense-{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    folder = user_cache()
    if folder is not None and (folder / name).is_file():
        return _declared(ctypes.CDLL(str(folder / name)))
    with tempfile.TemporaryDirectory(dir=folder) as made:
        part, shared = Path(made) / "dense.o", Path(made) / "dense.so"
        _run([compiler, *_COMPILE, str(SOURCE), "-o", str(part)])
        _run([compiler, "-shared", str(part), "-o", str(shared), "-lm"])
        if folder is not None:
            shared = shared.replace(folder / name)
        return _declared(ctypes.CDLL(str(shared)))


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    """With the signatures of dense.c."""
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    found.dense_forward.argtypes = [pointer, number, number, pointer, pointer, pointer]
    found.dense_forward.restype = ctypes.c_double
    found.dense_backward.argtypes = [pointer, number, number, pointer, pointer, pointer]
    found.dense_backward.restype = None
    return found


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
