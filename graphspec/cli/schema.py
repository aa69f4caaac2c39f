"""``graphspec schema``: the spec language for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.cli.output_file import write_text


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write there instead of stdout.", show_default=False)
    ] = None,
    work: options.Work = options.Work(),
) -> None:
    """Print the JSON Schema of specs, for an editor's completion and checks."""
    with work.screen() as here:
        from graphspec.schema import json_schema

        found = json_schema()
        if output:
            write_text(output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            here.show({"output": str(output)}, f"wrote {output}")
        else:
            here.show({"schema": found}, json.dumps(found, indent=1, ensure_ascii=False))
