"""Training that starts from weights that another run has learned."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import fail, quoted
from graphspec.module.weights import fits, read_tensors, whole_state
from graphspec.system.regular_file import is_inside

AT = ("train", "init")


def start_from(module: nn.Module, path: Path, at: SpecPath = ()) -> list[str]:
    """Put into `module` what the file (or the run folder's best weights) has under its names and in its shapes.

    Gives the names that keep their seeded weights, such as those of a new last layer. Raises ``GraphspecError`` where
    the file has none of the names.
    """
    is_run = path.is_dir()
    file = path / "best.safetensors" if is_run else path
    if not file.is_file():
        raise fail("no-such-file", f"there is no file {quoted(file)}", at=at, hint="--init FILE, or a run's folder")
    state, own = read_tensors(file, at, links=not is_run), whole_state(module)
    taken = {name: value for name, value in state.items() if name in own and fits(value, own[name])}
    if not taken:
        known = ", ".join(map(quoted, list(own)[:3]))
        message = f"nothing in {quoted(file)} has a name, a shape and a dtype of this network ({known}, …)"
        raise fail("checkpoint-mismatch", message, at=at)
    with torch.no_grad():
        for name, value in taken.items():
            own[name].copy_(value)
    return [name for name in own if name not in taken]


def named_by_spec(text: str) -> Path:
    """The path that ``[train] init`` names, which stays inside the working directory."""
    return inside(text, AT, "--init names a file anywhere")


def inside(text: str, at: SpecPath, hint: str) -> Path:
    """A path that a spec names, which stays inside the working directory; `hint` says what else may be done."""
    path = Path(text)
    if not text:
        raise fail("bad-value", "the path is empty", at, "leave it out, or name a file")
    if not is_inside(path):
        raise fail("outside", f"the path {quoted(text)} leads out of the working directory", at, hint)
    return path
