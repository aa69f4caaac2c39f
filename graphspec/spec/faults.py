"""pydantic's errors in graphspec's words."""

from __future__ import annotations

import functools
from collections.abc import Container
from typing import Any

from pydantic import BaseModel, ValidationError

from graphspec.diagnostics import Diagnostic, Path, quoted, suggest
from graphspec.spec.model import NetworkSpec
from graphspec.spec.parse import type_name

_WANTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "dict_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a table",
    "model_attributes_type": "a table",
}

#: The sections whose keys are looked for where one is unknown, and what optimisers take, by its name there.
_SECTIONS = ("data", "train", "export", "tune")
_OF_OPTIMIZERS = {
    "learning_rate": ("Adam", "lr"), "lr": ("Adam", "lr"), "weight_decay": ("AdamW", "weight_decay"),
    "betas": ("Adam", "betas"), "momentum": ("SGD", "momentum"), "nesterov": ("SGD", "nesterov"),
}  # fmt: skip


def faults_of(error: ValidationError, data: dict[str, Any]) -> list[Diagnostic]:
    """One diagnostic a place, the innermost, in the order of the spec's fields."""
    found: dict[Path, Diagnostic] = {}
    for row in error.errors(include_url=False):
        path, value = _path(row["loc"], data, row["type"] == "missing")
        found.setdefault(path, _fault(row, path, value))
    corrected = {(fault.at[:-1], fault.hint) for fault in found.values() if fault.code == "unknown-key"}
    around = {path[:cut] for path in found for cut in range(len(path))}
    return [fault for path, fault in found.items() if path not in around and not _misspelt(fault, corrected)]


def _misspelt(fault: Diagnostic, corrected: Container[tuple[Path, str]]) -> bool:
    """Whether a missing key is there under a name that another fault wants corrected."""
    wanted = f"did you mean {quoted(fault.at[-1])}?" if fault.at else ""
    return fault.code == "missing-key" and (fault.at[:-1], wanted) in corrected


def _path(loc: tuple[int | str, ...], data: Any, missing: bool) -> tuple[Path, Any]:
    """`loc` without the names of union branches: parts that are keys of the data, the last one may be `missing`."""
    path: list[int | str] = []
    for index, part in enumerate(loc):
        if (isinstance(data, dict) and part in data) or (isinstance(data, list | tuple) and isinstance(part, int)):
            data = data[part]  # type: ignore[index]
            path.append(part)
        elif missing and index == len(loc) - 1:
            path.append(part)
    return tuple(path), data


def _fault(row: Any, path: Path, value: Any) -> Diagnostic:
    name = quoted(".".join(str(part) for part in path))
    kind, context = row["type"], row.get("ctx", {})
    if kind == "extra_forbidden":
        parent = ".".join(str(part) for part in path[:-1])
        message = f"unknown key {quoted(path[-1])}" + (f" in [{parent}]" if parent else "")
        known = _fields_at(path[:-1])
        hint = _place_of(path) or suggest(str(path[-1]), known) or (f"known: {', '.join(known)}" if known else "")
        return Diagnostic("unknown-key", message, path, hint)
    if kind == "missing":
        return Diagnostic("missing-key", f"{name} is missing", path, _missing_hint(path))
    if kind in _WANTED:
        wanted = _wanted_at(path) or _WANTED[kind]
        hint = f"write {int(value)}" if isinstance(value, float) and value.is_integer() else ""
        return Diagnostic("wrong-type", f"{name} is {type_name(value)}, not {wanted}", path, hint)
    if kind == "literal_error":
        known = tuple(word.strip(" '") for word in context["expected"].replace(" or ", ",").split(","))
        hint = suggest(str(value), known) or f"one of: {', '.join(known)}"
        return Diagnostic("bad-value", f"{name} is {quoted(value)}", path, hint)
    if kind == "too_short":
        return Diagnostic("missing-key", f"{name} is empty", path, _missing_hint(path))
    if kind == "too_long":
        message = f"{name} has {context['actual_length']} items, more than {context['max_length']}"
        return Diagnostic("too-large", message, path)
    if kind == "less_than_equal" and isinstance(value, int):
        return Diagnostic("too-large", f"{name} is {value}, more than {context['le']}", path)
    message = row["msg"][0].lower() + row["msg"][1:]
    shown = str(value) if isinstance(value, int | float) else quoted(value)
    return Diagnostic("bad-value", f"{name} is {shown}: {message.replace('input ', 'it ')}", path)


def _place_of(path: Path) -> str:
    """Where a key belongs that stands in another table, as it does in other tools."""
    key = str(path[-1])
    if path[:-1] in ((), ("train",)) and key in _OF_OPTIMIZERS:
        kind, argument = _OF_OPTIMIZERS[key]
        return f'the optimizer takes it: optimizer = {{ type = "{kind}", {argument} = … }} in [train]'
    sections = [name for name in _SECTIONS if path[:-1] != (name,) and key in _fields_at((name,))]
    return f"it belongs to [{sections[0]}]" if sections and len(path) < 3 else ""


def _wanted_at(path: Path) -> str:
    """What belongs where a spec lets several types stand."""
    if path[-1:] == ("from",):
        return 'a layer\'s name, a list of names or { port = "name" }'
    if path[-2:-1] == ("layers",):
        return "a layer's type or a table with its type"
    if path[:-1] == ("inputs",):
        return 'a shape such as ["N", 8]'
    if path[-2:-1] == ("shape",) or (path[:1] == ("inputs",) and len(path) == 3 and isinstance(path[-1], int)):
        return 'an integer or a dynamic dim: "H" or "16*H"'
    return {"repeat": 'an integer or "${…}"', "if": 'true, false or "${…}"', "tie": "a parameter's name"}.get(
        str(path[-1]) if path else "", ""
    )


def _missing_hint(path: Path) -> str:
    return {
        ("inputs",): 'e.g. [inputs] image = ["N", 1, 28, 28]',
        ("layers",): 'e.g. [layers] fc = { type = "Linear", out_features = 10 }',
    }.get(path, "")  # type: ignore[arg-type]


@functools.lru_cache
def _fields_at(path: Path) -> tuple[str, ...]:
    """The keys that the table at `path` may have."""
    model: type[BaseModel] | None = NetworkSpec
    for part in path:
        model = _model_in(model.model_fields[part].annotation) if model and part in model.model_fields else model
    return tuple(field.alias or name for name, field in model.model_fields.items()) if model else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as ``dict[str, BlockSpec]`` or ``DataSpec | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_model_in(part) for part in getattr(annotation, "__args__", ())]
    return next((model for model in found if model), None)
