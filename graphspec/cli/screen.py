"""Where a command's words go, and how it ends: the result on stdout, everything else on stderr, one exit code."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from graphspec.diagnostics import (
    CODES,
    MOST_EXPLAINED,
    Code,
    Diagnostic,
    GraphspecError,
    GraphspecWarning,
    fail,
    quoted,
    render,
)
from graphspec.system import processes, standard_files
from graphspec.system.bar import hidden
from graphspec.system.out_of_memory import enough_memory

#: Wide enough that nothing wraps in a file or a pipe, where no window limits a line.
_PIPE_WIDTH = 1000
_COLOURS = {"error": "bold red", "warning": "bold yellow"}


class Screen:
    """One command's output. ``out`` gets what the user asked for, ``err`` progress, warnings and errors."""

    def __init__(self, stdout: TextIO, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.out = _console(stdout)
        self.err = _console(sys.stderr, needed=False)
        self.seen: list[Diagnostic] = []

    def show(self, document: dict[str, Any], *tables: RenderableType) -> None:
        """The command's result: `document` with ``--json``, else `tables`, which ``--quiet`` leaves out."""
        if processes.rank():
            return  # the first process shows what all have done
        if self.as_json:
            self.dump({"ok": True, **document})
        elif not self.quiet:
            with self._written():
                for table in tables:
                    # a text goes out as it is, however long its lines
                    self.out.print(table, soft_wrap=isinstance(table, str))
                self.out.file.flush()

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """Say that the result cannot be written, where its disk is full say; nothing more is tried."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self.out.quiet = self.as_json = True
            standard_files.give_up(self.out.file.fileno())
            raise fail("unwritable", f"standard output cannot be written: {error.strerror}") from None

    def dump(self, document: dict[str, Any]) -> None:
        """One JSON document on stdout, with the diagnostics so far."""
        shown = [diagnostic.as_dict() for diagnostic in self.seen[:MOST_EXPLAINED]]
        document = {**document, "diagnostics": shown}
        if len(self.seen) > MOST_EXPLAINED:
            document["more_diagnostics"] = len(self.seen) - MOST_EXPLAINED
        with self._written():
            print(_json(document), file=self.out.file, flush=True)

    def say(self, text: RenderableType) -> None:
        """Something about the work itself, on stderr; silent with ``--quiet``."""
        if not self.quiet:
            self.err.print(text)

    def busy(self, doing: str) -> contextlib.AbstractContextManager[object]:
        """Show that something takes its time, where stderr is a terminal."""
        quiet = self.quiet or not self.err.is_terminal
        return contextlib.nullcontext() if quiet else self.err.status(f"{doing} …")

    def complain(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        """Errors or warnings on stderr, as :func:`graphspec.diagnostics.render` words them."""
        if not diagnostics:
            return
        self.seen += diagnostics
        self.err.print(_coloured(render(diagnostics)), soft_wrap=True)


@contextlib.contextmanager
def screen(as_json: bool, quiet: bool) -> Iterator[Screen]:
    """Run a command's body: library prints go to stderr, mistakes become diagnostics and an exit code.

    A fault of our own is not caught: its traceback is what a bug report needs.
    """
    stdout = sys.stdout
    with (
        contextlib.redirect_stdout(sys.stderr),
        _warnings_to(here := Screen(stdout, as_json, quiet)),
        _terminable(),
        hidden(as_json or quiet),
    ):
        try:
            standard_files.check()
            with enough_memory("this command", at=(), hint=_LESS), _paths_of_the_user():
                yield here
        except GraphspecError as error:
            if not processes.rank() or not _the_same_everywhere(error):
                here.complain(error.diagnostics)
            elif error.exit_code < 128:
                time.sleep(_FOR_THE_FIRST)  # torchrun ends all processes with the first that ends
            if as_json and not processes.rank():
                with contextlib.suppress(GraphspecError):
                    here.dump({"ok": False})
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            here.err.print("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # the reader (`head`) has gone: end in silence, at interpreter shutdown too
            standard_files.give_up(stdout.fileno())
            raise typer.Exit(0) from None


#: What may fit where memory is too small.
_LESS = "fewer samples at once, a smaller network, or a machine with more memory"

#: Seconds that the first process of a distributed run has to say what all of them have met.
_FOR_THE_FIRST = 10.0


def _the_same_everywhere(error: GraphspecError) -> bool:
    """Whether all processes of a distributed run meet this, so that the first one says it for all."""
    of_the_spec = ("PARSE", "LIMIT", "SCHEMA", "NAME", "GRAPH", "SHAPE")
    return error.exit_code >= 128 or all(CODES[diagnostic.code] in of_the_spec for diagnostic in error.diagnostics)


def _finite(value: Any) -> Any:
    """`value` as JSON can hold it: a figure that is NaN or infinite becomes null, a path its text."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _json(document: dict[str, Any]) -> str:
    """`document`, in which nothing drives a terminal: what cannot be printed stands as JSON's own escape."""
    text = json.dumps(_finite(document), indent=2, ensure_ascii=False).replace("\x7f", "\\u007f")
    if text.isascii():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c).strip('"') for c in text)


