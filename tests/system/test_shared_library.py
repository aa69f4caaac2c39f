"""A C source becomes a library once, and what cannot be compiled says why."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graphspec import GraphspecWarning
from graphspec.system import shared_library as module
from graphspec.system.shared_library import EXACT, BuildError, shared_library


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shared_library.cache_clear()
    yield
    shared_library.cache_clear()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "answer.c"
    path.write_text("double answer(double x) { return x * FACTOR; }")
    return path


def answer(source: Path, factor: int) -> float:
    try:
        library = shared_library(source, (*EXACT, f"-DFACTOR={factor}"))
    except BuildError as error:
        pytest.skip(str(error))
    library.answer.restype = ctypes.c_double
    return library.answer(ctypes.c_double(1.5))


def test_it_is_compiled_once(source: Path, tmp_path: Path) -> None:
    assert answer(source, 2) == 3
    (made,) = (tmp_path / "cache").rglob("*.so")
    written = made.stat().st_mtime_ns
    shared_library.cache_clear()
    assert answer(source, 2) == 3
    assert made.stat().st_mtime_ns == written


def test_other_flags_and_another_text_are_another_library(source: Path, tmp_path: Path) -> None:
    assert answer(source, 2) == 3
    assert answer(source, 3) == 4.5
    source.write_text(source.read_text().replace("*", "+"))
    shared_library.cache_clear()
    assert answer(source, 3) == 4.5
    assert len(list((tmp_path / "cache").rglob("*.so"))) == 3


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="there is no C compiler"):
        shared_library(source, EXACT)


def test_a_compiler_that_the_user_names_is_the_only_one(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    monkeypatch.setenv("CC", "/nonexistent")
    with pytest.raises(BuildError, match='no C compiler "/nonexistent"'):
        shared_library(source, EXACT)


def test_a_mistake_in_the_source_is_named(source: Path, tmp_path: Path) -> None:
    source.write_text("double answer(double x) { return y; }")
    with pytest.raises(BuildError, match=r"no C compiler|error: .*y"):
        shared_library(source, EXACT)
    assert not list((tmp_path / "cache").rglob("*.so"))


PLANTED = """
#include <stdio.h>
__attribute__((constructor)) static void planted(void) {{ fclose(fopen("{}", "w")); }}
double answer(double x) {{ return -1; }}
"""


def anew_in(folder: Path) -> tuple[Path, Path]:
    """The library that the cache holds, and the note of its hash."""
    shared_library.cache_clear()
    (library,), (note,) = folder.rglob("*.so"), folder.rglob("*.json")
    return library, note


def planted(library: Path, tmp_path: Path) -> None:
    (tmp_path / "planted.c").write_text(PLANTED.format(tmp_path / "planted"))
    subprocess.run(["cc", "-shared", "-fPIC", tmp_path / "planted.c", "-o", library], check=True)


def hashed(library: Path, tmp_path: Path) -> None:
    """Planted with a right hash, by another user."""
    planted(library, tmp_path)
    note = {"library": library.name, "sha256": hashlib.sha256(library.read_bytes()).hexdigest()}
    library.with_suffix(".json").write_text(json.dumps(note))
    library.chmod(0o666)


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "empty": lambda library, _: library.write_bytes(b""),
    "text": lambda library, _: library.write_text("no library"),
    "half": lambda library, _: library.write_bytes(library.read_bytes()[: library.stat().st_size // 2]),
    "another library": planted,
    "writable by others": hashed,
    "no hash": lambda library, _: library.with_suffix(".json").unlink(),
    "a hash that is none": lambda library, _: library.with_suffix(".json").write_text("[" * 100_000),
    "a folder": lambda library, _: (library.unlink(), library.mkdir()),
    "a pipe": lambda library, _: (library.unlink(), os.mkfifo(library)),
    "a link": lambda library, where: (library.rename(where / "other.so"), library.symlink_to(where / "other.so")),
    "a folder that others may write": lambda library, where: (hashed(library, where), library.parent.chmod(0o777)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_whole_and_ones_own_is_compiled_again(damage: str, source: Path, tmp_path: Path) -> None:
    assert answer(source, 2) == 3
    library, _ = anew_in(tmp_path / "cache")
    DAMAGES[damage](library, tmp_path)
    assert answer(source, 2) == 3
    assert not (tmp_path / "planted").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are made by root")
def test_another_users_library_is_not_loaded(source: Path, tmp_path: Path) -> None:
    assert answer(source, 2) == 3
    library, note = anew_in(tmp_path / "cache")
    hashed(library, tmp_path)
    library.chmod(0o644)
    for path in (library, note):
        os.chown(path, 65534, 65534)
    assert answer(source, 2) == 3
    assert not (tmp_path / "planted").exists()


def test_a_compiler_that_hangs_is_ended_with_its_children_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path
) -> None:
    compiler = tmp_path / "slowcc"
    compiler.write_text(f"#!/bin/sh\nsleep 1000 &\necho $! > {tmp_path / 'child'}\nsleep 1000\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setattr(module, "_SECONDS", 2.0)
    with pytest.warns(GraphspecWarning, match="hangs: it was ended after 2 s"), pytest.raises(BuildError):
        shared_library(source, EXACT)
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    end = time.monotonic() + 5
    while state.exists() and state.read_text().split(") ")[1][0] != "Z" and time.monotonic() < end:
        time.sleep(0.05)
    assert time.monotonic() < end
    started = time.monotonic()
    with pytest.raises(BuildError, match="hangs"):
        shared_library(source, (*EXACT, "-g"))
    assert time.monotonic() - started < 1
