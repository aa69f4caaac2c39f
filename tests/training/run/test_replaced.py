"""A run in the place of another, and runs without a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import graphspec
from graphspec.cli.app import app
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.run import replaced
from graphspec.training.run.reporter import Silent
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.signals import Interrupted

Fit = Callable[..., Any]


class Notes(Silent):
    """Keeps what it is told; ends the run where that is asked for."""

    def __init__(self, then: BaseException | None = None) -> None:
        self.notes: list[str] = []
        self.then = then

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, loss: float) -> None:
        if self.then is not None:
            raise self.then


def seed_of(run: Path) -> int:
    """Which of the tests' runs lies in `run`."""
    return int(json.loads((run / "environment.json").read_text())["seed"])


def seeded(spec: dict[str, Any], seed: int) -> dict[str, Any]:
    return spec | {"train": spec["train"] | {"seed": seed}}


@pytest.fixture
def digits(digits: dict[str, Any]) -> dict[str, Any]:
    """Without a schedule that is planned for a number of epochs."""
    del digits["train"]["scheduler"]
    return digits


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def run(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> Path:
    """A finished run of seed 1."""
    fit(seeded(digits, 1), epochs=1)
    return tmp_path / "run"


def test_the_new_run_takes_the_place_of_the_old_one(run: Path, digits: dict[str, Any], fit: Fit) -> None:
    notes = Notes()
    fit(seeded(digits, 2), epochs=2, overwrite=True, reporter=notes)
    assert f"the run that was in {run} is kept in {run.parent}/.run.replaced-1 until this one has ended" in notes.notes
    assert (seed_of(run), entries(run.parent)) == (2, {"run"})
    assert len((run / "metrics.csv").read_text().splitlines()) == 3
    assert (run / "evaluation.json").is_file()


def test_where_there_is_no_run_it_begins_one(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    fit(digits, epochs=1, overwrite=True)
    assert entries(tmp_path) == {"run"}


def test_files_of_the_user_move_on_into_the_new_run(run: Path, digits: dict[str, Any], fit: Fit) -> None:
    (run / "notes.md").write_text("mine")
    (run / "errors.png").write_text("of the old run")
    fit(seeded(digits, 2), epochs=1, overwrite=True)
    assert (run / "notes.md").read_text() == "mine"
    assert not (run / "errors.png").exists()


def test_nothing_that_a_run_writes_counts_as_the_user_s(run: Path, digits: dict[str, Any]) -> None:
    graphspec.evaluate(run, device="cpu")
    assert [name for name in entries(run) if not replaced._OWN.fullmatch(name)] == []


@pytest.mark.parametrize("then", [RuntimeError("broken"), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])
def test_one_that_ends_before_its_first_checkpoint_gives_the_old_one_back(
    then: BaseException, run: Path, digits: dict[str, Any], fit: Fit
) -> None:
    with pytest.warns(GraphspecWarning, match="holds the one before it again"), pytest.raises(type(then)):
        fit(seeded(digits, 2), overwrite=True, reporter=Notes(then))
    assert (seed_of(run), entries(run.parent)) == (1, {"run"})
    fit(seeded(digits, 1), epochs=1, resume=True)


def test_a_stopped_one_goes_on_and_the_old_one_is_kept_until_it_has_ended(
    run: Path, digits: dict[str, Any], fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(Notes):
        def epoch(self, row: Any, epochs: int, best_epoch: int) -> None:
            raise Interrupted([])

    from graphspec.training.run import saver

    monkeypatch.setattr(saver, "SAVE_INTERVAL", 0)
    monkeypatch.setattr("graphspec.training.fit.SAVE_SECONDS", 0.0)
    with pytest.raises(Interrupted):
        fit(seeded(digits, 2), overwrite=True, reporter=Stopping())
    kept = run.with_name(".run.replaced-1")
    assert (seed_of(run), seed_of(kept)) == (2, 1)
    fit(seeded(digits, 2), resume=True)
    assert (seed_of(run), entries(run.parent)) == (2, {"run"})


def test_what_was_kept_stays_where_the_new_one_is_replaced_too(run: Path, digits: dict[str, Any], fit: Fit) -> None:
    first = run.with_name(".run.replaced-1")
    run.rename(first)
    fit(seeded(digits, 2), epochs=1, evaluated=False)  # as if it had not ended
    assert not first.exists()


@pytest.mark.parametrize("link", ["run", "checkpoints"])
def test_nothing_is_replaced_through_a_link(
    link: str, run: Path, digits: dict[str, Any], fit: Fit, tmp_path: Path
) -> None:
    path = run if link == "run" else run / "checkpoints"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GraphspecError, match=r"exists.*is a symbolic link; a run is not replaced through one"):
        fit(seeded(digits, 2), overwrite=True)
    assert seed_of(run) == 1


def test_a_run_that_another_process_trains_is_not_replaced(run: Path, digits: dict[str, Any], fit: Fit) -> None:
    with RunFolder(run), pytest.raises(GraphspecError, match="run-locked"):
        fit(seeded(digits, 2), overwrite=True)
    assert (seed_of(run), entries(run.parent)) == (1, {"run"})


def test_a_mistake_in_the_new_one_leaves_the_old_one_alone(run: Path, digits: dict[str, Any], fit: Fit) -> None:
    wrong = seeded(digits, 2) | {"data": digits["data"] | {"dataset": "wine"}}
    with pytest.raises(GraphspecError):
        fit(wrong, overwrite=True)
    assert (seed_of(run), entries(run.parent)) == (1, {"run"})


def test_to_resume_and_to_replace_exclude_each_other(digits: dict[str, Any], fit: Fit) -> None:
    with pytest.raises(GraphspecError, match=r"bad-value.*one of them is meant"):
        fit(digits, resume=True, overwrite=True)


@pytest.mark.slow
def test_the_command(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """``--resume`` takes its value after ``=`` alone: what follows it may be SPEC."""
    monkeypatch.chdir(tmp_path)
    common = ["--run", "run", "--device", "cpu", "--quiet"]

    def command(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            app(["train", *arguments, *common])
        return int(ended.value.code or 0)

    assert command("--epochs", "1", "--resume", "run/spec.toml") == 0
    assert command("run/spec.toml", "--set", "train.seed=3", "--overwrite", "--epochs", "1") == 0
    assert (seed_of(run), entries(tmp_path)) == (3, {"run"})
    assert command("run/spec.toml", "--overwrite", "--resume") == 2
    assert "one of them is meant" in capsys.readouterr().err
    assert command("run/spec.toml", "--resume=maybe") == 2
    common[1] = "other"
    assert command("run/spec.toml", "--resume", "--epochs", "1") == 1
    assert command("run/spec.toml", "--resume=auto", "--epochs", "1") == 0
    assert command("run/spec.toml", "--epochs", "1", "--resume=auto") == 0


def test_resume_auto_begins_and_goes_on(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    assert fit(digits, epochs=1, resume="auto").epochs == 1
    assert fit(digits, epochs=2, resume="auto").epochs == 2
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 3


def test_without_a_name_each_run_has_a_number(
    digits: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def train(**more: Any) -> Path:
        common = {"epochs": 1, "device": "cpu", "evaluated": False, "reporter": Silent()}
        return Path(graphspec.train(digits, **common | more))

    assert [train(), train(), train()] == [Path("runs/digits"), Path("runs/digits-2"), Path("runs/digits-3")]
    assert train(resume=True, epochs=2) == train(resume="auto", epochs=3) == train(overwrite=True)
    assert entries(tmp_path / "runs") == {"digits", "digits-2", "digits-3"}
    assert len((tmp_path / "runs" / "digits-3" / "metrics.csv").read_text().splitlines()) == 2
