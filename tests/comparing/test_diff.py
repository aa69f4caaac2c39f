"""``graphspec diff``: rows for what is different, and none where nothing is."""

import json

import pytest
import safetensors.torch
from typer.testing import CliRunner

import graphspec
from graphspec.cli.app import app

SPEC = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc1  = { type = "Linear", out_features = 8 }
relu = "ReLU"
fc2  = { type = "Linear", out_features = 3 }
"""


def test_equal_networks_have_no_difference() -> None:
    found = graphspec.diff(SPEC, SPEC)
    assert found.equal
    assert [*found.as_dict().values()] == [True, [], [], [], [], []]


def test_a_changed_layer_is_named_with_its_numbers() -> None:
    found = graphspec.diff(SPEC, SPEC.replace("out_features = 8", "out_features = 6"))
    changed = {row["layer"]: row for row in found.layers}
    assert changed["fc1"]["change"] == "changed"
    assert changed["fc1"]["before"]["parameters"] == 40
    assert changed["fc1"]["after"]["shape"] == ["N × 6"]
    assert {"total": "parameters", "before": 67, "after": 51} in found.totals
    assert {row["tensor"] for row in found.weights} >= {"fc1.weight", "fc1.bias", "fc2.weight"}


def test_what_is_written_otherwise_is_no_difference() -> None:
    image = 'graphspec = 1\n[inputs]\nx = ["N", 3, 8, 8]\n[layers]\nconv = { type = "Conv2d", out_channels = 4, '
    short, long = "kernel_size = 3, padding = 1 }", "kernel_size = [3, 3], padding = [1, 1], stride = 1, bias = true }"
    assert graphspec.diff(image + short, image + long).equal
    (row,) = graphspec.diff(image + short, image + long.replace("padding = [1, 1]", "padding = 0")).layers
    assert [row["before"]["arguments"], row["after"]["arguments"]] == [{"padding": "1"}, {"padding": "0"}]
    assert row["after"].keys() == {"arguments", "shape", "flops"}


@pytest.mark.parametrize(("a", "b", "change"), [(SPEC, "+", "added"), ("+", SPEC, "removed")])
def test_a_layer_of_one_of_them_is_added_or_removed(a: str, b: str, change: str) -> None:
    more = SPEC + 'soft = { type = "softmax", dim = 1 }\n'
    found = graphspec.diff(a if a != "+" else more, b if b != "+" else more)
    assert [(row["layer"], row["change"]) for row in found.layers] == [("soft", change)]
    assert [row["within_noise"] for row in found.outputs] == [False]


def test_other_weights_are_seen_by_tensor_and_in_the_outputs() -> None:
    found = graphspec.diff(graphspec.load(SPEC, seed=0), graphspec.load(SPEC, seed=1))
    assert not found.layers
    assert {row["tensor"] for row in found.weights} == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    assert [(row["output"], row["within_noise"]) for row in found.outputs] == [("output", False)]


def test_the_command_ends_with_0_and_says_it_as_data_and_as_a_page(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(SPEC)
    (tmp_path / "b.toml").write_text(SPEC.replace("ReLU", "GELU"))
    same = CliRunner().invoke(app, ["diff", "a.toml", "a.toml"])
    assert (same.exit_code, same.output.strip()) == (0, "")
    other = CliRunner().invoke(app, ["diff", "a.toml", "b.toml", "--json"])
    assert other.exit_code == 0
    assert json.loads(other.stdout)["layers"][0]["after"]["type"] == "GELU"
    page = CliRunner().invoke(app, ["diff", "a.toml", "b.toml", "-o", "page.html"])
    assert page.exit_code == 0
    assert "<td>relu</td>" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_what_a_run_says_of_itself_cannot_drive_the_terminal_nor_fill_it(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, said in (("a", {"loss": 1.0}), ("b", {"\x1b[2J": 2.0, **{f"m{k}": 1.0 for k in range(100_000)}})):
        network = graphspec.load(SPEC)
        (tmp_path / name).mkdir()
        (tmp_path / name / "environment.json").write_text("{}")
        (tmp_path / name / "spec.toml").write_text(SPEC)
        (tmp_path / name / "evaluation.json").write_text(json.dumps({"parts": said}))
        safetensors.torch.save_file(network.module.state_dict(), tmp_path / name / "best.safetensors")
    done = CliRunner().invoke(app, ["diff", "a", "b"])
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\\x1b[2J" in done.stdout
    assert len(done.stdout.splitlines()) < 200
    assert "99,882 more; --json and -o have all" in done.stdout


TRAINED = (
    SPEC
    + """
[data]
dataset = "iris"
[train]
epochs = 1
loss = "CrossEntropyLoss"
metrics = ["accuracy"]
[export]
formats = ["onnx", "pt2"]
"""
)


@pytest.mark.slow
def test_runs_exports_and_files_are_compared_in_any_mix(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    graphspec.train(TRAINED, run="run")
    graphspec.train(TRAINED, run="longer", epochs=3)
    graphspec.export("run", "export")
    assert graphspec.diff("run", "export").equal
    assert graphspec.diff("run", "export/model.pt2").equal

    other = graphspec.diff("run", "longer")
    assert (other.layers, other.totals) == ([], [])
    assert {row["tensor"] for row in other.weights} == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    assert {"train loss", "train accuracy"} & {row["metric"] for row in other.metrics}
    assert all(row["before"] != row["after"] for row in other.metrics)

    assert [row["within_noise"] for row in graphspec.diff("run", "export/model.onnx").outputs] in ([], [True])
    assert {row["change"] for row in graphspec.diff(SPEC, "export").layers} == set()
    assert [row["within_noise"] for row in graphspec.diff(SPEC, "export").outputs] == [False]
