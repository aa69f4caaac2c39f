"""``--variant`` and ``--set PATH=VALUE``: changes to the data before it is validated."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from graphspec.diagnostics import GraphspecError, Path, fail, quoted, suggest
from graphspec.spec.parse import DEEPEST, parse

_SECTIONS = ("vars", "dims", "vocabulary", "data", "train", "export", "tune")


def apply_variant(data: dict[str, Any], variant: str) -> dict[str, Any]:
    """`data` with the variables of ``[variants.VARIANT]`` in its ``[vars]``."""
    variants = data.get("variants")
    if not isinstance(variants, dict) or variant not in variants:
        known = list(variants) if isinstance(variants, dict) else []
        hint = suggest(variant, known) or (f"variants: {', '.join(known)}" if known else "the spec has no [variants]")
        raise fail("no-such-path", f"no variant {quoted(variant)}", hint=hint)
    return data | {"vars": _table(data.get("vars")) | _table(variants[variant])}


def apply_overrides(data: dict[str, Any], overrides: Iterable[str]) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """`data` with each ``path=value`` set, and the paths that were set. Values are TOML; a bare word is a string."""
    texts = list(overrides)
    changed = copy.deepcopy(data) if texts else data
    paths = []
    for text in texts:
        key, equals, value = text.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            raise fail("no-such-path", f"--set {quoted(text)} is not PATH=VALUE", hint="e.g. --set train.epochs=5")
        if len(path) > DEEPEST:
            raise fail("too-deep", f"--set {quoted(text)}: a path of {len(path)} parts, more than {DEEPEST}")
        _set(changed, path, _value(value.strip(), text), text)
        paths.append(path)
    return changed, tuple(paths)


def _value(text: str, whole: str) -> Any:
    """The value in `text`, under the same limits as one in a file."""
    try:
        document = parse(f"value = {text}", "toml")
    except GraphspecError as error:
        fault = error.diagnostics[0]
        if fault.code not in ("syntax", "duplicate-key"):
            raise fail(fault.code, f"--set {quoted(whole)}: {fault.message}") from None
        document = {}
    if document.keys() == {"value"}:
        return document["value"]
    if re.fullmatch(r"[A-Za-z_][\w.\-]*", text):
        return text
    hint = "quote a string, as in TOML"
    raise fail("wrong-type", f"--set {quoted(whole)}: {quoted(text)} is not a TOML value", hint=hint)


def _set(data: dict[str, Any], path: tuple[str, ...], value: Any, text: str) -> None:
    """Set one value in place. The table it goes into must exist, unless it is one that a section may leave out."""
    container: Any = data
    for part in path[:-1]:
        found = _child(container, part)
        if found is None and path[0] in _SECTIONS and isinstance(container, dict):
            found = container[part] = {}
        if isinstance(found, str):
            # a bare name is short for a table with nothing but a type
            found = {"type": found}
            _put(container, part, found)
        if not isinstance(found, dict | list):
            raise _missing(text, part, container)
        container = found
    if isinstance(container, list) and _child(container, path[-1]) is None:
        raise _missing(text, path[-1], container)
    _put(container, path[-1], value)


def _child(container: Any, part: str) -> Any:
    if isinstance(container, dict):
        return container.get(part)
    named = next((item for item in container if isinstance(item, dict) and item.get("name") == part), None)
    return container[int(part)] if named is None and part.isdigit() and int(part) < len(container) else named


def _put(container: Any, part: str, value: Any) -> None:
    if isinstance(container, dict):
        container[part] = value
    else:
        container[container.index(_child(container, part))] = value


def _missing(text: str, part: str, container: Any) -> Exception:
    known = list(container) if isinstance(container, dict) else [str(n) for n in range(len(container))]
    hint = suggest(part, known) or f"there are: {', '.join(known[:20])}"
    return fail("no-such-path", f"--set {quoted(text)}: there is no {quoted(part)}", hint=hint)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
