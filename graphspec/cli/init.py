"""``graphspec init``: a spec to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.cli.screen import Screen, screen
from graphspec.diagnostics import fail, quoted, suggest
from graphspec.display.table_look import new_table
from graphspec.templates import templates, title


def init(
    template: Annotated[
        str | None,
        typer.Argument(
            metavar="TEMPLATE",
            help="Which one; without it, list them.",
            show_default=False,
            autocompletion=lambda: [(name, title(text)) for name, text in templates().items()],
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; TEMPLATE.toml without it.", show_default=False)
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the templates.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a spec to start from, or list the templates."""
    with screen(as_json, quiet) as here:
        known = templates()
        if template is None or listed:
            _list(here, known)
        elif template not in known:
            hint = suggest(template, known) or f"there are: {', '.join(known)}"
            raise fail("unknown-template", f"no template {quoted(template)}", hint=hint)
        else:
            path = file or Path(f"{template}.toml")
            _write(path, known[template])
            here.show({"output": str(path)}, f"wrote {path}; `graphspec compile {path}` shows it")


def _list(here: Screen, known: dict[str, str]) -> None:
    table = new_table()
    table.add_column("Template", no_wrap=True)
    table.add_column("What it is")
    for name, text in known.items():
        table.add_row(name, title(text))
    here.show({"templates": {name: title(text) for name, text in known.items()}}, table)


def _write(path: Path, text: str) -> None:
    """`text` as a new file; what is there stays."""
    if path.suffix != ".toml":
        raise fail("wrong-extension", f"{quoted(path)} is not a spec", hint="templates are .toml files")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise fail("exists", f"{quoted(path)} is there already", hint="name another file") from None
    except OSError as error:
        raise fail("unwritable", f"cannot write {quoted(path)}: {error.strerror}") from None
