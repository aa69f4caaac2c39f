"""The JSON Schema: it accepts every shipped spec, and refuses what a slip of the finger makes of one."""

import copy
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from graphspec.ops import names
from graphspec.ops.backbones import backbones
from graphspec.schema import json_schema
from graphspec.spec.base import Component
from graphspec.spec.model import NetworkSpec

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.toml"))
INVALID = ROOT / "tests" / "invalid"
BASE = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 28, 28]},
    "layers": {
        "conv": {"type": "Conv2d", "out_channels": 8, "kernel_size": 3},
        "relu": "ReLU",
        "flatten": "Flatten",
        "fc": {"type": "Linear", "out_features": 10},
    },
    "data": {"dataset": "digits", "transforms": [{"type": "Normalize", "mean": [0.5], "std": [0.5]}]},
    "train": {"loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.01}, "metrics": ["accuracy"]},
}


@pytest.fixture(scope="module")
def schema():
    # through text, as an editor reads it
    return json.loads(json.dumps(json_schema(), allow_nan=False))


@pytest.fixture(scope="module")
def accepts(schema):
    return jsonschema.Draft7Validator(schema).is_valid


@pytest.fixture
def spec():
    return copy.deepcopy(BASE)


def test_it_is_a_schema_of_draft_07(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_accepts_every_shipped_spec(accepts, path):
    assert accepts(tomllib.loads(path.read_text(encoding="utf-8")))


ACCEPTED_LAYERS = [
    "ReLU",
    "MyBlock",
    {"type": "MyBlock", "width": 3, "anything": [1, "a"]},
    {"type": "${kind}", "out_features": 3},
    {"type": "Linear", "out_features": "${2 * width}"},
    {"type": "Linear", "out_features": 3, "in_features": 4, "bias": "${not norm}"},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": [3, "${k}"], "padding": "same"},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": "${[k, k]}"},
    {"type": "Dropout", "p": 1},
    {"type": "cat", "from": ["a", "b.h_n"], "dim": 1},
    {"type": "MultiheadAttention", "num_heads": 2, "from": {"query": "q", "key": "kv", "value": "kv"}},
    {"type": "add", "from": ["a", "b"], "broadcast": True},
    {"type": "mul", "other": 0.5},
    {"type": "mean", "dim": 1},
    {"type": "mean", "dim": [2, 3], "keepdim": True},
    {"type": "LSTM", "hidden_size": 8, "bidirectional": True},
    {"type": "Linear", "out_features": 3, "repeat": 2, "if": "${x.shape[1] != 3}", "freeze": True},
    {"type": "Linear", "out_features": 3, "repeat": "${depth}", "if": False},
    {"reuse": "fc"},
    {"reuse": "fc", "from": "b"},
    {"type": "Linear", "out_features": 3, "tie": "embed.weight"},
    {"type": "Linear", "out_features": 3, "init": "zeros_"},
    {"type": "Linear", "out_features": 3, "init": {"type": "normal_", "std": 0.02}},
    {"type": "Linear", "out_features": 3, "init": {"weight": {"type": "normal_", "std": 0.02}, "bias": "zeros_"}},
    {"type": "torchvision.resnet18", "features": True, "freeze": True, "init": {"file": "weights.pth"}},
    {"type": "Parameter", "shape": [1, 16]},
    {"type": "Buffer", "data": [[1, 2], [3, 4]]},
    {"type": "StochasticDepth", "p": 0.1, "mode": "row"},
]


@pytest.mark.parametrize("layer", ACCEPTED_LAYERS, ids=str)
def test_it_accepts(accepts, spec, layer):
    spec["layers"]["fc"] = layer
    assert accepts(spec)
    block = {"vars": {"k": 1}, "inputs": ["x", "y"], "layers": {"fc": layer}, "outputs": {"out": "fc"}}
    assert accepts(BASE | {"blocks": {"B": block}})


