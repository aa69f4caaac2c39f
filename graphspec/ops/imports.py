"""Layer files that the user names on the command line: ``--import my_layers.py``. A spec cannot name one."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from graphspec.diagnostics import Diagnostic, GraphspecError, Position, fail, quoted

_loaded: dict[Path, ModuleType] = {}


def import_file(path: Path, told: str = "--import: ") -> ModuleType:
    """Run the Python file at `path`, so that its ``@graphspec.layer`` classes are layer types; once for each file.

    `told` says before an error where the file was named.

    Raises:
        GraphspecError: there is no such file, or it raises: its last line and the place in the file.
    """
    where = path.resolve()
    if where in _loaded:
        return _loaded[where]
    if path.suffix != ".py":
        raise fail("wrong-extension", f"--import takes a Python file, not {quoted(path)}", hint="it ends in .py")
    if not where.is_file():
        raise fail("no-such-file", f"{told}no file {quoted(path)}")
    spec = importlib.util.spec_from_file_location(_name(where), where)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # inspect, dataclasses and torch.jit look a class's module up by its name
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise GraphspecError([_fault(path, where, error, told)]) from error
    _loaded[where] = module
    return module


def _name(where: Path) -> str:
    """A module name for the file that nothing else has."""
    stem = re.sub(r"\W", "_", where.stem)
    names = (f"graphspec_import_{stem}{number or ''}" for number in range(len(_loaded) + 1))
    return next(name for name in names if name not in sys.modules)


def _fault(path: Path, where: Path, error: BaseException, told: str) -> Diagnostic:
    """The last line of the traceback, at the line of the file where it happened."""
    message = traceback.format_exception_only(error)[-1].strip()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(where)]
    line, column, text = 1, 1, ""
    if isinstance(error, SyntaxError) and error.filename == str(where):
        line, column, text = error.lineno or 1, error.offset or 1, (error.text or "").rstrip("\n")
    elif frames:
        line = frames[-1].lineno or 1
        text = where.read_text(encoding="utf-8", errors="replace").splitlines()[line - 1]
        column = len(text) - len(text.lstrip()) + 1
    end = max(column + 1, len(text) + 1)
    return Diagnostic("bad-import", f"{told}{message}", file=str(path), position=Position(line, column, end, text))
