"""Each spec in this folder is wrong in one way; beside it stands what graphspec says, word for word.

Run with ``GRAPHSPEC_OVERWRITE_GOLDEN=1`` to write the expected texts anew; read the difference before committing it.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphspec
from graphspec.diagnostics import CODES, Diagnostic, printable, render

HERE = Path(__file__).parent
SPECS = sorted(path.name for path in HERE.iterdir() if path.suffix in (".toml", ".json"))
#: Kinds of faults that a spec alone can cause, whatever files and machines there are.
KINDS = ("PARSE", "LIMIT", "SCHEMA", "NAME", "GRAPH", "SHAPE")
#: Codes of these kinds that come from elsewhere.
ELSEWHERE = {"no-such-path": "a --set", "unknown-component": "[data], when it is loaded"}
ONE_FORMAT = {
    "not-finite.toml": "nan and inf are TOML; a spec does not take them, which is a bad-value",
}


def faults_of(name: str) -> list[Diagnostic]:
    """What compiling the spec says, errors or warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", graphspec.GraphspecWarning)
        try:
            graphspec.compile(name)
        except graphspec.GraphspecError as error:
            return list(error.diagnostics)
    return [row.message.diagnostic for row in caught if isinstance(row.message, graphspec.GraphspecWarning)]


@pytest.fixture(scope="module", autouse=True)
def _torch_is_there() -> None:
    """What the first compilation imports is not counted in the times below."""
    graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {"relu": "ReLU"}})


@pytest.fixture(autouse=True)
def _in_this_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.mark.parametrize("name", SPECS)
def test_says_what_is_expected(name: str) -> None:
    start = time.process_time()
    faults = faults_of(name)
    seconds = time.process_time() - start
    text = re.sub(r"machine has [\d.]+ .?B", "machine has … GB", render(faults)) + "\n"
    golden = HERE / f"{name}.expected"
    if os.environ.get("GRAPHSPEC_OVERWRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert faults[0].code == Path(name).stem.partition("--")[0]
    assert "Traceback" not in text
    assert len(text.encode()) < 1 << 16
    assert seconds < 2


@pytest.mark.parametrize("name", SPECS)
def test_the_caret_stands_under_words_of_the_line_that_is_named(name: str) -> None:
    lines = (HERE / name).read_text(encoding="utf-8", errors="replace").splitlines()
    for head, source, caret in places((HERE / f"{name}.expected").read_text(encoding="utf-8")):
        line, column = (int(number) for number in head.split(":")[1:3])
        # a long line is cut around the caret, what cannot be printed is escaped
        assert source in printable(lines[line - 1])
        if source == lines[line - 1]:
            assert caret.index("^") == column - 1
        under = source[caret.index("^") : caret.rindex("^") + 1]
        assert caret.strip() == "^" * len(under)
        assert under
        assert under == under.strip()


def places(expected: str) -> Iterator[tuple[str, str, str]]:
    """The first line of each fault that has a place, the source line and the carets under it."""
    rows = expected.splitlines()
    for head, source, caret in zip(rows, rows[1:], rows[2:], strict=False):
        if re.match(r"[^ :]+:\d+:\d+: ", head):
            yield head, source.removeprefix("  "), caret.removeprefix("  ")


def test_most_faults_have_a_place() -> None:
    without = [
        name for name in SPECS if not list(places((HERE / f"{name}.expected").read_text(encoding="utf-8")))
    ]  # of the whole file: empty, not UTF-8, or a section that is not there
    whole = ("empty", "encoding", "format-version", "missing-key", "wrong-type.json", "syntax--carriage-return")
    assert [name for name in without if not name.startswith(whole)] == []


def test_there_is_a_spec_for_each_code_in_each_format() -> None:
    wanted = {code for code, kind in CODES.items() if kind in KINDS} - ELSEWHERE.keys()
    assert {Path(name).stem.partition("--")[0] for name in SPECS} == wanted
    both = {f"{code}{suffix}" for code in wanted for suffix in (".toml", ".json")}
    assert both - set(SPECS) == ONE_FORMAT.keys()
    assert len(SPECS) >= 60


def test_every_expected_text_has_its_spec() -> None:
    assert {path.stem for path in HERE.glob("*.expected")} == set(SPECS)