def test_layers_can_be_a_list(accepts, spec):
    spec["layers"] = [{"name": name, **(layer if isinstance(layer, dict) else {"type": layer})}
                      for name, layer in BASE["layers"].items()]  # fmt: skip
    assert accepts(spec)
    del spec["layers"][0]["name"]
    assert not accepts(spec)


REFUSED_LAYERS = [
    {"type": "Conv2d", "out_channels": 3, "kernal_size": 3},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": 3, "strides": 2},
    {"type": "Conv2d", "out_channels": 3},
    {"type": "Conv2d", "out_channels": "3", "kernel_size": 3},
    {"type": "Conv2d", "out_channels": 3.5, "kernel_size": 3},
    {"type": "Conv2d", "out_channels": True, "kernel_size": 3},
    {"type": "Conv2d", "out_channels": 0, "kernel_size": 3},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": [3]},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": 3, "padding_mode": "zero"},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": 3, "bias": "no"},
    {"type": "Conv2d", "out_channels": 3, "kernel_size": 3, "device": "cuda"},
    {"type": "Linear", "out_feature": 3},
    {"type": "Linear", "out_features": None},
    {"type": "Linear", "out_features": 3, "frm": "conv"},
    {"type": "Linear", "out_features": 3, "repeat": 0},
    {"type": "Linear", "out_features": 3, "from": 3},
    {"type": "Linear", "out_features": 3, "init": "kaiming_normal"},
    {"type": "Linear", "out_features": 3, "init": {"type": "normal_", "sd": 0.02}},
    {"type": "Linear", "out_features": 3, "init": {"weight": "zeros"}},
    {"type": "Linear", "out_features": 3, "init": {"file": "a.pth", "weight": "zeros_"}},
    {"type": "torchvision.resnet18", "feature": True},
    {"type": "torchvision.resnet19"},
    {"type": "Linear", "out_features": 3, "name": "fc"},
    {"type": "Dropout", "p": 1.5},
    {"type": "softmax", "dims": 1},
    {"type": "add", "from": ["a", "b"], "broadcasts": True},
    {"reuse": "fc", "out_features": 3},
    {"reuse": "fc", "type": "Linear", "out_features": 3},
    {"out_features": 3},
    {},
    "Linear",
    "Conv2D", "Conv2dd", "Con2d", "Cnov2d", "Convd2", "Lineer", "Relu", "LeakyRelu", "BatchNorm2D",
    "Batchnorm2d", "Maxpool2d", "MaxPol2d", "LayerNrom", "Gelu", "softmx", "torch.load", "os.system", "a b", "",
    ["Linear", 3],
    3,
]  # fmt: skip


@pytest.mark.parametrize("layer", REFUSED_LAYERS, ids=str)
def test_it_refuses(accepts, spec, layer):
    assert accepts(spec)
    spec["layers"]["fc"] = layer
    assert not accepts(spec)
    assert not accepts(BASE | {"blocks": {"B": {"layers": {"fc": layer}}}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("graphspec", 2),
        ("graphspec", "1"),
        ("input", {"x": ["N", 1]}),
        ("inputs", {}),
        ("inputs", {"my image": ["N"]}),
        ("inputs", {"x": ["N", 0]}),
        ("inputs", {"x": {"shape": ["N"], "dtyp": "int64"}}),
        ("inputs", {"x": {"shape": ["N"], "dtype": "float"}}),
        ("inputs", {"x": {"dtype": "int64"}}),
        ("layers", {}),
        ("layers", {"my layer": "ReLU"}),
        ("outputs", {"y": 3}),
        ("vars", {"a b": 1}),
        ("variants", {"small": {"a b": 1}}),
        ("variants", {"small": 3}),
        ("blocks", {"B": {}}),
        ("blocks", {"B": {"layers": {"a": "ReLU"}, "input": ["x"]}}),
        ("blocks", {"B": {"layers": {"a": "ReLU"}, "inputs": "x"}}),
        ("data.datset", "digits"),
        ("data.dataset", "digit"),
        ("data.batch_size", 0),
        ("data.batch_size", "32"),
        ("data.validation", 1.0),
        ("data.transforms", "Normalize"),
        ("data.transforms", ["Normalize"]),
        ("data.transforms", [{"type": "Normalise", "mean": [0.5], "std": [0.5]}]),
        ("data.augment", ["RandomFlip"]),
        ("data.augment", [{"type": "RandomCrop", "size": 28, "pading": 2}]),
        ("train.epoch", 3),
        ("train.epochs", 0),
        ("train.loss", "CrossEntropy"),
        ("train.loss", {"type": "CrossEntropyLoss", "label_smooth": 0.1}),
        ("train.optimizer", "adam"),
        ("train.optimizer", {"type": "Adam", "learning_rate": 0.1}),
        ("train.optimizer", {"type": "Adam", "lr": "0.1"}),
        ("train.scheduler", "CosineAnnealing"),
        ("train.scheduler", {"type": "StepLR"}),
        ("train.metrics", ["acuracy"]),
        ("train.metrics", "accuracy"),
        ("export", {"format": ["onnx"]}),
        ("export", {"formats": ["onx"]}),
        ("export", {"opset_version": 13}),
        ("_target_", "os.system"),
    ],
)  # fmt: skip
def test_it_refuses_a_section(accepts, spec, path, value):
    *parents, key = path.split(".")
    table = spec
    for parent in parents:
        table = table[parent]
    table[key] = value
    assert not accepts(spec)


