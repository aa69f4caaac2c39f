"""What a key of ``[data]``, ``[train]`` or ``[tune]`` may name, described one by one: ``graphspec ops Adam``."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any

from graphspec.schema.argument_schema import documented
from graphspec.schema.component_schemas import component_tables, is_required, parameters_of
from graphspec.schema.pieces import plain, sentence

#: The section in which a key stands; those of the search otherwise.
_SECTIONS = {
    **dict.fromkeys(("dataset", "transforms", "augment", "corrupt", "tokenizer"), "data"),
    **dict.fromkeys(("loss", "optimizer", "scheduler", "metrics", "callbacks"), "train"),
}
#: Keys that take a list.
_LISTS = frozenset(["transforms", "augment", "corrupt", "metrics", "callbacks"])


@dataclasses.dataclass(frozen=True, slots=True)
class ComponentPage:
    """One name: ``key`` of ``section`` takes it. ``arguments`` have their ``default``, or are ``required``, and
    ``meaning``, where the documentation says it; ``details`` are paragraphs that say it of several.
    """

    name: str
    section: str
    key: str
    summary: str
    arguments: dict[str, dict[str, Any]]
    details: tuple[str, ...] = ()

    @property
    def example(self) -> str:
        """How a spec writes it, with what it must be given."""
        needed = [f"{name} = …" for name, row in self.arguments.items() if row["required"]]
        table = ", ".join([f'type = "{self.name}"', *needed])
        written = f"{{ {table} }}" if needed else f'"{self.name}"'
        return f"{self.key} = [{written}]" if self.key in _LISTS else f"{self.key} = {written}"


def component_names() -> dict[str, list[str]]:
    """``"loss of [train]"`` → the names that it takes."""
    return {f"{key} of [{_section(key)}]": sorted(table) for key, table in component_tables().items() if table}


def component_pages(name: str) -> list[ComponentPage]:
    """A page for each key that takes `name`."""
    found = ((key, table[name]) for key, table in component_tables().items() if name in table)
    return [_page(name, key, function) for key, function in found]


def _page(name: str, key: str, function: Callable[..., Any]) -> ComponentPage:
    text = inspect.getdoc(function) or ""
    said = documented(text)
    arguments = {
        argument: {
            "required": is_required(argument, parameter),
            "default": None if parameter.default is parameter.empty else _plain(parameter.default),
            "meaning": said.get(argument, ""),
        }
        for argument, parameter in parameters_of(function).items()
    }
    own = getattr(function, "__module__", "").startswith("graphspec.") and not said
    return ComponentPage(name, _section(key), key, sentence(text), arguments, _details(text) if own else ())


def _details(text: str) -> tuple[str, ...]:
    """What a docstring says behind its first sentence, a paragraph each, without what it raises."""
    first, *others = (plain(part) for part in text.partition("\nRaises:")[0].strip().split("\n\n"))
    rest = first.removeprefix(sentence(text)).strip()
    return tuple(filter(None, (rest, *others)))


def _section(key: str) -> str:
    return _SECTIONS.get(key, "tune")


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return str(value)
