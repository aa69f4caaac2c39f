"""What is said of a file of the data that is not there, or cannot be read: every reader's words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from graphspec.diagnostics import GraphspecError, fail, folder_of_source
from graphspec.diagnostics import Path as SpecPath

_AT = ("data", "dataset")


@contextlib.contextmanager
def reading(path: Path, what: str, *causes: type[Exception], hint: str = "", at: SpecPath = _AT) -> Iterator[None]:
    """Inside, what the system, or a reader by its `causes`, has against the file at `path` is the user's mistake.

    `what` it is read as stands in the message; `hint` is the way out where its bytes are no text in its encoding.
    """
    named: tuple[type[Exception], ...] = (OSError, *causes)
    try:
        yield
    except GraphspecError:
        raise
    except FileNotFoundError as error:
        raise missing(path) from error
    except named as error:
        way = hint if isinstance(error, UnicodeError) else ""
        raise fail("bad-data", f"{path} cannot be read as {what}: {reason_of(error)}", at=at, hint=way) from error


def reason_of(error: Exception) -> str:
    """What `error` says, without the number and the path of an ``OSError``."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def unreadable(path: object, error: OSError) -> GraphspecError:
    """The error for what the system does not let be read, whatever it holds."""
    return fail("unreadable", f"{path} cannot be read: {reason_of(error)}", at=_AT)


def missing(path: Path, at: SpecPath = (*_AT, "file")) -> GraphspecError:
    """The error for what is not there; where a file of its name lies nearby, the hint says how to name its folder."""
    return fail("no-such-file", f"{path} does not exist", at=at, hint=_nearby(path))


def _nearby(path: Path) -> str:
    spec = folder_of_source()
    for folder in (Path(), Path("data"), *([] if spec is None else [spec])):
        if (folder / path.name).exists():
            inside = _inside(folder)
            root = f'root = "{inside}" in [data], or ' if inside is not None else ""
            return f"it lies in {folder.absolute() if folder == Path() else folder}: write {root}--data {folder}"
    return "--data DIR names another folder"


def _inside(folder: Path) -> str | None:
    """`folder` as a spec may write it: from the working directory on; None where it lies elsewhere."""
    try:
        return str(folder.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return None