@pytest.mark.parametrize(
    "path",
    [path for kind in ("unknown-argument", "unknown-key", "missing-key", "missing-argument")
     for path in sorted(INVALID.glob(f"{kind}*.*")) if path.suffix in (".toml", ".json")],
    ids=lambda path: path.name,
)  # fmt: skip
def test_it_refuses_what_the_compiler_refuses(accepts, path):
    if path.stem == "unknown-argument--block":
        pytest.skip("a JSON Schema cannot know a block's variables")
    text = path.read_text(encoding="utf-8")
    assert not accepts(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text))


def test_each_type_has_its_arguments_with_texts_and_defaults(schema):
    cases = schema["definitions"]["layer"]["else"]["allOf"]
    found = {case["if"]["properties"]["type"]["const"]: case["then"] for case in cases if "properties" in case["if"]}
    assert set(found) == {*names(), *backbones()}
    stride = found["Conv2d"]["properties"]["stride"]
    assert (stride["default"], stride["description"]) == (1, "Stride of the convolution.")
    assert found["Conv2d"]["required"] == ["out_channels", "kernel_size"]


def test_every_section_of_the_language_is_there(schema):
    assert set(schema["properties"]) == {"$schema", *NetworkSpec.model_fields}


def test_every_component_has_its_own_table(schema):
    """A field of [data], [train] or [export] that names a component has a definition under its name."""
    sections = [field.annotation for field in NetworkSpec.model_fields.values()]
    models = [
        part for kind in sections for part in (kind, *getattr(kind, "__args__", ())) if hasattr(part, "model_fields")
    ]
    fields = {name for model in models for name, field in model.model_fields.items()
              if Component.__name__ in str(field.annotation)}  # fmt: skip
    assert fields
    assert fields <= set(schema["definitions"])


def test_taplo_reads_it(schema, tmp_path):
    """Taplo is what VS Code's TOML extension runs."""
    taplo = shutil.which("taplo", path=str(Path(sys.executable).parent)) or shutil.which("taplo")
    if not taplo:
        pytest.skip("taplo is not installed (pip install taplo)")
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    check = [taplo, "check", "--schema", file.as_uri()]
    good = subprocess.run([*check, *map(str, SPECS)], capture_output=True, text=True, cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    wrong = tmp_path / "wrong.toml"
    right = (ROOT / "specs" / "digits.toml").read_text(encoding="utf-8")
    wrong.write_text(right.replace("kernel_size", "kernal_size"))
    bad = subprocess.run([*check, str(wrong)], capture_output=True, text=True, cwd=tmp_path)
    assert bad.returncode != 0
    assert "'kernal_size' was unexpected" in bad.stderr
