"""What ``graphspec import`` takes, by its form; each kind of source has a file of its own here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.importing.imported import Imported
from graphspec.importing.of_module import ForwardRaised, written_as_spec
from graphspec.importing.record import parameters_of
from graphspec.importing.sources.inputs import SIZES, Input, declared, samples
from graphspec.importing.sources.opened import Opened
from graphspec.system.free_memory import at_most, available

_FORMS = "torchvision:NAME, timm:NAME, FILE.py:NAME, FILE.onnx or FILE.pt2"
#: What to do with a file that is no source, by its ending.
_HINTS = {
    ".py": "graphspec import {source}:NAME",
    ".toml": "it is a spec already",
    ".safetensors": "it holds weights alone; import the class that they belong to",
    ".pth": "it holds weights alone; import the class that they belong to",
    ".pt": "torch.export.save writes a .pt2, which can be imported",
}


def import_source(source: str, inputs: Iterable[str] = ()) -> Imported:
    """The network that `source` names, as a spec. `inputs` are ``NAME=N,3,224,224`` or ``NAME=N,T:int64``.

    Raises:
        GraphspecError: there is no such network, it cannot be made or run, or no spec can say what it does.
    """
    given = dict(map(declared, inputs))
    if source.endswith((".onnx", ".pt2")):  # what a stranger's file asks for
        with at_most(_memory(Path(source))):
            return _imported(source, given)
    return _imported(source, given)


def _memory(path: Path) -> int:
    """Bytes that the import of a file may take; an ONNX file may have its weights beside it."""
    if path.suffix == ".onnx" or not path.is_file():
        return available()
    from graphspec.importing.pt2.program import most_memory

    return most_memory(path)


def _imported(source: str, given: Mapping[str, Input]) -> Imported:
    opened = open_source(source, given)
    if not opened.inputs:
        wanted = " ".join(f"--input {each}=N,…" for each in parameters_of(opened.model))
        raise fail("missing-argument", f"{quoted(source)} says nothing of its inputs", hint=wanted)
    return opened.proven(_written(opened))


def _written(opened: Opened) -> Imported:
    """The network as a spec, with sizes for its free dims that it takes."""
    first: GraphspecError | None = None
    for size in SIZES:
        tensors, dims = samples(opened.inputs, opened.ranges, size)
        try:
            return written_as_spec(opened.model, tensors, dims, opened.ranges, name=opened.name)
        except ForwardRaised as error:
            first = first or error
        if all(isinstance(dim, int) for each in opened.inputs.values() for dim in each.shape[1:]):
            break
    assert first
    raise first


def open_source(source: str, given: Mapping[str, Input]) -> Opened:
    """The network as a module, not yet written as a spec; `given` says more of its inputs."""
    kind, _, name = source.partition(":")
    if source.endswith(".onnx"):
        from graphspec.importing.onnx.source import of_onnx

        return of_onnx(Path(source), given)
    if source.endswith(".pt2"):
        from graphspec.importing.pt2.source import of_pt2

        return of_pt2(Path(source), given)
    if not name:
        hint = _HINTS.get(Path(source).suffix, f"it takes {_FORMS}")
        raise fail("bad-value", f"{quoted(source)} names no network", hint=hint.format(source=source))
    if kind.endswith(".py"):
        from graphspec.importing.sources.python_file import of_file

        return of_file(Path(kind), name, given)
    from graphspec.importing.sources.libraries import timm_model, torchvision_model

    libraries = {"torchvision": torchvision_model, "timm": timm_model}
    if kind not in libraries:
        raise fail("bad-value", f"{quoted(kind)} is no kind of source", hint=f"it takes {_FORMS}")
    return libraries[kind](name, given)
