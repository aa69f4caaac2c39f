"""Stage 1: a file, a text or a dict becomes a :class:`NetworkSpec`, every field legal, every position known."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, fail, located, quoted
from graphspec.spec.dim_faults import dim_faults
from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.spec.faults import faults_of
from graphspec.spec.model import FORMAT_VERSION, NetworkSpec
from graphspec.spec.names import name_faults
from graphspec.spec.overrides import apply_overrides, apply_variant
from graphspec.spec.parse import parse, type_name
from graphspec.spec.scope import Bindings
from graphspec.spec.source import Source
from graphspec.spec.text import EXTENSIONS, read, read_stdin

_SECTIONS = ("inputs", "dims", "vocabulary", "data", "train", "export", "tune")


def load(
    spec: str | os.PathLike[str] | Mapping[str, Any] | NetworkSpec,
    *,
    variant: str | None = None,
    overrides: Iterable[str] = (),
) -> NetworkSpec:
    """Read and validate a spec.

    `spec` is a path, ``"-"`` for standard input, a dict, the text itself (whatever has a line break or a brace), or a
    spec already read, to be changed once more.
    `variant` names a table of ``[variants]``; `overrides` are ``"path=value"`` strings.

    Raises:
        GraphspecError: with every fault found.
    """
    source = spec.source if isinstance(spec, NetworkSpec) else _read(spec)
    with located(source):
        data = source.data if isinstance(spec, NetworkSpec) else _data(source)
        if variant is not None:
            data = apply_variant(data, variant)
        data, overridden = apply_overrides(data, overrides)
    changed = Source(source.name, data, source.text, source.language, (*overridden, *source.overridden))
    with located(changed):
        named = isinstance(spec, NetworkSpec) or source.name.startswith("<")
        return _validate(data, changed, source.name if named else str(spec))


def of_one_run(spec: NetworkSpec) -> NetworkSpec:
    """`spec` without the search for values of it; what its data have said is in it, and its places are those of its
    file.
    """
    data = {key: value for key, value in spec.source.data.items() if key != "tune"} | {"name": spec.name}
    source = dataclasses.replace(spec.source, data=data | ({"vocabulary": spec.vocabulary} if spec.vocabulary else {}))
    with located(source):
        return _validate(source.data, source, spec.name)


def _read(spec: str | os.PathLike[str] | Mapping[str, Any]) -> Source:
    """The unparsed source; an error here has a file but no line."""
    if isinstance(spec, Mapping):
        return Source("<dict>", dict(spec))
    if isinstance(spec, str) and ("\n" in spec or "{" in spec):
        return Source("<text>", {}, spec, "json" if spec.lstrip().startswith("{") else "toml")
    if spec == "-":
        text = read_stdin()
        return Source("<stdin>", {}, text, "json" if text.lstrip().startswith("{") else "toml")
    path = FilePath(spec)
    with located(Source(str(path), {})):
        text = read(path)
    # a link says whose mistakes are reported
    return Source(os.path.realpath(path) if path.is_symlink() else str(path), {}, text, EXTENSIONS[path.suffix])


def _data(source: Source) -> dict[str, Any]:
    if not source.text and source.name == "<dict>":
        return source.data
    data = parse(source.text, source.language)
    data.pop("$schema", None)
    return data


def _validate(data: dict[str, Any], source: Source, given: str) -> NetworkSpec:
    """The spec in `data`; it is called like the file that was `given`, unless it says otherwise."""
    _check_version(data)
    data = data | {"name": data.get("name", _stem(given))}
    data = _close_sections(data)
    data = data | {"layers": _by_name(data.get("layers"), ("layers",))} if "layers" in data else data
    if isinstance(data.get("blocks"), dict):
        data["blocks"] = {name: _block_by_name(name, block) for name, block in data["blocks"].items()}
    try:
        spec = NetworkSpec.model_validate(data)
    except ValidationError as error:
        raise GraphspecError(faults_of(error, data)) from None
    faults = [*name_faults(spec), *dim_faults(spec)]
    if faults:
        raise GraphspecError(faults)
    return spec.read_from(source)


def _check_version(data: dict[str, Any]) -> None:
    version = data.get("graphspec")
    if version is None:
        raise fail("format-version", "the format version is missing", hint="begin with `graphspec = 1`")
    if isinstance(version, bool) or not isinstance(version, int):
        raise fail("wrong-type", f'"graphspec" is {type_name(version)}', ("graphspec",), hint="write `graphspec = 1`")
    if version != FORMAT_VERSION:
        hint = "a newer graphspec reads it" if version > FORMAT_VERSION else f"write `graphspec = {FORMAT_VERSION}`"
        message = f"the format version is {version}, and this graphspec reads {FORMAT_VERSION}"
        raise fail("format-version", message, ("graphspec",), hint=hint)


def _stem(name: str) -> str:
    """A name for the model from its file's: letters, digits, ``_``, ``-`` and ``.`` only."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", FilePath(name).stem).strip("_.-")[:64]
    return stem if stem and not name.startswith("<") else "model"


def _by_name(layers: Any, at: Path) -> Any:
    """``[[layers]]`` items as a table by their ``name``."""
    if not isinstance(layers, list):
        return layers
    table: dict[str, Any] = {}
    for index, item in enumerate(layers):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise fail("missing-key", f"item {index} of [[layers]] has no name", (*at, index), hint='add name = "…"')
        if item["name"] in table:
            first = list(table).index(item["name"])
            message = f"items {first} and {index} of [[layers]] are both called {quoted(item['name'])}"
            raise fail("duplicate-key", message, (*at, index, "name"), hint="rename one of them")
        table[item["name"]] = {key: value for key, value in item.items() if key != "name"}
    return table


def _block_by_name(name: str, block: Any) -> Any:
    if not isinstance(block, dict) or "layers" not in block:
        return block
    return block | {"layers": _by_name(block["layers"], ("blocks", name, "layers"))}


def _close_sections(data: dict[str, Any]) -> dict[str, Any]:
    """`data` with the ``${…}`` of the sections but [layers] replaced; they see the top-level variables."""
    variables = data.get("vars")
    scope = Bindings(variables if isinstance(variables, dict) else {})
    faults: list[Diagnostic] = []
    closed = {key: _close(data[key], scope, (key,), faults) if key in _SECTIONS else data[key] for key in data}
    if faults:
        raise GraphspecError(faults)
    return closed


def _close(value: Any, scope: Bindings, at: Path, faults: list[Diagnostic]) -> Any:
    if isinstance(value, dict):
        return {key: _close(item, scope, (*at, key), faults) for key, item in value.items()}
    if isinstance(value, list):
        return [_close(item, scope, (*at, index), faults) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return scope.close(value)
    except ExpressionError as error:
        faults.append(error.diagnostic(value, at))
    except NeedsShape:
        faults.append(Diagnostic("bad-expression", f"{quoted(value)}: a shape can be read in layers only", at))
    return value
