"""README.md and docs/: what they show is what the commands print, and every link leads somewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from graphspec.cli.app import app

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "specs/README.md",
]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.S | re.M)


def block(language: str, start: str) -> str:
    return next(text for kind, text in BLOCKS if kind == language and text.startswith(start))


def printed(*command: str) -> str:
    """What a command prints, errors included."""
    return CliRunner().invoke(app, command, env={"COLUMNS": "120"}).output


def without_comments(text: str) -> list[str]:
    lines = (re.sub(r"\s+#.*", "", line).rstrip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_spec_is_that_of_the_demo():
    spec = (ROOT / "specs" / "digits.toml").read_text(encoding="utf-8")
    assert without_comments(block("toml", "graphspec = 1")) == without_comments(spec)


def test_the_table_of_layers_is_what_compile_prints(monkeypatch):
    monkeypatch.chdir(ROOT)
    shown = block("", "$ graphspec compile").split("$ ")[1].split("\n", 1)[1]
    assert [line.rstrip() for line in printed("compile", "specs/digits.toml").splitlines()] == shown.splitlines()


def test_the_error_is_what_compile_prints(tmp_path, monkeypatch):
    shown = block("", "model.toml:6:25: error")
    lines = ["graphspec = 1", "[inputs]", 'x = ["N", 4]', "[layers]", 'flat = "Flatten"', shown.splitlines()[1]]
    (tmp_path / "model.toml").write_text("\n".join(lines).replace("\n  fc", "\nfc") + "\n")
    monkeypatch.chdir(tmp_path)
    column = re.sub(r":6:\d+:", ":6:25:", printed("compile", "model.toml"))
    assert column.split() == shown.split()


def test_the_picture_is_what_compile_draws(tmp_path):
    printed("compile", str(ROOT / "specs" / "digits.toml"), "--emit", "svg", "-o", str(tmp_path / "digits.svg"))
    assert (tmp_path / "digits.svg").read_text() == (ROOT / "docs" / "digits.svg").read_text()


def test_every_command_is_listed_and_every_listed_one_exists():
    listed = set(re.findall(r"^graphspec (\w+)", block("", "graphspec compile"), re.M))
    assert listed == set(typer.main.get_command(app).commands)


@pytest.mark.slow
def test_the_lines_of_python_run(tmp_path, monkeypatch):
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", block("python", "import graphspec")], check=True, capture_output=True)
    assert (tmp_path / "exports" / "digits" / "model.onnx").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page):
    """By its path from the top, in the code of this repository."""
    named = re.findall(r"`((?:graphspec|tests|benchmarks|docs|specs)/[\w./]+)`", page.read_text(encoding="utf-8"))
    assert not [
        name for name in named if not {"NAME", "CODE"} & set(re.split(r"[/.]", name)) and not (ROOT / name).exists()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    links += re.findall(r'src="([^"]+)"', page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_every_room_is_described_in_its_own_words():
    """By the first sentence of its docstring; GRAPHSPEC_OVERWRITE_GOLDEN=1 writes the page anew."""
    files = [*sorted((ROOT / "graphspec").rglob("__init__.py")), *sorted((ROOT / "graphspec").glob("[a-z]*.py"))]
    rooms = {path.parent if path.name == "__init__.py" else path: ast.parse(path.read_text("utf-8")) for path in files}
    rows = [
        f"| `{room.relative_to(ROOT)}` | {first_sentence(module)} |"
        for room, module in rooms.items()
        if ast.get_docstring(module)
    ]
    page = ARCHITECTURE.read_text("utf-8")
    text, line, table = page.rpartition("|---|---|\n")
    if os.environ.get("GRAPHSPEC_OVERWRITE_GOLDEN"):
        ARCHITECTURE.write_text(text + line + "\n".join(rows) + "\n", encoding="utf-8")
    assert table.splitlines() == rows


def first_sentence(module: ast.Module) -> str:
    """Of its docstring, as Markdown."""
    text = " ".join((ast.get_docstring(module) or "").split("\n\n")[0].split())
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", text.replace("``", "`"))


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda page: page.name)
def test_every_file_named_without_its_folder_exists(page):
    known = {path.name for folder in ("graphspec", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")}
    assert not set(re.findall(r"`(\w+\.py)`", page.read_text(encoding="utf-8"))) - known - {"FILE.py", "NAME.py"}
