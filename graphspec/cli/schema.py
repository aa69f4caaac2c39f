"""``graphspec schema``: the spec language for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.cli.output_file import write_text
from graphspec.cli.screen import screen


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write there instead of stdout.", show_default=False)
    ] = None,
    import_: options.Imports = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print the JSON Schema of specs, for an editor's completion and checks."""
    with screen(as_json, quiet) as here:
        options.import_layers(import_)
        from graphspec.schema import json_schema

        found = json_schema()
        if output:
            write_text(output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            here.show({"output": str(output)}, f"wrote {output}")
        else:
            here.show({"schema": found}, json.dumps(found, indent=1, ensure_ascii=False))
