"""Symbolic links in a run, a study or an export that a stranger made: nothing is read or written through them.

Each file is a link to a file outside that has its content, so that following it would work; what the links lead to
stays as it was. ``checkpoints`` alone may be a link to a folder, and that is said (test_bad_runs.py).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from graphspec import pipeline

from .conftest import SPEC, Command

OF_STUDY = (
    SPEC.replace("epochs    = 3", "epochs = 1")
    + '[tune]\ntrials = 1\nspace = { "train.optimizer.lr" = { choices = [0.1, 0.2] } }\n'
)


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no command names."""
    return tmp_path_factory.mktemp("outside")


def lead_outside(folder: Path, outside: Path) -> dict[Path, tuple[bytes, int]]:
    """Replace every file below `folder` by a link to one in `outside`; gives what is there then."""
    for number, path in enumerate(sorted(each for each in folder.rglob("*") if each.is_file())):
        shutil.move(path, outside / f"{number}-{path.name}")
        path.symlink_to(outside / f"{number}-{path.name}")
    return state_of(outside)


def state_of(outside: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in outside.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.export(trained, tmp_path_factory.mktemp("exported") / "net").folder


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("train net.toml --run run --resume --device cpu --tensorboard", "error[checkpoint-damaged]"),
        ("evaluate run", 'error[checkpoint-damaged]: "run/spec.toml" cannot be read: it is a symbolic link'),
        ("predict run", "run/spec.toml"),
        ("export run -o out", "run/spec.toml"),
        ("diff run run", "run/spec.toml"),
        ("train net.toml --run new --init run --epochs 1 --device cpu", "run/best.safetensors"),
        ("compile run/spec.toml --emit python -o out.py", ""),  # a file that the user named
    ],
)
def test_a_run_of_links(arguments: str, says: str, run: Path, outside: Path, command: Command) -> None:
    (run / ".lock").unlink(missing_ok=True)
    before = lead_outside(run, outside)
    assert len(before) > 8
    ended = command(*arguments.split())
    assert (ended.code, says in ended.err) == (int(bool(says)), True), ended.err
    assert state_of(outside) == before


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("best.safetensors", "evaluate run", 1),
        ("best.safetensors", "predict run", 1),
        ("best.safetensors", "diff run run", 1),
        ("learned.json", "predict run", 1),
        ("evaluation.json", "predict run", 0),  # said; classes have numbers
    ],
)
def test_one_file_of_a_run_that_is_a_link(
    name: str, arguments: str, code: int, run: Path, outside: Path, command: Command
) -> None:
    if (run / name).exists():
        shutil.move(run / name, outside / name)
    else:
        (outside / name).write_text("{}")
    (run / name).symlink_to(outside / name)
    ended = command(*arguments.split())
    assert (ended.code, f"{name}" in ended.err and "symbolic link" in ended.err) == (code, True), ended.err


@pytest.mark.parametrize("arguments", ["verify net", "predict net", "export net.toml -o net", "compile net/spec.toml"])
def test_an_export_of_links(arguments: str, exported: Path, tmp_path: Path, outside: Path, command: Command) -> None:
    shutil.copytree(exported, tmp_path / "net")
    (tmp_path / "net.toml").write_text(SPEC)
    before = lead_outside(tmp_path / "net", outside)
    ended = command(*arguments.split())
    assert (ended.code, "error[" in ended.err) in [(0, False), (1, True), (3, True)], ended.err
    assert state_of(outside) == before


def test_a_lock_that_is_a_link(run: Path, outside: Path, command: Command) -> None:
    (run / ".lock").unlink(missing_ok=True)
    (run / ".lock").symlink_to(outside / "made")
    ended = command("train", "net.toml", "--run", "run", "--resume", "--device", "cpu")
    assert (ended.code, "error[unwritable]" in ended.err) == (1, True)
    assert list(outside.iterdir()) == []


def test_a_folder_for_tensorboard_that_is_a_link(run: Path, outside: Path, command: Command) -> None:
    (run / "tensorboard").symlink_to(outside)
    ended = command("train", "net.toml", "--run", "run", "--resume", "--device", "cpu", "--tensorboard")
    assert (ended.code, "error[outside]: run/tensorboard is a symbolic link" in ended.err) == (1, True), ended.err
    assert list(outside.iterdir()) == []


@pytest.fixture(scope="session")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one trial."""
    pytest.importorskip("optuna")
    folder = tmp_path_factory.mktemp("studied")
    (folder / "net.toml").write_text(OF_STUDY)
    pipeline.tune(folder / "net.toml", run=folder / "study", device="cpu")
    return folder / "study"


@pytest.mark.parametrize("name", ["journal.log", "trials", "trials/0", "trials/0.lock", "study.lock"])
def test_a_study_is_not_written_through_a_link(
    name: str, studied: Path, tmp_path: Path, outside: Path, command: Command
) -> None:
    """A journal without its last line's end would be cut; what is in the way of a trial would be removed."""
    study = Path(shutil.copytree(studied, tmp_path / "study"))
    (tmp_path / "net.toml").write_text(OF_STUDY)
    place = outside / "0"
    if (study / name).exists():
        shutil.move(study / name, place)
    (study / name).symlink_to(place)
    if place.is_file():
        os.truncate(place, max(0, place.stat().st_size - 1))
    before = state_of(outside)
    ended = command("tune", "net.toml", "--run", "study", "--resume", "--trials", "2", "--device", "cpu", "--quiet")
    assert ended.code == 1, ended.err
    assert "error[outside]" in ended.err or "error[unwritable]" in ended.err
    assert state_of(outside) == before


def test_an_ordinary_study_goes_on(studied: Path, tmp_path: Path, command: Command) -> None:
    shutil.copytree(studied, tmp_path / "study")
    (tmp_path / "net.toml").write_text(OF_STUDY)
    arguments = ["--run", "study", "--resume", "--trials", "2", "--device", "cpu", "--quiet"]
    assert command("tune", "net.toml", *arguments).code == 0
