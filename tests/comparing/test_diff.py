"""``graphspec diff``: rows for what is different, and none where nothing is."""

import hashlib
import json

import pytest
import safetensors.torch
from typer.testing import CliRunner

import graphspec
from graphspec.cli.app import app
from graphspec.comparing import Comparison

SPEC = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc1  = { type = "Linear", out_features = 8 }
relu = "ReLU"
fc2  = { type = "Linear", out_features = 3 }
"""


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


def test_equal_networks_have_no_difference() -> None:
    found = graphspec.diff(SPEC, SPEC)
    assert found.equal
    assert [*found.as_dict().values()] == [True, [], [], [], [], [], [], []]


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


def changes(found: Comparison) -> list[tuple[str, str | None, str]]:
    return [(row["layer"], row["renamed_to"], row["change"]) for row in found.layers]


def test_a_renamed_layer_is_one_layer_with_one_weight_and_one_output() -> None:
    renamed = SPEC.replace("fc1 ", "stem").replace("fc2 ", "head")
    state = graphspec.load(SPEC).module.state_dict()
    same = {key.replace("fc1", "stem").replace("fc2", "head"): value for key, value in state.items()}
    found = graphspec.diff(SPEC, graphspec.load(renamed).with_state(lambda: same))
    assert changes(found) == [("fc1", "stem", "renamed"), ("fc2", "head", "renamed")]
    assert all(row["before"] == row["after"] == {} for row in found.layers)
    assert (found.weights, found.outputs, found.totals) == ([], [], [])

    other = graphspec.diff(SPEC, renamed.replace("out_features = 3", "out_features = 2") + '[outputs]\nlogits = "head"')
    assert changes(other) == [("fc1", "stem", "renamed"), ("fc2", "head", "changed")]
    assert ("fc2.weight", "head.weight") in [(row["tensor"], row["renamed_to"]) for row in other.weights]
    assert [(row["output"], row["renamed_to"], row["before"], row["after"]) for row in other.outputs] == [
        ("output", "logits", "N × 3", "N × 2")
    ]


def test_layers_are_found_by_their_weights_wherever_they_stand() -> None:
    head = SPEC[: SPEC.index("fc1")]
    twins = [
        head + "\n".join(f'{name} = {{ type = "Linear", out_features = 4 }}' for name in names)
        for names in ("ab", "pq")
    ]
    state = graphspec.load(twins[0]).module.state_dict()
    crossed = {{"a": "q", "b": "p"}[key[0]] + key[1:]: value for key, value in state.items()}
    found = graphspec.diff(twins[0], graphspec.load(twins[1]).with_state(lambda: crossed))
    assert {(row["layer"], row["renamed_to"]) for row in found.layers} == {("a", "q"), ("b", "p")}
    assert not found.weights


CHAIN = """
graphspec = 1
[inputs]
image = ["N", 1, 8, 8]
[layers]
features = "Features"
head = { type = "Conv2d", out_channels = 2, kernel_size = 1 }
[blocks.Features.layers]
"""


def numbered(*lines: str) -> str:
    return CHAIN + "\n".join(f"{n} = {line}" for n, line in enumerate(lines))


def test_what_is_put_between_numbered_layers_moves_those_behind_it() -> None:
    conv, relu, norm = '{ type = "Conv2d", out_channels = 4, kernel_size = 1 }', '"ReLU"', '"BatchNorm2d"'
    found = graphspec.diff(numbered(conv, relu, conv, relu), numbered(conv, norm, relu, conv, relu))
    assert changes(found) == [
        ("features.1", None, "added"),
        ("features.1", "features.2", "downstream"),  # it takes what the new one gives
        ("features.2", "features.3", "renamed"),
        ("features.3", "features.4", "renamed"),
    ]
    repeated = CHAIN + '0 = { type = "Conv2d", out_channels = 4, kernel_size = 1, padding = 0 }\n'
    more = repeated.replace('"Features"', '{ type = "Features", repeat = 3 }')
    fewer = repeated.replace('"Features"', '{ type = "Features", repeat = 2 }')
    assert changes(graphspec.diff(fewer, more)) == [("features.2.0", None, "added"), ("head", None, "downstream")]


def test_what_only_follows_from_a_layer_before_is_downstream_and_an_added_one_stands_in_its_place() -> None:
    wider = SPEC.replace("out_features = 8", "out_features = 6").replace("fc2 ", 'norm = "BatchNorm1d"\nfc2 ')
    found = graphspec.diff(SPEC, wider)
    assert changes(found) == [
        ("fc1", None, "changed"), ("relu", None, "downstream"), ("norm", None, "added"), ("fc2", None, "downstream"),
    ]  # fmt: skip
    assert [row["layer"] for row in graphspec.diff(wider, SPEC).layers] == ["fc1", "relu", "norm", "fc2"]
    taken = SPEC.replace('relu = "ReLU"', 'relu = "ReLU"\nskip = { type = "add", from = ["relu", "fc1"] }')
    moved = graphspec.diff(taken, taken.replace('"relu", "fc1"', '"relu", "relu"'))
    assert changes(moved) == [("skip", None, "changed")]


@pytest.mark.parametrize(
    ("key", "value"),
    [("freeze", "true"), ("init", '"kaiming_normal_"'), ("parametrize", '"weight_norm"'), ("tie", '"fc0.weight"')],
)
def test_how_a_layers_weights_are_made_is_a_difference(key: str, value: str) -> None:
    spec = SPEC.replace("fc1  =", 'fc0 = { type = "Linear", out_features = 4 }\nfc1  =').replace("= 8", "= 4")
    found = graphspec.diff(
        spec, spec.replace("out_features = 4 }\nrelu", f"out_features = 4, {key} = {value} }}\nrelu")
    )
    assert ("fc1", None, "changed") in changes(found)
    assert {row["layer"] for row in found.layers} == {"fc1"}


def test_settings_are_compared_by_path_and_a_component_by_its_arguments() -> None:
    longer = TRAINED.replace("epochs = 1", 'epochs = 2\noptimizer = { type = "Adam", lr = 0.01 }')
    found = graphspec.diff(TRAINED, longer.replace('"pt2"', '"torchscript"').replace("[train]", "test = 0.1\n[train]"))
    assert (found.layers, found.weights, found.outputs) == ([], [], [])
    assert {row["setting"]: (row["before"], row["after"]) for row in found.settings} == {
        "data.test": (0.2, 0.1),
        "train.epochs": (1, 2),
        "train.optimizer.lr": (None, 0.01),
        "export.formats": (["onnx", "pt2"], ["onnx", "torchscript"]),
    }


def test_inputs_of_other_names_are_compared_and_of_other_shapes_said() -> None:
    named = SPEC.replace('x = ["N", 4]', 'features = ["B", 4]')
    found = graphspec.diff(graphspec.load(SPEC, seed=1), graphspec.load(named, seed=1))
    assert [(row["input"], row["renamed_to"]) for row in found.inputs] == [("x", "features")]
    assert (found.layers, found.totals, found.weights, found.outputs) == ([], [], [], [])
    (row,) = graphspec.diff(SPEC, SPEC.replace('"N", 4', '"N", 5')).inputs
    assert (row["before"], row["after"]) == ("N × 4", "N × 5")


def test_numbers_and_headings_have_one_form_in_text_and_page(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(SPEC)
    (tmp_path / "b.toml").write_text(SPEC.replace("= 8", "= 1024").replace("fc2 ", 'norm = "BatchNorm1d"\nhead '))
    shown = CliRunner().invoke(app, ["diff", "a.toml", "b.toml"]).stdout
    CliRunner().invoke(app, ["diff", "a.toml", "b.toml", "-o", "page.html"])
    page = (tmp_path / "page.html").read_text()
    for text in ("fc2 → head", "8,192 · N", "scalar int64", "Greatest difference", "Rounding alone", "downstream"):
        assert text in shown
        assert text in page
    assert "flops" not in shown + page
    assert "1024*N" not in shown + page


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
        safetensors.torch.save_file(network.module.state_dict(), tmp_path / name / "best.safetensors")
        digest = hashlib.sha256((tmp_path / name / "best.safetensors").read_bytes()).hexdigest()
        (tmp_path / name / "spec.toml").write_text(SPEC)
        (tmp_path / name / "evaluation.json").write_text(json.dumps({"parts": said, "weights": digest}))
    done = CliRunner().invoke(app, ["diff", "a", "b"])
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\\x1b[2J" in done.stdout
    assert len(done.stdout.splitlines()) < 200
    assert "99,882 more; --json and -o have all" in done.stdout


@pytest.mark.slow
def test_runs_exports_and_files_are_compared_in_any_mix(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    graphspec.train(TRAINED, run="run")
    graphspec.train(TRAINED.replace("epochs = 1", "epochs = 3"), run="longer")
    graphspec.export("run", "export")
    graphspec.export("longer", "longer-export")
    assert graphspec.diff("run", "export").equal
    assert graphspec.diff("run", "longer").metrics == graphspec.diff("export", "longer-export").metrics
    assert graphspec.diff("run", "longer-export").settings == [{"setting": "train.epochs", "before": 1, "after": 3}]
    assert graphspec.diff("run", "export/model.pt2").equal

    other = graphspec.diff("run", "longer")
    assert (other.layers, other.totals) == ([], [])
    assert {row["tensor"] for row in other.weights} == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    assert {"train loss", "train accuracy"} & {row["metric"] for row in other.metrics}
    assert all(row["before"] != row["after"] for row in other.metrics)

    assert [row["within_noise"] for row in graphspec.diff("run", "export/model.onnx").outputs] in ([], [True])
    assert {row["change"] for row in graphspec.diff(SPEC, "export").layers} == set()
    assert [row["within_noise"] for row in graphspec.diff(SPEC, "export").outputs] == [False]
