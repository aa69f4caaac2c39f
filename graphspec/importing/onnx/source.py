"""``FILE.onnx`` as a source: the graph as a module, and the proof in onnxruntime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.graph.names import check_input_names
from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.onnx.file import read
from graphspec.importing.onnx.network import OnnxNetwork
from graphspec.importing.onnx.proof import proven
from graphspec.importing.onnx.simplify import simplified
from graphspec.importing.sources.inputs import Input, samples
from graphspec.importing.sources.opened import Opened
from graphspec.spec.names import fault_in


def of_onnx(path: Path, given: Mapping[str, Input]) -> Opened:
    """The network of an ONNX file; `given` says of inputs what the file does not.

    Raises:
        GraphspecError: ``not-importable`` where no spec can say what it does, with node and operator.
    """
    file = read(path)
    if twice := next((name for name, count in Counter(file.outputs).items() if count > 1), None):
        raise fail("not-importable", f"{quoted(path)} gives the output {quoted(twice)} twice")
    names = _names(list(file.inputs))
    _check(path, names, given)
    inputs = {names[key]: _input(path, names[key], said, given.get(names[key])) for key, said in file.inputs.items()}
    tensors, _ = samples(inputs, {})
    try:
        network = OnnxNetwork(simplified(file), tensors)
    except NotRecorded as error:
        raise fail("not-importable", f"{path}: {error}", hint=error.hint) from error
    prove = partial(proven, path, names, file.outputs, tensors)
    return Opened(network, path.stem, inputs, proven=prove)


def _names(theirs: list[str]) -> dict[str, str]:
    """Names that a spec's inputs can have, by those of the file."""
    found: dict[str, str] = {}
    for name in theirs:
        plain = (
            "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name).strip("_")[:50] or "input"
        )
        plain = plain if plain[0].isalpha() else f"input_{plain}"
        if fault_in(plain, "input", ()) or any(check_input_names([plain])) or plain == "output":
            plain = f"{plain}_"
        while plain.lower() in {each.lower() for each in found.values()}:
            plain += "_"
        found[name] = plain
    return found


def _check(path: Path, names: Mapping[str, str], given: Mapping[str, Input]) -> None:
    for name in given:
        if name not in names.values():
            hint = suggest(name, names.values()) or f"it has {', '.join(map(quoted, names.values()))}"
            raise fail("bad-value", f"--input {name}: {quoted(path)} has no such input", hint=hint)


def _input(path: Path, name: str, said: Input | None, given: Input | None) -> Input:
    """An input as it is imported: `given`, where that agrees with what the file says."""
    if given is None:
        if said is None:
            message = f"{quoted(path)} says nothing of the sizes of its input {quoted(name)}"
            raise fail("missing-argument", message, hint=f"--input {name}=N,…")
        return said
    if said is None:
        return given
    if len(said.shape) != len(given.shape):
        raise fail("bad-value", f"--input {name} has {len(given.shape)} dims, {len(said.shape)} in {quoted(path)}")
    for own, other in zip(said.shape, given.shape, strict=True):
        if isinstance(own, int) and own != other:
            raise fail("bad-value", f"--input {name} has a dim {other}, which {quoted(path)} fixes at {own}")
    return Input(given.shape, said.dtype)
