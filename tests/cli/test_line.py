"""The whole line by the command: train, evaluate, predict, export, verify; each with its document and its refusals."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

DIGITS = Path(__file__).parents[2] / "specs" / "digits.toml"


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A folder with `run`, two epochs of digits, and `export`, published from it; both made by the command."""
    folder = tmp_path_factory.mktemp("line")
    for arguments in (
        ["train", DIGITS, "--run", "run", "--epochs", "2", "--quiet"],
        ["export", "run", "-o", "export", "--format", "onnx", "--quiet"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "graphspec", *map(str, arguments)], cwd=folder, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_training_prints_the_figures_of_every_part(command, tmp_path):
    ended = command("train", DIGITS, "--epochs", 1)
    assert ended.code == 0
    assert [row.split()[0] for row in ended.out.splitlines()[2:5]] == ["train", "validation", "test"]
    assert "epoch 1/1  loss " in ended.err
    assert (tmp_path / "runs" / "digits" / "best.safetensors").is_file()


def test_a_document_holds_what_the_table_shows(command, line):
    document = command("evaluate", line / "run", "--json").document
    assert set(document["parts"]) == {"train", "validation", "test"}
    assert document["parts"]["test"]["accuracy"] > 0.8
    assert sum(row["support"] for row in document["per_class"].values()) == 359


def test_a_run_is_not_overwritten_but_resumed(command, line):
    shutil.copytree(line / "run", "run")
    refused = command("train", DIGITS, "--run", "run")
    assert refused.code == 1
    assert "run-exists" in refused.err
    resumed = command("train", DIGITS, "--run", "run", "--resume", "--epochs", 2)
    assert resumed.code == 0
    assert "of 2" in resumed.out


def test_export_prints_what_was_measured(command, line):
    document = command("export", line / "run", "-o", "again", "--format", "onnx", "--json").document
    assert document["verification"]["passed"] is True
    assert set(document["verification"]["runtimes"]) == {"onnxruntime", "onnxruntime, unoptimised"}
    assert "model.onnx" in document["files"]


def test_verify_an_export_again(command, line):
    ended = command("verify", line / "export")
    assert ended.code == 0
    assert ended.out.count("equal") == 2


def test_an_optional_runtime_judges_too(command, line):
    ended = command("verify", line / "export", "--runtime", "onnx.reference")
    assert ended.code == 0
    assert re.search(r"onnx\.reference +\d+ .* equal$", ended.out, re.M)
    assert "error[bad-value]" in command("verify", line / "export", "--runtime", "onnx.referenz").err


def test_an_onnx_file_of_any_origin_is_judged_against_an_export(command, line):
    shutil.copy(line / "export" / "model.onnx", "other.onnx")
    assert command("verify", "other.onnx", "--against", line / "export").code == 0
    assert command("verify", "other.onnx").code == 2
    model = onnx.load("other.onnx")
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "logits.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 0.01, bias.name))
    onnx.save(model, "other.onnx")
    ended = command("verify", "other.onnx", "--against", line / "export")
    assert ended.code == 3
    assert "error[mismatch]" in ended.err
    assert "REFUSED" in ended.out


def test_a_changed_export_is_3(command, line):
    shutil.copytree(line / "export", "changed")
    model = Path("changed/model.onnx")
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    for arguments in (["verify", "changed"], ["predict", "changed"]):
        ended = command(*arguments)
        assert ended.code == 3
        assert "error[tampered]" in ended.err
        assert "model.onnx was changed" in ended.err


def test_predictions_stand_beside_the_truth(command, line):
    ended = command("predict", line / "export", "-n", 5)
    assert ended.out.splitlines()[0].split() == ["Sample", "Prediction", "Probability", "Target"]
    assert [row.split()[:2] for row in ended.out.splitlines()[2:]] == [["test", str(n)] for n in range(5)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["evaluate", "nowhere"], "no-run"),
        (["predict", "nowhere"], "no-run"),
        (["verify", "nowhere"], "no-such-file"),
        (["export", "nowhere.toml"], "no-such-file"),
        (["train", DIGITS, "--device", "gpu"], "bad-value"),
        (["train", DIGITS, "--set", "train.loss=MSLoss"], "bad-loss"),
        (["train", DIGITS, "--set", "layers.logits.out_features=9"], "class-count"),
    ],
)
def test_a_refusal_is_1_and_leaves_nothing_behind(command, tmp_path, arguments, code):
    ended = command(*arguments)
    assert ended.code == 1
    assert f"error[{code}]" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_saved_and_goes_on(command, tmp_path, number, code):
    process = subprocess.Popen(
        [sys.executable, "-m", "graphspec", "train", str(DIGITS), "--run", "run", "--epochs", "100"],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not process.stderr.readline().startswith("epoch 2/"):
        assert process.poll() is None
    process.send_signal(number)
    assert "error[interrupted]" in process.stderr.read()
    assert process.wait(60) == code
    assert command("train", DIGITS, "--run", "run", "--resume", "--epochs", 2).code == 0
