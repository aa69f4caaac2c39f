"""The arguments and options that several commands share, each written once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Spec = Annotated[
    str, typer.Argument(metavar="SPEC", help="A spec file (.toml or .json), or - for stdin.", show_default=False)
]
Variant = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="Apply the spec's variant NAME.", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override anything; the value is read as TOML.", show_default=False
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the data lie, anywhere.", show_default=False)
]
Download = Annotated[bool, typer.Option("--download", help="Let torchvision download what is missing.")]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", envvar="GRAPHSPEC_CACHE", callback=lambda folder: _use_cache(folder),
        help="Keep decoded images there between runs.", show_default=False, show_envvar=False,
    ),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, everything else on stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]

Imports = Annotated[
    list[Path] | None,
    typer.Option(
        "--import", metavar="FILE.py", help="Layers and data sets of your own; runs the file.", show_default=False
    ),
]


def _use_cache(folder: Path | None) -> Path | None:
    """The data stage, and processes that this one starts, read the folder's name from the environment."""
    if folder is not None:
        os.environ["GRAPHSPEC_CACHE"] = str(folder)
    return folder


def import_layers(files: list[Path] | None) -> None:
    """Run the files of ``--import``; without any, nothing is imported."""
    if files:
        from graphspec.ops.imports import import_file

        for file in files:
            import_file(file)


def source(spec: str) -> str | Path:
    """The SPEC argument as the pipeline takes it: ``-`` for stdin, else always a path, never the text of a spec."""
    return spec if spec == "-" else Path(spec)
