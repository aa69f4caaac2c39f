"""A C source becomes a library once, and what cannot be compiled says why."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_a_mistake_in_the_source_is_named(source: Path, tmp_path: Path) -> None:
    source.write_text("double answer(double x) { return y; }")
    with pytest.raises(BuildError, match=r"no C compiler|error: .*y"):
        shared_library(source, EXACT)
    assert not list((tmp_path / "cache").rglob("*.so"))
