"""``graphspec check``: a network graded by another one."""

from __future__ import annotations

from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.display.grade_table import graded


def check(
    work_: Annotated[
        str, typer.Argument(metavar="WORK", help="What is graded: a spec, a run or an export.", show_default=False)
    ],
    against: Annotated[
        str, typer.Option("--against", metavar="SOLUTION", help="What is right, of any kind.", show_default=False)
    ],
    parameters: Annotated[
        int | None,
        typer.Option("--parameters", metavar="N", min=0, help="Any network with at most so many.", show_default=False),
    ] = None,
    flops: Annotated[
        int | None,
        typer.Option("--flops", metavar="N", min=0, help="Any with at most so many a sample.", show_default=False),
    ] = None,
    reach: Annotated[
        list[str] | None,
        typer.Option(
            "--reach",
            metavar="METRIC=VALUE",
            help="Any that reaches it on the test part; a spec is trained. Repeatable.",
            show_default=False,
        ),
    ] = None,
    computing: options.Computing = options.Computing(),
    work: options.Work = options.Work(),
) -> None:
    """Grade WORK by what it computes: inputs, outputs, function, budget and metrics; exit code 3 where it fails."""
    goals = dict(map(_goal, reach or ()))
    with work.screen() as here:
        from graphspec import grading

        with here.busy("checking"):
            sources = options.source(work_), options.source(against)
            grade = grading.check(*sources, parameters=parameters, flops=flops, reach=goals, **computing.words())
        here.show({"ok": grade.passed, **grade.as_dict()}, *graded(grade))
        if not grade.passed:
            raise typer.Exit(3)


def _goal(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not METRIC=VALUE, such as accuracy=0.95") from None
