"""What the site is made of beside the pages here: texts from elsewhere in the repository, references, run lessons.

MkDocs calls ``on_…``. No text stands twice: README.md is the start page, specs/README.md the language, docstrings and
``--help`` are the references. With ``GRAPHSPEC_RUN_LESSONS=1`` the lessons are run first, and kept in build/lessons.
"""

from __future__ import annotations

import inspect
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
#: A file of the repository → its page of the site.
PAGES = {
    "README.md": "index.md",
    "specs/README.md": "language.md",
    "exports/README.md": "deploying.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "lessons/README.md": "lessons/index.md",
    **{f"lessons/{path.name}": f"lessons/{path.stem}.md" for path in ROOT.glob("lessons/*.ipynb")},
    **{f"docs/{path.name}": path.name for path in ROOT.glob("docs/*") if path.suffix in (".md", ".svg")},
}
#: The start page has room for its picture beside its code.
_WIDE = "---\nhide: [toc]\n---\n"
_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_IMAGE = re.compile(r'(<img src=")([^"]+)')
_FENCE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The lessons stand in the menu in their order."""
    lessons = [PAGES[f"lessons/{path.name}"] for path in sorted(ROOT.glob("lessons/*.ipynb"))]
    for entry in config.nav or []:
        if "Lessons" in entry:
            entry["Lessons"] = ["lessons/index.md", *lessons]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every page whose text comes from elsewhere."""
    texts = {page: linked((ROOT / path).read_text(), path) for path, page in PAGES.items() if path.endswith(".md")}
    texts = {page: text for page, text in texts.items() if not (ROOT / "docs" / page).exists()}
    for path in sorted(ROOT.glob("lessons/*.ipynb")):
        texts[PAGES[f"lessons/{path.name}"]] = lesson(path)
    texts["index.md"] = _WIDE + texts["index.md"]
    texts |= {"tasks.md": tasks(), "python.md": python(), "commands.md": commands()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The links of the pages that stand in docs/ itself."""
    path = f"docs/{page.file.src_uri}"
    return linked(markdown, path) if path in PAGES else markdown


def linked(text: str, path: str) -> str:
    """`text` of the file `path` with its links leading to pages of the site, or to nothing where there is none."""
    here = posixpath.dirname(PAGES[path])

    def place(target: str) -> str | None:
        found = PAGES.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        return found and posixpath.relpath(found, here or ".")

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if not target or target.startswith(("http:", "https:", "mailto:")):
            return match[0]
        found = place(target)
        return f"[{words}]({found}{anchor})" if found else words

    pieces = _FENCE.split(text)
    pieces[::2] = [_IMAGE.sub(lambda m: m[1] + (place(m[2]) or m[2]), _LINK.sub(link, piece)) for piece in pieces[::2]]
    return "".join(pieces)


def lesson(path: Path) -> str:
    """A notebook as a page, run before where that is asked for; its formulas are MathML, which browsers show."""
    import nbformat
    from nbconvert import MarkdownExporter

    book = nbformat.read(_run(path) if os.environ.get("GRAPHSPEC_RUN_LESSONS") else path, 4)
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(_with_formulas(cell.source), f"lessons/{path.name}")
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                data = output["data"]["image/png"].replace("\n", "")
                output["data"] = {"text/html": f'<img alt="" src="data:image/png;base64,{data}">'}
    exporter = MarkdownExporter(filters={"strip_ansi": lambda text: re.sub(r"\x1b\[[0-9;]*m", "", text)})
    text, _ = exporter.from_notebook_node(book)
    return str(text)


def _run(path: Path) -> Path:
    """`path` with its outputs, run unless that was done since it was written."""
    import shutil

    import nbformat
    from nbclient import NotebookClient

    done = ROOT / "build" / "lessons" / path.name
    if not done.exists() or done.stat().st_mtime < path.stat().st_mtime:
        shutil.copytree(path.parent / "solutions", done.parent / "solutions", dirs_exist_ok=True)
        book = nbformat.read(path, 4)
        resources = {"metadata": {"path": str(done.parent)}}
        NotebookClient(book, timeout=300, allow_errors=True, kernel_name="python3", resources=resources).execute()
        nbformat.write(book, done)
    return done


def _with_formulas(text: str) -> str:
    from latex2mathml.converter import convert

    def formula(match: re.Match[str]) -> str:
        return str(convert(match[1] or match[2], display="block" if match[1] else "inline"))

    pieces = _FENCE.split(text)
    pieces[::2] = [_FORMULA.sub(formula, piece) for piece in pieces[::2]]
    return "".join(pieces)


def tasks() -> str:
    """README's table of tasks, and every spec of specs/ in full."""
    readme = linked((ROOT / "README.md").read_text(), "README.md")
    table = readme[readme.index("## Tasks") :].split("\n## ")[0].replace("## Tasks", "# Tasks")
    parts = [table]
    for path in sorted(ROOT.glob("specs/*.toml")):
        name = path.relative_to(ROOT)
        spec, command = path.read_text().strip(), f"graphspec train {name}"
        parts.append(f"## {path.stem}\n\n```toml\n{spec}\n```\n\n```\n{command}\n```\n")
    return "\n\n".join(parts)


def python() -> str:
    """The public names, with signature and docstring."""
    import graphspec

    parts = ["# Python\n\nEverything is in `graphspec`, and nothing is imported before it is used."]
    for name in graphspec.__all__:
        value = getattr(graphspec, name)
        try:
            signature = str(inspect.signature(value))
        except (TypeError, ValueError):
            signature = ""
        text = (inspect.getdoc(value) or "").replace("``", "`")
        text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
        parts.append(f"## {name}\n\n```python\ngraphspec.{name}{signature}\n```\n\n{text}")
    return "\n\n".join(parts)


def commands() -> str:
    """Each command with its arguments and options, as ``--help`` has them."""
    import typer

    from graphspec.cli.app import app

    parts = ["# Command line"]
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        rows = ["| argument | what it does |", "|---|---|"]
        for each in command.params:
            option = each.param_type_name == "option"
            words = ", ".join(each.opts) if option else each.metavar or each.name
            shown = f"{words} {each.metavar}" if option and each.metavar else words
            rows.append(f"| `{shown.replace('|', chr(92) + '|')}` | {each.help} |")
        parts.append(f"## graphspec {name}\n\n{inspect.cleandoc(command.help or '')}\n\n" + "\n".join(rows))
    return "\n\n".join(parts)
