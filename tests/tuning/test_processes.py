"""A study is shared, stopped, killed and taken up again: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.tuning.tune_report import TuneReport

Tune = Callable[..., TuneReport]


@pytest.fixture
def start(iris: dict[str, Any], tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """``graphspec tune`` as a process of its own, on the spec of the fixtures with longer trials."""
    iris["train"]["epochs"] = 40

    def run(*options: str) -> subprocess.Popen[str]:
        (tmp_path / "iris.json").write_text(json.dumps(iris))
        command = [sys.executable, "-m", "graphspec", "tune", "iris.json", "--run", "study", "--device", "cpu"]
        return subprocess.Popen(
            [*command, "--json", *options], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    return run


def until(there: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def in_trial(folder: Path, number: int) -> Callable[[], bool]:
    """Whether trial `number` has begun its epochs."""
    return lambda: (folder / "trials" / str(number) / "environment.json").is_file()


def outcomes(report: dict[str, Any]) -> list[Any]:
    return [(trial["values"], trial["value"]) for trial in report["trials"]]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_study_goes_on_as_if_it_never_stopped(
    start: Callable[..., subprocess.Popen[str]],
    iris: dict[str, Any],
    tune: Tune,
    tmp_path: Path,
    number: int,
    code: int,
) -> None:
    first = start()
    until(in_trial(tmp_path / "study", 1))
    first.send_signal(number)
    first.communicate(timeout=60)
    assert first.returncode == code
    out, _ = start("--resume").communicate(timeout=120)
    whole = tune(iris, run=tmp_path / "whole").as_dict()
    assert outcomes(json.loads(out)) == outcomes(whole)


@pytest.mark.slow
def test_a_study_that_is_killed_between_two_folds_goes_on_with_the_second(
    start: Callable[..., subprocess.Popen[str]], iris: dict[str, Any], tune: Tune, tmp_path: Path
) -> None:
    iris["data"]["folds"] = 3
    first = start()
    until((tmp_path / "study" / "trials" / "1" / "fold-1" / "environment.json").is_file)
    first.kill()
    first.communicate(timeout=60)
    out, _ = start("--resume").communicate(timeout=120)
    assert outcomes(json.loads(out)) == outcomes(tune(iris, run=tmp_path / "whole").as_dict())


@pytest.mark.slow
def test_two_processes_share_the_trials(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    first = start("--trials", "6")
    until(in_trial(tmp_path / "study", 0))
    second = start("--trials", "6", "--resume")
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in (first, second)]
    assert first.returncode == second.returncode == 0
    last = max(reports, key=lambda report: report["counts"].get("complete", 0))
    ended = last["counts"].get("complete", 0) + last["counts"].get("pruned", 0)
    assert ended == len(last["trials"]) == 6
    assert len({json.dumps(trial["values"]) for trial in last["trials"]}) == 6
    assert last["evaluation"]["parts"]["test"]


def test_a_line_that_a_kill_cut_short_is_mended(iris: dict[str, Any], tune: Tune, tmp_path: Path) -> None:
    tune(iris, trials=1)
    with (tmp_path / "study" / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 4, "worker_')
    assert tune(iris, trials=2, resume=True).counts == {"complete": 2}


@pytest.mark.parametrize(
    "text", ["{\n", "{}\n", "[]\n", "1\n", '{"op_code": 99, "worker_id": "x"}\n', '{"op_code": 4}\n']
)
def test_a_journal_that_is_none_is_said(iris: dict[str, Any], tune: Tune, tmp_path: Path, text: str) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "journal.log").write_text(text)
    with pytest.raises(GraphspecError, match="checkpoint-damaged"):
        tune(iris, resume=True)


#: What is put in place of what, and what is said.
JOURNALS: dict[str, tuple[bytes, bytes, str]] = {
    "another path": (b"train.optimizer.lr", b"train.optimizer.xx", "varies .*optimizer.xx"),
    "another range": (b'\\"low\\": 0.', b'\\"low\\": 0.000', "varies"),
    "a text for a number": (b'"best_epoch":1', b'"best_epoch":"x"', "best_epoch"),
    "a list for a value": (
        b'optimizer.lr","param_value_internal":',
        b'optimizer.lr","param_value_internal":[7],"was":',
        "odd value for",
    ),
    "100,000 deep": (b"\n", b'\n{"op_code": 4, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "RecursionError"),
}


@pytest.mark.parametrize(("was", "now", "message"), JOURNALS.values(), ids=JOURNALS.keys())
def test_a_journal_of_another_study_is_not_gone_on_with(
    iris: dict[str, Any], tune: Tune, tmp_path: Path, was: bytes, now: bytes, message: str
) -> None:
    iris["train"]["epochs"] = 1
    tune(iris, trials=1)
    journal = tmp_path / "study" / "journal.log"
    before = journal.read_bytes()
    journal.write_bytes(before.replace(was, now))
    assert journal.read_bytes() != before
    with pytest.raises(GraphspecError, match=f"checkpoint-damaged(.|\n)*({message})"):
        tune(iris, trials=3, resume=True)


def test_trials_without_a_journal_are_not_begun_anew(iris: dict[str, Any], tune: Tune, tmp_path: Path) -> None:
    iris["train"]["epochs"] = 1
    tune(iris, trials=1)
    (tmp_path / "study" / "journal.log").write_bytes(b"")
    with pytest.raises(GraphspecError, match=r"checkpoint-damaged.*knows of 0 trials, and trials/0 was begun"):
        tune(iris, resume=True)


def test_a_folder_with_a_study_is_refused_without_resume(iris: dict[str, Any], tune: Tune) -> None:
    tune(iris, trials=1)
    with pytest.raises(GraphspecError, match=r"run-exists.*--resume"):
        tune(iris)


def test_there_must_be_a_study_to_resume(iris: dict[str, Any], tune: Tune, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r"no-run.*holds no study"):
        tune(iris, resume=True)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("mine")
    with pytest.raises(GraphspecError, match=r"exists.*other files"):
        tune(iris)


def test_a_study_of_another_spec_is_not_gone_on_with(iris: dict[str, Any], tune: Tune) -> None:
    tune(iris, trials=1)
    iris["tune"]["trials"] = 2
    tune(iris, resume=True)  # more trials are fine
    iris["layers"]["relu"] = "Tanh"
    with pytest.raises(GraphspecError, match=r'checkpoint-mismatch(.|\n)*was: relu +. "ReLU"(.|\n)*is: relu .*"Tanh"'):
        tune(iris, resume=True)


@pytest.mark.slow
def test_a_trial_that_kills_its_process_is_given_up(
    start: Callable[..., subprocess.Popen[str]], iris: dict[str, Any], tmp_path: Path, tune: Tune
) -> None:
    iris["train"]["epochs"] = 3000
    (tmp_path / "iris.json").write_text(json.dumps(iris))
    journal = tmp_path / "study" / "journal.log"
    for options, begun in (
        ((), in_trial(tmp_path / "study", 0)),
        (("--resume",), lambda: "deaths" in journal.read_text()),
    ):
        process = start(*options)
        until(begun)
        process.kill()
        process.communicate(timeout=60)
    with pytest.raises(GraphspecError, match="killed in this trial 2 times"):
        tune(iris, trials=1, resume=True)
