"""The site builds without a warning: every link leads somewhere, every public name and command is on its page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import graphspec
from graphspec.cli.app import app

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_site_builds_strictly_and_holds_every_reference(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="extra: docs")
    pytest.importorskip("material", reason="extra: docs")
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    python, commands = ((tmp_path / name).read_text() for name in ("python.html", "commands.html"))
    assert [name for name in graphspec.__all__ if f'id="{name.lower()}"' not in python] == []
    names = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]
    assert [name for name in names if f'id="graphspec-{name}"' not in commands] == []
    lessons = {path.stem for path in (ROOT / "lessons").glob("*.ipynb")}
    assert {path.stem for path in (tmp_path / "lessons").glob("*.html")} == {*lessons, "index"}
    assert "<math" in (tmp_path / "lessons" / "01_perceptron.html").read_text()
