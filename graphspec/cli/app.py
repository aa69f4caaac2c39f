"""The commands and their names."""

from __future__ import annotations

from typing import Annotated

import typer

from graphspec import __version__
from graphspec.cli import help_texts
from graphspec.cli.check import check
from graphspec.cli.compile import compile_
from graphspec.cli.data import data
from graphspec.cli.diff import diff
from graphspec.cli.export import export, verify
from graphspec.cli.import_ import import_
from graphspec.cli.init import init
from graphspec.cli.inspect import inspect
from graphspec.cli.ops import ops
from graphspec.cli.options import grouped
from graphspec.cli.predict import predict
from graphspec.cli.report import report
from graphspec.cli.schema import schema
from graphspec.cli.train import TrainCommand, evaluate, train
from graphspec.cli.tune import tune

app = typer.Typer(
    name="graphspec",
    help="A spec file becomes a trained, exported and verified PyTorch model.",
    epilog="Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 verification failed, 130/143 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"graphspec {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    most_layers: Annotated[
        int | None,
        typer.Option(
            "--most-layers",
            min=1,
            metavar="N",
            help="Allow networks of so many layers, not 10,000.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A spec file becomes a trained, exported and verified PyTorch model."""
    if most_layers is not None:
        from graphspec.spec import limits

        context.with_resource(limits.raised(most_layers))


_COMMANDS = (
    compile_, train, tune, evaluate, inspect, predict, export, verify, import_, diff, check, report, ops, data, schema,
    init,
)  # fmt: skip
for _command in _COMMANDS:
    _name = _command.__name__.removesuffix("_")
    _words = help_texts.of(_name)
    app.command(
        _name, cls=TrainCommand if _command is train else None, epilog=_words.examples, short_help=_words.short
    )(grouped(_command))