class _Console(Console):
    """Rich's console, which leaves a closed pipe to us: Rich ends with 1, which here means wrong input."""

    needed = True

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError

    def print(self, *parts: Any, **how: Any) -> None:
        """Print; words about the work that find no place do not end it."""
        with contextlib.suppress(*() if self.needed else (OSError,)):
            super().print(*parts, **how)


def _console(file: TextIO, needed: bool = True) -> Console:
    """A console that wraps at the window's width or at COLUMNS, and not at all in a pipe."""
    if hasattr(file, "reconfigure"):
        file.reconfigure(errors="replace")
    width = None if file.isatty() or os.environ.get("COLUMNS", "").isdigit() else _PIPE_WIDTH
    console = _Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    console.needed = needed
    return console


#: What the system says of a path that the user gave; everything else of it is a fault of ours.
_OF_PATHS: Mapping[int, Code] = {
    errno.ENAMETOOLONG: "unreadable", errno.ELOOP: "unreadable", errno.EACCES: "unreadable",
    errno.EPERM: "unreadable", errno.EMFILE: "unreadable", errno.ENFILE: "unreadable", errno.EIO: "unreadable",
    errno.ENOSPC: "unwritable", errno.EDQUOT: "unwritable", errno.EROFS: "unwritable", errno.ENOTDIR: "unwritable",
}  # fmt: skip


@contextlib.contextmanager
def _paths_of_the_user() -> Iterator[None]:
    """What the system refuses of a file that was named, as one error: a name too long, a full disk, no permission."""
    try:
        yield
    except OSError as error:
        code = _OF_PATHS.get(error.errno or 0)
        if code is None:
            raise
        name = f"{quoted(error.filename)}: " if error.filename is not None else ""
        raise fail(code, f"{name}{error.strerror}") from error


def _coloured(text: str) -> Text:
    """Rendered diagnostics with ``error[code]`` and the caret line in colour."""
    whole = Text(text)
    for severity, style in _COLOURS.items():
        whole.highlight_regex(rf"{severity}\[[a-z-]+\]", style)
    whole.highlight_regex(r"(?m)^ +\^+$", "bold green")
    return whole


@contextlib.contextmanager
def _warnings_to(here: Screen) -> Iterator[None]:
    """Print graphspec's own warnings as diagnostics and leave all others as Python has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", GraphspecWarning)
        warnings.filterwarnings("ignore", r"(var|std)\w*\(\): degrees of freedom")  # of one value: that gives NaN
        usual = warnings.showwarning

        def show(message: Any, category: Any, *place: Any, **more: Any) -> None:
            if isinstance(message, GraphspecWarning):
                here.complain((message.diagnostic,))
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGINT and SIGTERM unwind the stack, so that temporary files go, and end with 130 and 143.

    Training sets its own handlers. SIGINT stays ignored where it is, as under nohup.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(143)

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
