"""What the sections beside the network say, and what was measured, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphspec.compiler import Network
from graphspec.found import kind_of
from graphspec.system.regular_file import MOST_JSON, read_regular, sha256

Row = dict[str, Any]
#: The sections that are compared; a run or an export keeps no ``[tune]``, and weights are compared as such.
_SECTIONS = ("data", "train", "export")
_OF_SPECS = ("tune",)
_WEIGHTS = "train.init"


def setting_rows(before: Network, after: Network) -> list[Row]:
    """A row for each setting of ``[data]``, ``[train]``, ``[export]`` and ``[tune]`` that is not the same."""
    specs = before.folder is None and after.folder is None
    sections = _SECTIONS + (_OF_SPECS if specs else ())
    old, new = (dict(_settings(each, sections)) for each in (before, after))
    return [
        {"setting": name, "before": old.get(name), "after": new.get(name)}
        for name in _merged(old, new)
        if old.get(name) != new.get(name) and (specs or name != _WEIGHTS)
    ]


def _settings(network: Network, sections: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    said = network.spec.model_dump(mode="json", by_alias=True, exclude_none=True, include={*sections})
    for section in sections:
        yield from _flat(section, said.get(section) or {})


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every setting by its path; of ``{ type = "Adam", lr = 0.1 }`` the type under the component's own."""
    if not isinstance(value, dict):
        yield path, value
        return
    for key, item in value.items():
        yield from _flat(path if key == "type" else f"{path}.{key}", item)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of both, section by section."""
    names = [*old, *(name for name in new if name not in old)]
    order = {section: n for n, section in enumerate((*_SECTIONS, *_OF_SPECS))}
    return sorted(names, key=lambda name: order[name.partition(".")[0]])


def metric_rows(before: Network, after: Network) -> list[Row]:
    """A row for each metric that is not the same, where both were measured."""
    old, new = _measured(before.folder), _measured(after.folder)
    if not old or not new:
        return []
    return [
        {"metric": name, "before": old.get(name), "after": new.get(name)}
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _measured(folder: Path | None) -> Mapping[str, float]:
    """The metrics of the weights in a run or an export, by part."""
    if folder is None:
        return {}
    try:
        if kind_of(folder) == "export":
            said = _read(folder / "manifest.json")["provenance"]["metrics"]
        else:
            evaluation = _read(folder / "evaluation.json")
            same = evaluation["weights"] == sha256(folder / "best.safetensors")
            said = evaluation["parts"] if same else {}
        return dict(_numbers(said))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # never evaluated, or damaged
        return {}


def _read(path: Path) -> Any:
    return json.loads(read_regular(path, most=MOST_JSON, links=False))


def _numbers(value: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, f"{prefix}{' ' if prefix else ''}{key}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield prefix, value
