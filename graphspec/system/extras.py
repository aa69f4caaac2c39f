"""Packages that not everybody needs: what installs them, and the error without them."""

from __future__ import annotations

import importlib.util

from graphspec.diagnostics import Path, fail


def install(extra: str) -> str:
    """The line that installs an `extra` of graphspec's."""
    return f"pip install 'graphspec[{extra}]'"


def require(module: str, needs: str, extra: str, at: Path = ()) -> None:
    """Raise ``GraphspecError`` (``missing-package``) where `module` is not installed, which `extra` brings.

    `needs` says who needs what, as in ``a signature needs model-signing``.
    """
    if importlib.util.find_spec(module) is None:
        raise fail("missing-package", f"{needs}, which is not installed", at=at, hint=install(extra))
