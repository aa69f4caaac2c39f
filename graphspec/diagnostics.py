"""What graphspec says when something is wrong: one type, one renderer, one error tree.

A stage raises :class:`GraphspecError` with one or more :class:`Diagnostic`; it names the place by its *path* in the
spec (``("layers", "fc2", "out_features")``) and knows nothing of files. :func:`located` turns paths into lines and
columns.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import difflib
import os
import pathlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol, get_args

Path = tuple[str | int, ...]
MOST_SHOWN = 20
#: Of more faults in one run than this, the rest get no position and no suggestion: both take time.
MOST_EXPLAINED = 100
LONGEST_NAME = 80
#: What a library says of a stranger's file may quote all of it.
LONGEST_TEXT = 4000

ParseCode = Literal["empty", "syntax", "encoding", "duplicate-key", "not-finite"]
LimitCode = Literal["too-large", "too-deep", "too-many-layers", "too-many-parameters", "too-much-memory"]
FileCode = Literal[
    "no-such-file", "not-a-file", "wrong-extension", "unreadable", "outside", "unwritable", "exists", "bad-import",
    "unknown-template", "missing-package", "bad-key",
]  # fmt: skip
SchemaCode = Literal[
    "unknown-key", "missing-key", "wrong-type", "bad-value", "format-version", "unknown-layer", "unknown-argument",
    "missing-argument", "unknown-component", "bad-expression", "unknown-variable", "no-such-path",
]  # fmt: skip
NameCode = Literal["bad-name", "reserved-name", "name-clash"]
GraphCode = Literal[
    "unknown-reference", "cycle", "recursion", "unused-layer", "unused-input", "unused-block", "arity"
]  # fmt: skip
ShapeCode = Literal[
    "shape-mismatch", "wrong-dtype", "wrong-rank", "broadcast", "dynamic-dim", "inferred-mismatch",
    "linear-after-conv", "softmax-before-loss", "activation-missing", "dropout-on-output", "bias-before-norm",
]  # fmt: skip
DataCode = Literal["no-data", "bad-data", "class-count", "batch-of-one", "download", "field-mismatch"]
TrainCode = Literal[
    "bad-loss", "bad-metric", "non-finite", "not-learning", "not-recorded", "out-of-memory", "interrupted",
    "no-training", "process-lost",
]  # fmt: skip
CheckpointCode = Literal["run-exists", "no-run", "run-locked", "checkpoint-mismatch", "checkpoint-damaged"]
ExportCode = Literal[
    "not-exportable", "mismatch", "inconclusive", "tampered", "runtime-missing", "runtime-failed", "untrained",
]  # fmt: skip
ImportCode = Literal["not-importable"]
#: What a diagnostic is about. mypy checks every one that is made.
Code = Literal[
    ParseCode, LimitCode, FileCode, SchemaCode, NameCode, GraphCode, ShapeCode, DataCode, TrainCode, CheckpointCode,
    ExportCode, ImportCode,
]  # fmt: skip
_KINDS: Mapping[str, Any] = {
    "PARSE": ParseCode, "LIMIT": LimitCode, "FILE": FileCode, "SCHEMA": SchemaCode, "NAME": NameCode,
    "GRAPH": GraphCode, "SHAPE": ShapeCode, "DATA": DataCode, "TRAIN": TrainCode, "CKPT": CheckpointCode,
    "EXPORT": ExportCode, "IMPORT": ImportCode,
}  # fmt: skip
#: Every code with its kind; tests/invalid holds a bad spec for each that a spec alone can cause.
CODES: Mapping[Code, str] = {code: kind for kind, codes in _KINDS.items() for code in get_args(codes)}


#: These point at a key, all others at its value (or at the key of a whole table).
_AT_KEY: frozenset[Code] = frozenset([
    "unknown-key", "missing-key", "unknown-argument", "missing-argument", "bad-name", "reserved-name", "name-clash",
    "cycle", "unused-layer", "unused-input", "unused-block",
])  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; line and columns count from 1, `end_column` is exclusive."""

    line: int
    column: int
    end_column: int
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """The characters from `start` to `end` of a string value: what in it is at fault."""

    text: str
    start: int
    end: int

    def narrowed(self, place: Position) -> Position:
        """Where the part stands in `place`; all of `place` where the file spells the string in another way."""
        if place.text[place.column : place.end_column - 2] != self.text:
            return place
        start = place.column + 1 + self.start
        return dataclasses.replace(place, column=start, end_column=place.column + 1 + self.end)


