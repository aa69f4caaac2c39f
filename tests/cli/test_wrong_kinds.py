"""A command that is given the wrong kind of thing says what it is, and which command makes or takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphspec.formats import JUDGED_ALONE

SPEC = """
graphspec = 1
name = "iris"
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
"""
#: Each by what marks it; nothing more is looked at before the kind is known.
FOLDERS = {
    "runs/iris": "environment.json", "exports/iris": "manifest.json", "runs/iris-tune": "journal.log", "data": "a.csv",
}  # fmt: skip

OF_SPECS = {
    "runs/iris": "is a run, not a spec; its spec is runs/iris/spec.toml",
    "exports/iris": "is an export, not a spec; its spec is exports/iris/spec.toml",
    "runs/iris-tune": "is a study, not a spec; the study's spec is runs/iris-tune/spec.toml, the best trial's",
    "data": "is a folder of other things, not a spec",
    "model.onnx": '"model.onnx" is not a spec; a spec is a .toml or .json file, not .onnx',
    "new.toml": 'no file "new.toml"',
}
SAID = {
    "compile": OF_SPECS, "train": OF_SPECS, "tune": OF_SPECS, "data": OF_SPECS,
    "evaluate": {
        "iris.toml": "is a spec, not a run; its run is runs/iris",
        "other.toml": "is a spec, not a run; graphspec train other.toml makes a run of it",
        "exports/iris": "is an export, not a run; an export is for graphspec predict and graphspec verify",
        "runs/iris-tune": "is a study, not a run; its trials are runs: runs/iris-tune/trials/0",
        "data": "is a folder of other things, not a run; graphspec train SPEC makes a run",
        "model.onnx": "is a file of another kind, not a run; graphspec train SPEC makes a run",
        "runs/irs": 'there is no "runs/irs"; did you mean "runs/iris"?',
    },
    "predict": {
        "iris.toml": "is a spec, neither a run nor an export; its run is runs/iris",
        "other.toml": "is a spec, neither a run nor an export; graphspec train other.toml makes a run of it",
        "runs/iris-tune": "is a study, neither a run nor an export; its trials are runs",
        "data": "is a folder of other things, neither a run nor an export; graphspec train SPEC makes a run",
        "model.onnx": "neither a run nor an export; graphspec verify model.onnx --against EXPORT judges a file alone",
        "exports/irs": 'there is no "exports/irs"; did you mean "exports/iris"?',
    },
    "export": {
        "exports/iris": "is an export, neither a run nor a spec; an export is for graphspec predict",
        "runs/iris-tune": "is a study, neither a run nor a spec; its trials are runs",
        "data": "is a folder of other things, neither a run nor a spec; graphspec train SPEC makes a run",
        "model.onnx": "is a file of another kind, neither a run nor a spec; graphspec train SPEC makes a run",
        "new.toml": 'no file "new.toml"',
        "runs/irs": 'there is no "runs/irs"; did you mean "runs/iris"?',
    },
    "verify": {
        "iris.toml": "is a spec, not an export; its export is exports/iris",
        "other.toml": "is a spec, not an export; graphspec export other.toml makes one of it",
        "runs/iris": "is a run, not an export; graphspec export runs/iris makes one of it, and exports/iris is",
        "runs/iris-tune": "is a study, not an export; graphspec export RUN makes an export",
        "data": "is a folder of other things, not an export; graphspec export RUN makes an export",
        "exports/irs": 'there is no "exports/irs"; did you mean "exports/iris"?',
    },
}  # fmt: skip
CASES = [(name, given, words) for name, table in SAID.items() for given, words in table.items()]


@pytest.mark.parametrize(("name", "given", "words"), CASES, ids=[f"{name}-{given}" for name, given, _ in CASES])
def test_it_says_what_it_is_and_what_to_do(command, name: str, given: str, words: str) -> None:
    for folder, mark in FOLDERS.items():
        Path(folder).mkdir(parents=True)
        Path(folder, mark).touch()
    Path("iris.toml").write_text(SPEC, encoding="utf-8")
    Path("other.toml").write_text(SPEC.replace("iris", "other"), encoding="utf-8")
    Path("model.onnx").touch()
    before = sorted(Path().rglob("*"))
    ended = command(name, given)
    assert ended.code == 1
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert sorted(Path().rglob("*")) == before


def test_a_run_that_is_no_longer_whole_is_said(command) -> None:
    Path("run").mkdir()
    Path("run/environment.json").touch()
    assert '"run" holds no run: it has no spec.toml' in command("evaluate", "run").err


@pytest.mark.parametrize("suffix", JUDGED_ALONE)
def test_a_file_alone_needs_the_export_that_it_claims_to_be(command, suffix: str) -> None:
    Path(f"model{suffix}").touch()
    ended = command("verify", f"model{suffix}")
    assert (ended.code, "a file needs --against EXPORT" in ended.err) == (2, True)
