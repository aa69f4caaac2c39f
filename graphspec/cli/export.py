"""``graphspec export`` and ``graphspec verify``."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from graphspec.cli import options
from graphspec.diagnostics import printable
from graphspec.display.variants_table import variants
from graphspec.display.verification_table import limits, verified
from graphspec.formats import FORMATS, JUDGED_ALONE
from graphspec.system.startup import importing

if TYPE_CHECKING:
    Format = str
else:  # typer shows an enum's values
    Format = StrEnum("Format", list(FORMATS))


class Precision(StrEnum):
    """The precisions that ``--precision`` takes; the same as ``[export] precisions``."""

    fp16 = "fp16"
    int8 = "int8"


@dataclasses.dataclass(frozen=True)
class Files(options.Group):
    """Which files an export has."""

    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format", metavar="|".join(FORMATS), help="Instead of the spec's; repeat it.", show_default=False
        ),
    ] = None
    precisions: Annotated[
        list[Precision] | None,
        typer.Option(
            "--precision", metavar="fp16|int8", help="Beside model.onnx or .tflite, measured against it; repeat it.",
            show_default=False,
        ),
    ] = None  # fmt: skip

    def words(self) -> dict[str, Any]:
        """The same as keywords of the pipeline."""
        return {name: [str(value) for value in values or ()] or None for name, values in vars(self).items()}


def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|SPEC", help="A run folder, or a spec with its initial weights.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to; exports/NAME without it.", show_default=False),
    ] = None,
    files: Files = Files(),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let untrained weights replace an export of trained ones.")
    ] = False,
    sign: Annotated[
        Path | None,
        typer.Option("--sign", metavar="KEY", help="Sign it all with a private key (PEM).", show_default=False),
    ] = None,
    triton: Annotated[
        Path | None,
        typer.Option(
            "--triton", metavar="DIR", help="Add it to this model repository of Triton's too.", show_default=False
        ),
    ] = None,
    place: options.Place = options.Place(),
    reading: options.Reading = options.Reading(),
    work: options.Work = options.Work(),
) -> None:
    """Export RUN (or SPEC), verify every file against the network, and publish them if they are equal."""
    with work.screen() as here:
        with importing():
            from graphspec import exporting, pipeline, verifying  # noqa: F401  what an export imports

        with here.busy("exporting and verifying"):
            bundle = pipeline.export(
                options.source(source), output, overwrite=overwrite, sign=sign, data=place.data_place(),
                **files.words(), **reading.words(),
            )  # fmt: skip
        where = Text(f"\nPublished {bundle.folder}: {', '.join(sorted([*bundle.manifest['files'], 'manifest.json']))}")
        if bundle.manifest["sizes"] == "tried":
            where.append("\nThat it is right at every size was tried, not proven.")
        if triton is not None:
            where.append(f"\nServed by tritonserver --model-repository {triton}: {bundle.triton(triton)}")
        tables = [verified(bundle.manifest["verification"]), *variants(bundle.manifest)]
        here.show({"export": bundle.folder, **bundle.manifest}, *tables, where)


def verify(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="EXPORT|FILE", help=f"An exported folder, or a file: {', '.join(JUDGED_ALONE)}.", show_default=False
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="EXPORT", help="Whose network FILE claims to be.", show_default=False),
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option("--runtime", metavar="R|all", help="An optional runtime too. Repeatable.", show_default=False),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="KEY", help="A public key (PEM), whose owner must have signed EXPORT.", show_default=False
        ),
    ] = None,
    work: options.Work = options.Work(),
) -> None:
    """Check EXPORT again: its hashes, and every file against the network that its spec and weights make."""
    if source.suffix in JUDGED_ALONE and against is None:
        raise typer.BadParameter("a file needs --against EXPORT, whose network it is compared with")
    with work.screen() as here:
        with importing():
            from graphspec import pipeline, verifying  # noqa: F401  what verification imports

        file = source if against else None
        with here.busy("verifying"):
            report = pipeline.verify(against or source, runtimes=runtime or (), file=file, key=key)
        here.complain(tuple(report.diagnostics()))
        found = report.as_dict()
        signed = {"signed": True} if key else {}
        words = [Text(printable(f"Every file is as the owner of {key} has signed it."))] if key else []
        here.show({"ok": report.passed, **signed, **found}, verified(found), *limits(found), *words)
        if not report.passed:
            raise typer.Exit(3)
