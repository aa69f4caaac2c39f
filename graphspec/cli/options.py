"""The arguments and options that several commands share, each written once.

A command takes a group of them as one parameter: :func:`grouped` spreads it into the group's options.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphspec.cli.screen import Screen, screen

if TYPE_CHECKING:
    from graphspec.compiler import Network
    from graphspec.compiler import Reading as HowToRead
    from graphspec.data.place import DataPlace

Spec = Annotated[
    str, typer.Argument(metavar="SPEC", help="A spec file (.toml or .json), or - for stdin.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, everything else on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]
Imports = Annotated[
    list[Path] | None,
    typer.Option(
        "--import", metavar="FILE.py", help="Layers and data sets of your own; runs the file.", show_default=False
    ),
]


class Computed(typing.TypedDict):
    """What commands that compute hand to the pipeline."""

    device: str
    data: DataPlace


class Group:
    """Options that go together; a field each."""


@dataclasses.dataclass(frozen=True)
class Reading(Group):
    """How a spec is read."""

    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="Apply the spec's variant NAME.", show_default=False)
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Override anything; the value is read as TOML.", show_default=False
        ),
    ] = None

    def load(self, spec: str, data: DataPlace | None = None) -> Network:
        """Stage 1 of the SPEC argument, whose vocabularies are those of the data at `data`."""
        from graphspec import compiler

        return compiler.load(source(spec), data=data, **self.words())

    def words(self) -> HowToRead:
        """The same as keywords of the pipeline."""
        return {"variant": self.variant, "overrides": self.set_ or ()}


@dataclasses.dataclass(frozen=True)
class Place(Group):
    """Where data lie, and what may be done there."""

    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where the data lie, anywhere.", show_default=False)
    ] = None
    download: Annotated[bool, typer.Option("--download", help="Let torchvision download what is missing.")] = False
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", envvar="GRAPHSPEC_CACHE", help="Keep decoded images there between runs.",
            show_default=False, show_envvar=False,
        ),
    ] = None  # fmt: skip

    def data_place(self) -> DataPlace:
        """The same as one value."""
        from graphspec.data.place import DataPlace

        return DataPlace(self.data, self.download, self.cache)


@dataclasses.dataclass(frozen=True)
class Computing(Place):
    """Where data lie, and where to compute."""

    device: Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")] = "auto"

    def words(self) -> Computed:
        """The same as keywords of the pipeline."""
        return {"device": self.device, "data": self.data_place()}


@dataclasses.dataclass(frozen=True)
class Work(Group):
    """What a command runs first, and where its words go."""

    import_: Imports = None
    as_json: Json = False
    quiet: Quiet = False

    @contextlib.contextmanager
    def screen(self) -> Iterator[Screen]:
        """The command's screen; inside it, the files of ``--import`` have been run."""
        with screen(self.as_json, self.quiet) as here:
            import_layers(self.import_)
            yield here


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with each group among its parameters spread into the group's options, as Typer reads them."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, type[Group]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            groups[parameter.name] = kind
            parameters += _options(kind)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{option.name: given.pop(option.name) for option in _options(kind)})
        command(**given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options(group: type[Group]) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(group)  # type: ignore[arg-type]
    ]


def import_layers(files: list[Path] | None) -> None:
    """Run the files of ``--import``; without any, nothing is imported."""
    if files:
        from graphspec.ops.imports import import_file

        for file in files:
            import_file(file)


def source(spec: str) -> str | Path:
    """The SPEC argument as the pipeline takes it: ``-`` for stdin, else always a path, never the text of a spec."""
    return spec if spec == "-" else Path(spec)
