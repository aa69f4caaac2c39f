"""Pictures by matplotlib's object API, whatever its settings here are; a picture decides over nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphspec.diagnostics import GraphspecError, warn
from graphspec.system.durable import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Lettering of all pictures has two sizes, in points: this one, and a small one for what stands beside small images.
TEXT, SMALL = 10, 8
_BACKEND = "MPLBACKEND"
_STYLE: dict[Any, Any] = {
    "text.parse_math": False, "font.size": TEXT, "axes.titlesize": TEXT, "figure.titlesize": TEXT,
    "axes.formatter.useoffset": False,  # a tick says its whole value
}  # fmt: skip


def write(path: Path, make: Callable[..., Figure], *arguments: Any, dpi: int = 130) -> Path:
    """Draw ``make(*arguments)`` and write it as a PNG, whole or not at all; text stands as it is, ``$`` is no formula.

    Raises ``GraphspecError`` (``unwritable``) where it cannot be written, and whatever matplotlib raises.
    """
    write_atomically(path, png(make, *arguments, dpi=dpi))
    return path


def png(make: Callable[..., Figure], *arguments: Any, dpi: int = 130) -> bytes:
    """``make(*arguments)`` as the bytes of a PNG."""
    with _settings():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure, content = make(*arguments), io.BytesIO()
        figure.set_dpi(dpi)
        # savefig draws everything twice, the first time for the layout alone
        FigureCanvasAgg(figure).print_png(content, pil_kwargs={"compress_level": 3})
    return content.getvalue()


def drawn(make: Callable[..., Figure], *arguments: Any) -> Figure:
    """``make(*arguments)`` in the style of all pictures, for who goes on with it."""
    with _settings():
        return make(*arguments)


class Album:
    """Pictures in `folder` beside a result: what cannot be drawn or written is left out, and said once at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._missing: list[str] = []
        self._reason = ""
        self.files: list[Path] = []

    def add(self, name: str, make: Callable[..., Figure], *arguments: Any) -> None:
        """Draw ``make(*arguments)`` into the file `name`."""
        try:
            self.files.append(write(self._folder / name, make, *arguments))
        except Exception as error:  # of matplotlib, its fonts and settings, or the disk: the result stands without it
            self._missing.append(name)
            self._reason = self._reason or _reason(error)

    def __enter__(self) -> Album:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._missing:
            message = f"{', '.join(self._missing)} cannot be drawn: {self._reason}"
            warn("unwritable", message, hint="everything else is as it would be")


def _reason(error: Exception) -> str:
    if isinstance(error, GraphspecError):
        return error.diagnostics[0].message
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Inside, matplotlib is as it comes: no file and no variable of the user's decides over a picture."""
    _import()
    import matplotlib

    kept = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context(kept | _STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that the font lacks, and settings that are no more
        yield


def _import() -> None:
    """matplotlib refuses to be imported where MPLBACKEND names a backend that is not there, as another environment's.

    Where it is one, it is set as the import would have set it.
    """
    if "matplotlib" in sys.modules:
        return
    named = os.environ.pop(_BACKEND, None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ[_BACKEND] = named
    if named:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = named