class Locator(Protocol):
    """What knows where a path stands in a file: :class:`graphspec.spec.source.Source`."""

    def origin(self, path: Path) -> str: ...

    def locate(self, path: Path, at_key: bool = False) -> Position | None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: what is wrong (`message`), where (`at`, a path in the spec), and what to do (`hint`)."""

    code: Code
    message: str
    at: Path = ()
    hint: str = ""
    notes: tuple[str, ...] = ()
    severity: Literal["error", "warning"] = "error"
    file: str = ""
    position: Position | None = None
    part: Part | None = None

    def located(self, source: Locator) -> Diagnostic:
        """This diagnostic with the file and position that `source` knows for its path."""
        if self.file:
            return self
        place = self.position or source.locate(self.at, self.code in _AT_KEY)
        place = self.part.narrowed(place) if self.part and place else place
        return dataclasses.replace(self, file=source.origin(self.at), position=place)

    def __str__(self) -> str:
        where = f"{self.file}:" if self.file else ""
        if self.position:
            where += f"{self.position.line}:{self.position.column}:"
        lines = [f"{where} {self.severity}[{self.code}]: {self.message}".lstrip()]
        if self.hint:
            lines[0] += f"; {self.hint}"
        if self.position and self.position.text:
            lines += _excerpt(self.position)
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(printable(_cut(line)) for line in lines)

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        row: dict[str, Any] = {"code": self.code, "kind": CODES[self.code], "severity": self.severity}
        row |= {
            "message": printable(_cut(self.message)),
            "hint": printable(_cut(self.hint)),
            "path": [printable(_cut(str(part))) for part in self.at],
        }
        row |= {"notes": [printable(_cut(note)) for note in self.notes], "file": printable(self.file) or None}
        place = self.position
        return row | {"line": place.line if place else None, "column": place.column if place else None}


def _cut(text: str) -> str:
    half = LONGEST_TEXT // 2  # what is wrong often stands at the end, behind what was given
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]}…{text[1 - half :]}"


def _excerpt(place: Position, width: int = 120) -> list[str]:
    """The source line and a caret line under it, cut around the caret when the line is long."""
    start = max(0, place.column - 1 - width // 2) if len(place.text) > width else 0
    text = printable(place.text[start : start + width].replace("\t", " "))
    caret = place.column - 1 - start
    length = max(1, min(place.end_column - place.column, len(text) - caret))
    return [f"  {text}", f"  {' ' * caret}{'^' * length}"]


class GraphspecError(Exception):
    """The user's input is wrong: every fault that a stage found, in order.

    ``diagnostics`` holds them; ``exit_code`` is what the command line ends with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(render(self.diagnostics))

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the diagnostic alone, without a stack."""
        return str(self).splitlines()


class VerificationError(GraphspecError):
    """An exported file does not compute the module's function: nothing was published."""

    exit_code = 3


class GraphspecWarning(UserWarning):
    """A :class:`Diagnostic` that does not stop the work; ``str()`` renders it."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic
        super().__init__(str(diagnostic))


def fail(code: Code, message: str, at: Path = (), hint: str = "", notes: Iterable[str] = ()) -> GraphspecError:
    """One fault as an error ready to raise: ``raise fail("bad-value", …, at=("train", "lr"))``."""
    return GraphspecError([Diagnostic(code, message, at, hint, tuple(notes))])


def faults_in(*checks: Callable[[], object]) -> list[Diagnostic]:
    """What all of `checks` find wrong; each ends with its first error, and the next goes on."""
    found: list[Diagnostic] = []
    for check in checks:
        try:
            check()
        except GraphspecError as error:
            found += error.diagnostics
    return found


_source: contextvars.ContextVar[Locator | None] = contextvars.ContextVar("graphspec_source", default=None)
#: What is left of the suggestions that one run may look for.
_suggestions: contextvars.ContextVar[Iterator[int] | None] = contextvars.ContextVar("suggestions", default=None)


def warn(code: Code, message: str, at: Path = (), hint: str = "") -> None:
    """Warn through the standard :mod:`warnings`, with the position in the spec where one is known."""
    diagnostic = Diagnostic(code, message, at, hint, severity="warning")
    source = _source.get()
    warnings.warn(GraphspecWarning(diagnostic.located(source) if source else diagnostic), stacklevel=2)


@contextlib.contextmanager
def located(source: Locator) -> Iterator[None]:
    """Inside this context every diagnostic gets its file, line and column from `source`."""
    token = _source.set(source)
    suggestions = _suggestions.set(iter(range(MOST_EXPLAINED)))
    try:
        yield
    except GraphspecError as error:
        found = [diagnostic.located(source) for diagnostic in error.diagnostics[:MOST_EXPLAINED]]
        raise type(error)([*found, *error.diagnostics[MOST_EXPLAINED:]]) from error.__cause__
    finally:
        _suggestions.reset(suggestions)
        _source.reset(token)


def folder_of_source() -> pathlib.Path | None:
    """Where the spec file lies that is worked on; None where there is none."""
    source = _source.get()
    file = None if source is None else pathlib.Path(source.origin(()))
    return file.parent if file is not None and file.is_file() else None


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """All of `diagnostics` as text: the first 20, then a count of the rest."""
    rows = list(diagnostics)
    shown = [str(row) for row in rows[:MOST_SHOWN]]
    if len(rows) > MOST_SHOWN:
        shown.append(f"… and {len(rows) - MOST_SHOWN} more")
    return "\n".join(shown)


def suggest(word: str, known: Iterable[str], most: int = 1000) -> str:
    """``did you mean "…"?`` for the nearest of `known`, or an empty string."""
    left = _suggestions.get()
    if len(word) > LONGEST_NAME or (left is not None and next(left, None) is None):
        return ""
    names = [name for name in known if isinstance(name, str)]
    if len(names) > most:
        return ""
    lowered = {name.lower(): name for name in reversed(names)}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.65)
    return f'did you mean "{lowered[close[0]]}"?' if close else ""


def quoted(name: object) -> str:
    """`name` in double quotes, control characters escaped, cut to 80 characters; a path is not cut."""
    longest = LONGEST_TEXT if isinstance(name, os.PathLike) else LONGEST_NAME
    return f'"{_begun(printable(str(name)), longest)}"'


def shown(value: object) -> str:
    """`value` as Python writes it, control characters escaped, cut to 80 characters."""
    try:
        text = printable(repr(value))
    except ValueError:  # more digits than Python writes out
        text = "a number of thousands of digits"
    return _begun(text, LONGEST_NAME)


def _begun(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def printable(text: str) -> str:
    """`text` with control, bidirectional and unpaired characters escaped, so that it cannot drive a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
