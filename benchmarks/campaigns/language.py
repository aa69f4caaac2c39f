"""What the language can say × what is made of it: each row is a spec, each column a form of it.

    python benchmarks/campaigns/language.py [NAME…]

``emit`` is the Python file with the same keys and the same outputs, bit for bit; the formats are written and verified.
A backbone is refused by ``emit``, which writes torch alone. The table is Markdown; a fault is said below it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import torch
from safetensors.torch import save_file

import graphspec
from graphspec.cli import emit
from graphspec.ops.imports import import_file
from graphspec.schema import json_schema

FORMATS = ("onnx", "pt2", "torchscript")
_X, _SEQUENCE, _IMAGE = "x = ['N', 8]", "x = ['N', 5, 8]", "x = ['N', 3, 'H', 'W']"
_BLOCK = """
[blocks.Block]
[blocks.Block.layers]
fc = { type = "Linear", out_features = 8 }
act = "ReLU"
"""


def _spec(inputs: str, layers: str, rest: str = "", head: str = "") -> str:
    return f"graphspec = 1\n{head}\n[inputs]\n{inputs}\n[layers]\n{layers}\n{rest}"


ROWS: dict[str, str] = {
    "weights as inputs": _spec(
        _IMAGE,
        """w = { type = "Parameter", shape = [4, 3, 3, 3], init = "xavier_uniform_", from = [] }
y = { type = "conv2d", from = { input = "x", weight = "w" }, padding = 1 }
z = { type = "group_norm", num_groups = 2 }""",
    ),
    "transposed weights as inputs": _spec(
        _IMAGE,
        """w = { type = "Parameter", shape = [3, 4, 3, 3], init = "xavier_uniform_", from = [] }
y = { type = "conv_transpose2d", from = { input = "x", weight = "w" }, stride = 2 }
z = { type = "interpolate", size = [5, 6], mode = "bilinear", antialias = true }""",
    ),
    "slices and masks": _spec(
        _X,
        """top = { type = "topk", k = 3, dim = 1 }
put = { type = "slice_scatter", from = ["x", "top.values"], dim = 1, start = 2, end = 5 }
positive = { type = "gt", other = 0.0 }
masked = { type = "masked_fill", from = ["put", "positive"], value = 0.5 }
y = { type = "cumsum", dim = 1, dtype = "float32" }""",
    ),
    "orders": _spec(
        _X,
        """so_far = { type = "cummax", dim = 1 }
middle = { type = "median", from = "x", dim = 1, keepdim = true }
share = { type = "quantile", from = "x", q = 0.25, dim = 1, keepdim = true }
y = { type = "add", from = ["middle.values", "share"] }
z = { type = "mul", from = ["so_far.values", "y"], broadcast = true }""",
    ),
    "noise and detach": _spec(
        _X,
        """noise = "randn_like"
y = { type = "add", from = ["x", "noise"] }
z = "detach"
fc = { type = "Linear", out_features = 3 }""",
    ),
    "pad cuts off": _spec(
        _IMAGE,
        """y = { type = "pad", pad = [-1, 2, 1, -2] }
z = { type = "ZeroPad2d", padding = [1, -1, 0, 2] }""",
    ),
    "pad with -inf": _spec(_X, 'y = { type = "pad", pad = [1, 2], value = "-inf" }\nz = { type = "softmax", dim = 1 }'),
    "parametrize": _spec(
        _IMAGE,
        """a = { type = "Conv2d", out_channels = 4, kernel_size = 3, parametrize = "weight_norm" }
b = { type = "Conv2d", out_channels = 4, kernel_size = 3, parametrize = "spectral_norm" }""",
    ),
    "a buffer of the weights file": _spec(
        _X,
        """table = { type = "Buffer", shape = [8], dtype = "float32", from = [] }
y = { type = "add", from = ["x", "table"], broadcast = true }
fc = { type = "Linear", out_features = 3 }""",
        '[train]\ninit = "weights.safetensors"\n',
    ),
    "keep": _spec(
        _X,
        """fc = { type = "Linear", out_features = 3 }
auxiliary = { type = "Linear", from = "x", out_features = 5, keep = true }""",
        '[outputs]\ny = "fc"\n',
    ),
    "hyphens and underscores": _spec(
        _X, 'block1-0 = { type = "Linear", out_features = 8 }\n_fc = { type = "Block" }', _BLOCK
    ),
    "repeat of several values": _spec(
        "a = ['N', 8]\nb = ['N', 8]",
        'pair = { type = "Pair", from = ["a", "b"], repeat = 3 }\ny = { type = "add", from = ["pair.a2", "pair.b2"] }',
        """[blocks.Pair]
inputs = ["a", "b"]
outputs = { a2 = "fa", b2 = "both" }
[blocks.Pair.layers]
fa = { type = "Linear", from = "a", out_features = 8 }
both = { type = "add", from = ["fa", "b"] }
""",
    ),
    "reuse and tie across blocks": _spec(
        "ids = { shape = ['N', 'T'], dtype = 'int64' }",
        """front = "Front"
