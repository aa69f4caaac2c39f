"""Texts: a file of the user's, or what the Python that is installed says of itself."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from graphspec.data.memory import check_size
from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.data.text.texts import RunningText, Texts
from graphspec.data.unread import reading
from graphspec.diagnostics import fail
from graphspec.system.regular_file import open_regular, read_regular

_AT = ("data", "dataset")
_INPUT = "tokens"
#: Bytes of memory that a byte of text takes: as it is, in pieces, and as ids.
_GROWTH = 24
_LONGEST = 1 << 16


def text_file(place: Place, file: str, length: int = 128, test_file: str = "") -> Source:
    """The text ``root/file`` (UTF-8): windows of `length` tokens, ``N × length``, whose every next token is to be told.

    The parts are stretches of the text in its own order: training, validation, test; or ``test_file`` is the test part.
    """

    def read(name: str) -> str:
        path = place.root / name
        with reading(path, "a text", UnicodeError, hint="save it as UTF-8"), open_regular(path) as binary:
            check_size(path, _GROWTH * path.stat().st_size)
            return binary.read().decode("utf-8-sig")

    test = (lambda: _samples(read(test_file), length, test_file)) if test_file else None
    return Source(_samples(read(file), length, file), test, in_order=True)


def python_reference(place: Place, length: int = 128) -> Source:
    """The reference of the Python language in English (460,000 characters), as Python carries it for ``help()``."""
    from pydoc_data.topics import topics

    return Source(_samples("\n\n".join(topics[name] for name in sorted(topics)), length, "topics"), in_order=True)


#: Packages of Python's library with more than a hundred docstrings in each of its versions.
_PACKAGES = ("asyncio", "email", "http", "importlib", "logging", "multiprocessing", "unittest", "xml")
_FEWEST_WORDS = 4
_MOST_SOURCE = 1 << 24


def python_docstrings(place: Place) -> Source:
    """About 1,900 docstrings of Python's own library, ``text``, and which of 8 packages each stands in, ``package``."""
    library, found = Path(sysconfig.get_paths()["stdlib"]), dict[str, int]()
    for label, package in enumerate(_PACKAGES):
        for path in sorted((library / package).rglob("*.py")):
            for text in _docstrings(path):
                found.setdefault(text, label)
    inputs: dict[str, Any] = {"text": Texts(tuple(found))}
    labels = torch.tensor(list(found.values()), dtype=torch.int64)
    return Source(Samples(inputs, {"package": labels}), labels={"package": _PACKAGES})


def _docstrings(path: Path) -> Iterator[str]:
    """Those of a file's module, classes and functions that have a few words at least; nothing is run."""
    holding = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(read_regular(path, most=_MOST_SOURCE))):
        text = ast.get_docstring(node) if isinstance(node, holding) else None
        if text and len(text.split()) >= _FEWEST_WORDS:
            yield text


def _samples(text: str, length: int, name: str) -> Samples:
    if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= _LONGEST:
        raise fail("bad-value", f"length is a whole number from 1 to {_LONGEST:,}, not {length!r}", at=(*_AT, "length"))
    if not text.strip():
        raise fail("no-data", f"{name} holds no text", at=_AT)
    inputs: dict[str, Any] = {_INPUT: RunningText.of(text, length)}
    return Samples(inputs, {})
