"""Where the paths among a data set's arguments may lead; a text is one, unless its source declares that it is none."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any

from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import fail, quoted

_NO_PATH = "no path"
#: The type of an argument that is no path: a column's name, a delimiter. What is not declared so is checked, whatever
#: it is called: of a class of the user's or of torchvision's nothing is known.
PlainText = Annotated[str, _NO_PATH]


def check_paths(function: Callable[..., Any], arguments: Mapping[str, Any], at: SpecPath) -> None:
    """Refuse (``outside``) what could be a path among `arguments` and leads out of the root, in lists too."""
    plain = plain_texts(function)
    for name, value in arguments.items():
        if name not in plain:
            for where, text in _texts(value, (*at, name)):
                check_inside(text, where)


def named_places(function: Callable[..., Any], arguments: Mapping[str, Any], root: Path) -> tuple[Path, ...]:
    """What the paths among `arguments` of one of graphspec's own sources, or what stands for them, name below `root`;
    `root` where there is none of that."""
    plain, parameters = plain_texts(function), inspect.signature(function).parameters
    defaults = {name: each.default for name, each in parameters.items() if each.annotation in ("str", str)}
    named = {**defaults, **arguments}
    texts = [text for name, value in named.items() if name not in plain for _, text in _texts(value, ())]
    places = tuple(root / text for text in texts if text and (root / text).exists())
    return places or ((root,) if texts else ())


def plain_texts(function: Callable[..., Any]) -> frozenset[str]:
    """The arguments that `function` declares as :data:`PlainText`, or as a list of it, alone or beside other types."""
    if not hasattr(function, "__annotations__"):
        return frozenset()
    hints = typing.get_type_hints(function, include_extras=True)
    return frozenset(name for name, kind in hints.items() if _is_plain(kind))


def _is_plain(kind: Any) -> bool:
    chosen = typing.get_origin(kind) is typing.Literal  # one of a few words
    return chosen or kind == PlainText or (kind is not PlainText and any(map(_is_plain, typing.get_args(kind))))


def check_inside(text: str, at: SpecPath) -> None:
    """Refuse (``outside``) a path that leads out of the folder that it is taken from."""
    path = PurePath(text)
    if path.is_absolute() or ".." in path.parts:
        message = f"the path {quoted(text)} leads out of the working directory"
        raise fail("outside", message, at=at, hint="--data DIR names another folder")


def _texts(value: Any, at: SpecPath) -> Iterator[tuple[SpecPath, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*at, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*at, index))
