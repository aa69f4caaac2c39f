"""Small networks that are right and hard to judge: none may be refused, untrained or with weights as after training.

    python benchmarks/campaigns/clean.py [--formats onnx,pt2] [--only TEXT] [--shard 0/2]

Logarithms and roots of inputs, masks, ties, halves, infinities, constants, inputs and parameters as outputs, numbers of
no dims: each is exported and judged by verification's own rule. A refusal that names a layer is printed, and no alarm.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from dtypes import judge_network
from layers import apart, warm_up

import graphspec

X, SEQUENCE, IMAGE = {"x": ["N", 8]}, {"x": ["N", "T", 8]}, {"x": ["N", 4, 6, 6]}
IDS = {"ids": {"shape": ["N", "T"], "dtype": "int64"}}
KEEP = {"x": ["N", "T", 8], "keep": {"shape": ["N", "T"], "dtype": "bool"}}
FC: dict[str, Any] = {"type": "Linear", "out_features": 5}


def f(name: str, *from_: str, **arguments: Any) -> dict[str, Any]:
    """A line: a type, what it reads, its arguments."""
    line = {"type": name, **arguments}
    return line | ({"from": list(from_) if len(from_) > 1 else from_[0]} if from_ else {})


#: Name → inputs, lines, and outputs where the last line is not all.
NETWORKS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], dict[str, str]]] = {
    "log of the input": (X, [f("log"), FC], {}),
    "sqrt of the input": (X, [f("sqrt"), FC], {}),
    "rsqrt of the input": (X, [f("rsqrt")], {}),
    "reciprocal": (X, [f("reciprocal"), FC], {}),
    "a root of negative numbers": (X, [f("pow", exponent=0.5)], {}),
    "log of a ReLU": (X, [FC, f("relu"), f("log")], {}),
    "softmax of rows that are −∞": (X, [FC, f("relu"), f("log"), f("softmax", dim=1)], {}),
    "exp that overflows": (X, [f("mul", other=40), f("exp")], {}),
    "exp of a square": (X, [FC, f("square"), f("exp")], {}),
    "a quotient by small numbers": (X, [FC, FC | {"from": "x"}, f("mul", other=1e-6), f("div", "y0", "y2")], {}),
    "a difference of large numbers": (X, [FC, f("add", other=1000.0), f("sub", other=1000.0)], {}),
    "a sigmoid at −200": (X, [FC, f("sub", other=200.0), f("sigmoid")], {}),
    "a sigmoid that is hardly seen": (X, [FC, f("mul", other=100.0), f("sigmoid")], {}),
    "a tanh that is 1": (X, [f("mul", other=1000.0), f("tanh")], {}),
    "log-softmax of large numbers": (X, [f("mul", other=1e4), f("log_softmax", dim=1)], {}),
    "softmax of large numbers": (X, [FC, f("mul", other=1e4), f("softmax", dim=1)], {}),
    "zeros": (X, [FC | {"init": "zeros_"}], {}),
    "zeros, then more": (X, [FC | {"init": "zeros_"}, f("tanh"), FC | {"init": "zeros_"}], {}),
    "ones": (X, [FC | {"init": "ones_"}], {}),
    "no weights": (X, [f("normalize", dim=1)], {}),
    "no weights, of zeros": (X, [f("relu"), f("normalize", dim=1)], {}),
    "an input as an output": (X, [FC], {"same": "x", "y": "y0"}),
    "an output given twice": (X, [FC], {"one": "y0", "other": "y0"}),
    "a parameter as an output": (X, [FC, f("Parameter", shape=[3], init="normal_")], {"y": "y0", "p": "y1"}),
    "a number as an output": (X, [FC, f("Parameter", shape=[], init="ones_")], {"y": "y0", "p": "y1"}),
    "parameters alone": (X, [f("Parameter", shape=[8], init="normal_"), f("add", "x", "y0", broadcast=True)], {}),
    "an input of no dims": ({"x": ["N", 8], "s": []}, [f("mul", "x", "s"), FC], {}),
    "nothing but an input of no dims": ({"s": []}, [f("exp", "s")], {}),
    "an output of no dims": ({"x": [8]}, [f("mean", dim=0)], {}),
    "thumbnail beside logits": (IMAGE, [f("AvgPool2d", kernel_size=2), f("Flatten"), FC], {"a": "y0", "b": "y2"}),
    "signs": (X, [FC, f("sign")], {}),
    "signs of the input": (X, [f("sign")], {}),
    "halves rounded": (X, [f("round"), f("mul", other=0.5), f("round")], {}),
    "floor of halves": (X, [f("mul", other=2.0), f("round"), f("mul", other=0.5), f("floor")], {}),
    "whole numbers out": (X, [FC, f("mul", other=3.0), f("floor"), f("to", dtype="int64")], {}),
    "ties compared": (X, [f("round"), f("eq", "y0", "y0"), f("ge", "y0", "x")], {"e": "y1", "g": "y2"}),
    "compared with itself": (X, [FC, f("le", "y0", "y0")], {"y": "y0", "c": "y1"}),
    "the greatest": (X, [FC, f("argmax", dim=1)], {}),
    "the greatest of ties": (X, [f("round"), f("argmax", dim=1)], {}),
    "the least of zeros": (X, [f("relu"), f("argmin", dim=1)], {}),
    "where": (X, [f("gt", "x", other=0.0), FC | {"out_features": 8, "from": "x"}, f("where", "y0", "y1", "x")], {}),
    "positions of tokens": (
        IDS,
        [f("ne", "ids", other=0), f("to", dtype="int64"), f("cumsum", dim=1), f("mul", "y2", "y1")],
        {},
    ),
    "tokens counted": (IDS, [f("ne", "ids", other=1), f("to", dtype="int64"), f("sum", dim=1)], {}),
    "a row of an Embedding": (IDS, [f("Embedding", num_embeddings=30, embedding_dim=6, padding_idx=0), FC], {}),
    "a mean over real tokens": (
        KEEP,
        [
            f("to", "keep", dtype="float32"), f("unsqueeze", dim=-1), f("mul", "x", "y1", broadcast=True),
            f("sum", dim=1),
            f("sum", "y1", dim=1), f("clamp", min=1.0), f("div", "y3", "y5", broadcast=True), FC,
        ],
        {},
    ),
    "attention with a mask of keys": (
        KEEP,
        [{"type": "MultiheadAttention", "num_heads": 2, "batch_first": True, "need_weights": False,
          "from": {"query": "x", "key": "x", "value": "x", "key_padding_mask": "keep"}}],
        {},
    ),
    "attention with a mask of floats": (
        {"x": ["N", "T", 8], "m": ["T", "T"]},
        [{"type": "scaled_dot_product_attention", "from": {"query": "x", "key": "x", "value": "x", "attn_mask": "m"}}],
        {},
    ),
    "causal attention": (SEQUENCE, [f("scaled_dot_product_attention", "x", "x", "x", is_causal=True)], {}),
    "a variance of one": (SEQUENCE, [f("var", dim=1), FC], {}),
    "a norm of zeros": (X, [f("relu"), f("norm", dim=1)], {}),
    "a norm over a constant map": (IMAGE, [f("InstanceNorm2d"), f("Flatten"), FC], {}),
    "groups": (IMAGE, [f("GroupNorm", num_groups=2), f("relu")], {}),
    "a product": (X, [FC, f("prod", dim=1)], {}),
    "a running sum": (SEQUENCE, [f("cumsum", dim=1), FC], {}),
    "half precision inside": (X, [f("to", dtype="float16"), f("exp"), f("to", dtype="float32"), FC], {}),
    "half precision out": (X, [FC, f("to", dtype="float16")], {}),
    "hard limits": (X, [FC, f("Hardtanh", min_val=-0.1, max_val=0.1)], {}),
    "a threshold": (X, [FC, f("Threshold", threshold=0.0, value=-1.0)], {}),
    "shrunk": (X, [f("Hardshrink", lambd=0.5), f("Softshrink", lambd=0.1)], {}),
    "a recurrent layer": (SEQUENCE, [f("GRU", hidden_size=4, batch_first=True)], {}),
    "logic": (X, [f("gt", "x", other=0.0), f("lt", "x", other=1.0), f("logical_and", "y0", "y1")], {}),
    "ids held": (IDS, [f("clamp", "ids", min=0, max=7), f("Embedding", num_embeddings=8, embedding_dim=3)], {}),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Clean:
    """One of `NETWORKS`, its weights as initialised, or `trained`: three times as large, and biases away from zero."""

    name: str
    trained: bool

    @property
    def network(self) -> Any:
        """The network."""
        inputs, lines, outputs = NETWORKS[self.name]
        layers = {f"y{k}": dict(line) for k, line in enumerate(lines)}
        spec = {"graphspec": 1, "name": "clean", "inputs": inputs, "layers": layers}
        network = graphspec.load(spec | ({"outputs": outputs} if outputs else {}), seed=1)
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for name, weight in network.module.named_parameters() if self.trained else ():
                if "init" not in layers[name.partition(".")[0]]:
                    weight.mul_(3.0)
                    if weight.ndim == 1:
                        weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
        return network


def judged(clean: Clean, formats: list[str]) -> Iterator[tuple[str, str]]:
    """The verdict on each of `formats`; a constant network is judged by a whole export, which tries other weights."""
    for format, verdict in judge_network(clean.network, formats):
        if verdict.startswith("inconclusive"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    graphspec.export(clean.network, Path(folder) / "out", formats=[format])
                    verdict = "right"
                except graphspec.GraphspecError as error:
                    verdict = f"inconclusive: {error.diagnostics[0].message}"
        yield format, verdict


def main() -> int:
    """Exit code 1 where one is refused."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--formats", default="onnx,torchscript,pt2")
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default="0/1")
    options = parser.parse_args()
    shard, of = map(int, options.shard.split("/"))
    counts: Counter[str] = Counter()
    warm_up(options.formats.split(","))
    for name in [name for name in NETWORKS if options.only in name][shard::of]:
        for trained in (False, True):
            verdicts = apart(Clean(name, trained), options.formats.split(","), judged)
            for format, verdict in verdicts.items():
                counts[verdict.split(":")[0]] += 1
                if verdict != "right":
                    print(f"{name}{', trained' if trained else ''}: {format}: {verdict}", flush=True)
    print(dict(counts))
    return 1 if counts["wrong"] + counts["inconclusive"] else 0


if __name__ == "__main__":
    sys.exit(main())
