"""The lessons: each notebook runs offline from its first cell to its last, and its exercise can be solved."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import graphspec

LESSONS = Path(__file__).parents[2] / "lessons"
BOOKS = sorted(path.stem for path in LESSONS.glob("*.ipynb"))
#: The cell whose error is its lesson.
MISTAKES = {"05_my_deep_net": "Flatten"}


def read(name: str) -> Any:
    return nbformat.read(LESSONS / f"{name}.ipynb", 4)


def code_of(name: str) -> list[str]:
    return [cell.source for cell in read(name).cells if cell.cell_type == "code"]


def checks(name: str) -> tuple[str, dict[str, Any]]:
    """The solution that the last cell names, and the criteria beside it."""
    call = ast.parse(code_of(name)[-1]).body[0].value  # type: ignore[attr-defined]
    work, against = map(ast.literal_eval, call.args)
    assert (ast.unparse(call.func), work) == ("graphspec.check", "work.toml")
    return against, {word.arg: ast.literal_eval(word.value) for word in call.keywords}


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_is_committed_as_it_is_before_its_first_run(name: str) -> None:
    book = read(name)
    nbformat.validate(book)
    assert [cell for cell in book.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []
    assert book.cells[0].source.startswith(f"# {int(name[:2])}. ")
    assert any("## Exercises" in cell.source for cell in book.cells)
    text = json.dumps(json.loads((LESSONS / f"{name}.ipynb").read_text()), indent=1, ensure_ascii=False)
    assert text + "\n" == (LESSONS / f"{name}.ipynb").read_text()


@pytest.mark.parametrize("name", BOOKS)
def test_every_lesson_stands_in_the_list_and_has_a_solution(name: str) -> None:
    assert f"({name}.ipynb)" in (LESSONS / "README.md").read_text()
    assert checks(name)[0] == f"solutions/{name}.toml"


@pytest.mark.parametrize("name", BOOKS)
def test_every_lesson_shows_the_pytorch_code(name: str) -> None:
    everything = "\n".join(cell.source for cell in read(name).cells)
    shown = ("--emit python", "## In PyTorch", "torch.optim.", "module.train()", "nn.Module")
    assert any(words in everything for words in shown)


def unfinished(name: str) -> str:
    (work,) = (text for text in code_of(name) if text.startswith("%%writefile work.toml"))
    return work.partition("\n")[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_the_exercise_is_not_solved_yet_and_its_solution_is(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    against, asked = checks(name)
    solution = LESSONS / against
    assert graphspec.check(solution, solution, **asked).passed
    assert not graphspec.check(unfinished(name), solution, **asked).passed


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_a_lesson_runs_from_its_first_cell_to_its_last(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    where = tmp_path / "lessons"
    shutil.copytree(LESSONS, where, ignore=shutil.ignore_patterns("runs", "exports", "work.toml"))
    book = read(name)
    resources = {"metadata": {"path": str(where)}}
    NotebookClient(book, timeout=300, allow_errors=True, kernel_name="python3", resources=resources).execute()
    failed = [
        (cell.source, output.evalue)
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
    wanted = MISTAKES.get(name)
    assert len(failed) == (1 if wanted else 0), failed
    assert not wanted or wanted in failed[0][1]
    assert "did not pass" in str(book.cells[-1].outputs)