mid = { type = "Block" }
again = { reuse = "mid.fc" }
head = { type = "Linear", out_features = 20, bias = false, tie = { weight = "front.embed.weight" } }""",
        _BLOCK
        + """
[blocks.Front]
[blocks.Front.layers]
embed = { type = "Embedding", num_embeddings = 20, embedding_dim = 8 }
norm = "LayerNorm"
""",
    ),
    "the file's variables in blocks": _spec(
        _X, 'y = { type = "Wide", repeat = 2 }',
        """[blocks.Wide]
[blocks.Wide.layers]
a = { type = "Linear", out_features = "${width}" }
b = { type = "Linear", out_features = 8 }
""",
        "[vars]\nwidth = 12",
    ),
    "a list as a variable": _spec(
        _IMAGE,
        'a = { type = "Conv", kernel = [3, 1] }\nb = { type = "Conv", kernel = 3 }',
        """[blocks.Conv]
vars = { kernel = 3 }
[blocks.Conv.layers]
conv = { type = "Conv2d", out_channels = 4, kernel_size = "${kernel}" }
act = "ReLU"
""",
    ),
    "dims as multiples": _spec(
        "x = ['N', 3, '4*H', '4*W']",
        """down = { type = "PixelUnshuffle", downscale_factor = 4 }
y = { type = "Conv2d", out_channels = 4, kernel_size = 1 }""",
    ),
    "a bounded dim": _spec(
        "x = ['N', 'T', 8]", 'y = { type = "LSTM", hidden_size = 6, batch_first = true }',
        '[dims]\nT = { min = 2, max = 9 }\n[outputs]\nout = "y"\n',
    ),
    "a backbone's stages": _spec(
        "x = ['N', 1, 64, 64]",
        """backbone = { type = "torchvision.resnet18", features = true, in_channels = 1 }
pool = { type = "AdaptiveAvgPool2d", from = "backbone.layer2", output_size = 1 }
flat = "Flatten"
fc = { type = "Linear", out_features = 3 }""",
    ),
}  # fmt: skip


def inputs_of(network: graphspec.Network) -> dict[str, torch.Tensor]:
    """Random values of sizes that every row takes."""
    found = {}
    for name, kind in network.shaped.inputs.items():
        shape = [
            dim if isinstance(dim, int) else int(dim.subs(dict.fromkeys(dim.free_symbols, 8))) for dim in kind.shape
        ]
        found[name] = torch.randint(0, 20, shape) if kind.dtype == torch.int64 else torch.randn(shape)
    return found


def emitted(network: graphspec.Network) -> None:
    """The Python file is the same network: keys and outputs."""
    text = emit.python(network.shaped)
    Path("emitted.py").write_text(text)
    module = import_file(Path("emitted.py"))
    name = [line for line in text.splitlines() if line.startswith("class ")][-1].split("(")[0].split()[1].rstrip(":")
    ours, theirs = network.module.eval(), getattr(module, name)().eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    given = inputs_of(network)
    one, other = ours(**given), theirs(**given)
    for a, b in zip(_flat(one), _flat(other), strict=True):
        assert torch.equal(a, b), "other outputs"


def _flat(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [leaf for item in items for leaf in _flat(item)]


def columns(text: str) -> dict[str, Callable[[], Any]]:
    """What is made of the spec `text`, in order."""
    state: dict[str, Any] = {}

    def compiled() -> None:
        state["network"] = graphspec.load(text)
        state["network"].module  # noqa: B018  (built on demand)

    schema = json.loads(json.dumps(json_schema(), allow_nan=False))

    def exported(form: str) -> Callable[[], Any]:
        return lambda: graphspec.export("spec.toml", form, formats=[form])

    return {
        "compiles": compiled,
        "schema": lambda: jsonschema.Draft7Validator(schema).validate(tomllib.loads(text)),
        "emit": lambda: emitted(state["network"]),
    } | {form: exported(form) for form in FORMATS}


def main() -> None:
    """Print the table, and what failed."""
    warnings.simplefilter("ignore")
    faults: list[str] = []
    names = sys.argv[1:] or list(ROWS)
    for number, name in enumerate(names):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("spec.toml").write_text(ROWS[name])
            save_file(
                {"table": torch.randn(8)} | {"fc.weight": torch.randn(3, 8), "fc.bias": torch.randn(3)},
                "weights.safetensors",
            )
            row = {}
            for column, make in columns(ROWS[name]).items():
                try:
                    make()
                    row[column] = "yes"
                except Exception as error:  # the table says what it was
                    row[column] = f"[{len(faults) + 1}]"
                    own = isinstance(error, graphspec.GraphspecError)
                    said = str(error) if own else "".join(traceback.format_exception_only(error))
                    faults.append(f"[{len(faults) + 1}] {name}, {column}: {said.strip()[:400]}")
            os.chdir("/")
        if not number:
            print("| |", " | ".join(row), "|\n|---|" + "---|" * len(row), sep=" ")
        print("|", name, "|", " | ".join(row.values()), "|", flush=True)
    print(*faults, sep="\n")


if __name__ == "__main__":
    main()
