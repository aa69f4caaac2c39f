"""``--emit python``: one formatted file that imports only torch, with equal state_dict keys and equal outputs."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from graphspec import compiler
from graphspec.module.build import class_name
from graphspec.module.emit import python

SPECS = Path(__file__).parents[2] / "specs"
HEAVY = {"vit_b_16", "convnext_tiny", "efficientnet_b0"}

TWO_OUTPUTS = """
graphspec = 1
[inputs]
tokens = { shape = ["N", "T"], dtype = "int64" }
[layers]
embed = { type = "Embedding", num_embeddings = 50, embedding_dim = 8 }
lstm = { type = "LSTM", hidden_size = 8, batch_first = true }
start = { type = "Parameter", shape = [1, 1, 8], init = { type = "normal_", std = 0.02 } }
stretched = { type = "expand", from = "start", size = ["${tokens.shape[0]}", -1, -1] }
joined = { type = "cat", from = ["stretched", "lstm"], dim = 1 }
halves = { type = "chunk", chunks = 2, dim = -1 }
sum = { type = "add", from = ["halves.0", "halves.1"] }
scaled = { type = "mul", other = 0.5 }
last = { type = "squeeze", from = "lstm.h_n", dim = 0 }
head = { type = "Linear", out_features = 8 }
again = { reuse = "head", from = "last" }
tied = { type = "Linear", from = "lstm", out_features = 50, bias = false, tie = "embed.weight" }
frozen = { type = "Linear", from = "scaled", out_features = 2, freeze = true }
[outputs]
a = "frozen"
b = "again"
c = "tied"
"""

SHARED_BLOCK = """
graphspec = 1
[inputs]
left = ["N", 4]
right = ["N", 4]
[layers]
encoder = { type = "Encoder", from = "left" }
twin = { reuse = "encoder", from = "right" }
both = { type = "sub", from = ["encoder", "twin"] }
deep = { type = "Deep", repeat = 2 }
[blocks.Encoder.layers]
fc = { type = "Linear", out_features = 3 }
act = "Tanh"
[blocks.Deep.layers]
fc = { type = "Linear", out_features = 3 }
drop = { type = "StochasticDepth", p = 0.1, mode = "row" }
add = { type = "add", from = ["drop", "x"] }
"""

#: Functions whose body is several lines.
SEVERAL_LINES = """
graphspec = 1
[inputs]
x = ["N", 8]
[layers]
order = { type = "argsort", from = "x", dim = 1 }
taken = { type = "take_along_dim", from = ["x", "order"], dim = 1 }
drawn = "gumbel_softmax"
product = { type = "kron", from = ["drawn", "x"] }
"""


def emitted(shaped, folder: Path):
    """The emitted class, imported from a real file."""
    file = folder / "emitted.py"
    file.write_text(python(shaped), encoding="utf-8")
    described = importlib.util.spec_from_file_location("emitted", file)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return vars(module)[class_name(shaped.spec.name)]()


def inputs_of(shaped, batch: int = 2) -> list[torch.Tensor]:
    """Random inputs, dynamic dims but the batch at 40."""
    made = []
    for kind in shaped.inputs.values():
        sizes = [dim if isinstance(dim, int) else batch if str(dim) == "N" else 40 for dim in kind.shape]
        floats = kind.dtype.is_floating_point
        made.append(torch.randn(sizes) if floats else torch.randint(0, 2, sizes).to(kind.dtype))
    return made


def check_equal(spec, folder: Path) -> None:
    shaped = compiler.shape(compiler.load(spec))
    module, twin = compiler.build(shaped), emitted(shaped, folder)
    assert list(twin.state_dict()) == list(module.state_dict())
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in module.parameters()]
    twin.load_state_dict(module.state_dict(), strict=True)
    given = inputs_of(shaped)
    with torch.no_grad():
        expected, found = module.eval()(*given), twin.eval()(*given)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    else:
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in HEAVY else [])
        for path in sorted(SPECS.rglob("*.toml"))
    ],
)
def test_every_spec_is_equal_in_keys_and_outputs(path: Path, tmp_path: Path) -> None:
    check_equal(path, tmp_path)


@pytest.mark.parametrize(
    "text", [TWO_OUTPUTS, SHARED_BLOCK, SEVERAL_LINES], ids=["two outputs", "a block used twice", "several lines"]
)
def test_reuse_ties_tuples_and_run_time_sizes(text: str, tmp_path: Path) -> None:
    check_equal(text, tmp_path)


def test_a_tied_parameter_is_one_tensor(tmp_path: Path) -> None:
    twin = emitted(compiler.shape(compiler.load(TWO_OUTPUTS)), tmp_path)
    assert twin.tied.weight is twin.embed.weight


@pytest.mark.parametrize("name", ["digits", "zoo/resnet18", "zoo/googlenet", "zoo/densenet121"])
def test_the_file_imports_only_torch(name: str) -> None:
    text = python(compiler.shape(compiler.load(SPECS / f"{name}.toml")))
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {n.module if isinstance(n, ast.ImportFrom) else alias.name for n in nodes for alias in n.names}
    assert names <= {"torch", "torch.nn.functional"}


def test_the_file_runs_where_there_is_no_graphspec(tmp_path: Path) -> None:
    file = tmp_path / "digits.py"
    file.write_text(python(compiler.shape(compiler.load(SPECS / "digits.toml"))), encoding="utf-8")
    program = "import torch, digits; assert 'graphspec' not in sys.modules; "
    program += "print(digits.Digits()(torch.ones(3, 1, 8, 8)).shape)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'); {program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "torch.Size([3, 10])", done.stderr


@pytest.mark.parametrize("name", ["digits", "zoo/resnet50", "zoo/googlenet", "zoo/densenet121", "zoo/mobilenet_v2"])
def test_the_file_is_formatted(name: str, tmp_path: Path) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed")
    file = tmp_path / "net.py"
    file.write_text(python(compiler.shape(compiler.load(SPECS / f"{name}.toml"))), encoding="utf-8")
    done = subprocess.run(
        [ruff, "format", "--isolated", "--line-length", "120", "--diff", file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_blocks_become_classes_whose_differing_numbers_are_arguments() -> None:
    text = python(compiler.shape(compiler.load(SPECS / "zoo" / "resnet18.toml")))
    assert "class BasicBlock(nn.Module):" in text
    assert "nn.Sequential(BasicBlock(in_channels=64), BasicBlock(in_channels=64))" in text
    assert "# N × 512 × 7 × 7" in text
