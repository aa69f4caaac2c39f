"""Random layers over open dims: what compile says of their shapes against what torch gives throughout the stated range.

    python benchmarks/campaigns/shapes.py --count 300 --seed 0

A layer is right if its module has the stated shapes at both ends of every range and at sizes between, and if just
outside of a derived range torch refuses, gives another shape, or a value without elements. It prints what was not.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import time
import warnings
from typing import Any

import torch

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.ops import lookup
from graphspec.shapes.evaluate import value_at
from graphspec.shapes.shaped import ShapedGraph

Layer = dict[str, Any]
REFUSALS = (RuntimeError, ValueError, IndexError, AssertionError, TypeError)


def _window(chance: random.Random, rank: int, ceil: bool = True) -> Layer:
    kernel = chance.randint(1, 5)
    found: Layer = {"kernel_size": kernel, "stride": chance.randint(1, 4), "padding": chance.randint(0, kernel // 2)}
    return found | ({"ceil_mode": chance.random() < 0.6} if ceil else {})


def layers(chance: random.Random) -> tuple[str, Layer, int]:
    """A layer type, its arguments, and the rank of its input (N × 8 × spatial dims, or N × T × 8)."""
    rank = chance.randint(1, 3)
    dim = chance.choice([1, 2, -1, -2])
    number = chance.randint
    kinds: dict[str, Any] = {
        f"MaxPool{rank}d": lambda: _window(chance, rank) | {"dilation": number(1, 2)},
        f"AvgPool{rank}d": lambda: _window(chance, rank) | {"count_include_pad": chance.random() < 0.5},
        f"LPPool{rank}d": lambda: {"norm_type": 2.0, "kernel_size": number(1, 4), "stride": number(1, 3),
                                   "ceil_mode": chance.random() < 0.5},
        f"Conv{rank}d": lambda: _window(chance, rank, False) | {"out_channels": 4, "dilation": number(1, 2)},
        f"ConvTranspose{rank}d": lambda: {"out_channels": 4, "kernel_size": number(1, 4), "stride": number(1, 3),
                                          "padding": number(0, 2)},
        f"ReflectionPad{rank}d": lambda: {"padding": number(0, 5)},
        f"CircularPad{rank}d": lambda: {"padding": number(0, 5)},
        f"ConstantPad{rank}d": lambda: {"padding": [number(-3, 3) for _ in range(2 * rank)], "value": 0.5},
        f"ReplicationPad{rank}d": lambda: {"padding": number(0, 5)},
        f"AdaptiveAvgPool{rank}d": lambda: {"output_size": number(1, 6)},
        f"AdaptiveMaxPool{rank}d": lambda: {"output_size": number(1, 6)},
        f"InstanceNorm{rank}d": dict,
        "Upsample": lambda: {"scale_factor": chance.choice([0.29, 0.5, 1 / 3, 0.7, 1.1, 1.3, 1.5, 1.8, 2.0, 2.5, 3.7])},
        "slice": lambda: {"dim": dim, "start": number(-9, 9), "end": number(-9, 20), "step": number(1, 4)},
        "narrow": lambda: {"dim": dim, "start": number(0, 9), "length": number(1, 9)},
        "select": lambda: {"dim": dim, "index": number(-9, 9)},
        "chunk": lambda: {"dim": dim, "chunks": number(1, 5)},
        "split": lambda: {"dim": dim, "split_size_or_sections": [number(1, 5), number(1, 5)]},
        "squeeze": lambda: {"dim": dim},
        "roll": lambda: {"dims": [dim], "shifts": [number(-3, 3)]},
        "reshape": lambda: {"shape": chance.choice([[-1, 2], [-1, 8], [-1, 16], ["${x.shape[0]}", -1], [-1, 8, 3]])},
        "flatten": lambda: {"start_dim": number(0, 1)},
        "pad": lambda: {"pad": [number(-3, 3), number(-3, 3)]},
        "Fold": lambda: {"output_size": [4, 4], "kernel_size": 2},
        "GroupNorm": lambda: {"num_groups": chance.choice([1, 2, 8])},
        "var": lambda: {"dim": [dim]},
        "cumsum": lambda: {"dim": dim},
    }  # fmt: skip
    if rank == 2:
        kinds |= {
            "Unfold": lambda: _window(chance, 2, False) | {"dilation": number(1, 2)},
            "PixelUnshuffle": lambda: {"downscale_factor": number(1, 3)},
            "PixelShuffle": lambda: {"upscale_factor": 2},
            "ZeroPad2d": lambda: {"padding": [number(-3, 3) for _ in range(4)]},
            "interpolate": lambda: {"size": [number(1, 9), number(1, 9)]},
        }
    name = chance.choice(list(kinds))
    return name, kinds[name](), rank


def spec(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A network of one layer, or of one and another that wants the same sizes."""
    name, arguments, rank = layers(chance)
    names = ["H", "W", "D"]
    last = [
        chance.choice([names[k], names[k], names[0], f"{chance.randint(2, 4)}*{names[k]}", 12]) for k in range(rank)
    ]
    body: dict[str, Any] = {"y": {"type": name, **arguments}}
    if chance.random() < 0.25:  # a residual, or the value beside what it was made of
        body["z"] = {"type": chance.choice(["add", "mul"]), "from": ["y", "x"]}
    return name, {"graphspec": 1, "inputs": {"x": ["N", 8, *last]}, "layers": body}


def run(graph: ShapedGraph, module: torch.nn.Module, sizes: dict[str, int]) -> list[tuple[int, ...]] | str:
    """The shapes of all values of the first layer and of the output, as torch gives them."""
    inputs = [torch.rand([int(value_at(dim, sizes)) for dim in kind.shape]) for kind in graph.inputs.values()]
    found: list[tuple[int, ...]] = []

    def take(_module: Any, _args: Any, result: Any) -> None:
        values = list(result) if isinstance(result, list | tuple) else [result]
        found.extend(tuple(value.shape) for value in values)

    handles = [module.get_submodule(layer.name).register_forward_hook(take) for layer in graph.layers]
    try:
        with torch.no_grad():
            module(*inputs)
    except REFUSALS as error:
        return str(error).splitlines()[0][:90]
    finally:
        for handle in handles:
            handle.remove()
    return found


def faults(graph: ShapedGraph, chance: random.Random, counts: collections.Counter[str]) -> list[str]:
    """What is wrong about a graph's shapes or ranges."""
    module = graphspec.build(graph).eval()
    ordinary = {name: min(least + 6, most or least + 6) for name, (least, most) in graph.dims.items()}
    stated = [kind for layer in graph.layers for kind in layer.outputs.values()]
    wrong = []
    trials: list[tuple[bool, dict[str, int]]] = [(True, ordinary)]
    trials.append((True, {name: least for name, (least, _) in graph.dims.items()}))
    for name, (least, most) in graph.dims.items():
        inside = {least, least + 1, least + 2, least + chance.randint(3, 9), chance.randint(least, least + 40)}
        inside |= {most, most - 1} if most and most < 5000 else set()
        trials += [(True, {**ordinary, name: size}) for size in inside if least <= size <= (most or size)]
        outside = {least - 1} | ({most + 1} if most and most < 5000 else set())
        trials += [(False, {**ordinary, name: size}) for size in outside if size >= 1]
    for holds, sizes in trials:
        counts["sizes"] += 1
        found = run(graph, module, sizes)
        expected = [tuple(int(value_at(dim, sizes)) for dim in kind.shape) for kind in stated]
        if holds and found != expected:
            wrong.append(f"at {sizes}: stated {expected}, torch {found}")
        elif not holds and found == expected and not any(0 in shape for shape in expected):
            wrong.append(f"outside, at {sizes}: torch gives {found} all the same")
    return wrong


def refused_alike(described: dict[str, Any], chance: random.Random) -> bool:
    """Whether torch refuses some sizes as well, or gives another number of dims, where compile refused."""
    name, arguments = described["layers"]["y"]["type"], dict(described["layers"]["y"])
    op = lookup(name)
    arguments.pop("type")
    shapes = set()
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 100):
        for other in (size, size + 1):
            table = {"N": 2, "H": size, "W": other, "D": size}
            shape = [_number(dim, table) for dim in described["inputs"]["x"]]
            try:
                single = {"graphspec": 1, "inputs": {"x": shape}, "layers": described["layers"]}
                graph = graphspec.shape(graphspec.load(single))
            except GraphspecError:
                return True
            shapes.add(
                tuple((len(layer.outputs), len(next(iter(layer.outputs.values())).shape)) for layer in graph.layers)
            )
    return len(shapes) > 1 or op.name == "reshape"


def _number(dim: Any, table: dict[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    factor, _, name = dim.rpartition("*")
    return int(factor or 1) * table[name]


def main() -> int:
    """Try layers and print what was wrong; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=500)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: collections.Counter[str] = collections.Counter()
    kinds: set[str] = set()
    start = time.monotonic()
    for number in range(options.count):
        if time.monotonic() - start > options.seconds:
            break
        chance = random.Random(f"{options.seed}.{number}")
        name, described = spec(chance)
        kinds.add(name)
        counts["layers"] += 1
        begun = time.monotonic()
        try:
            graph = graphspec.shape(graphspec.load(described))
        except GraphspecError as error:
            counts["refused"] += 1
            if not refused_alike(described, chance):
                counts["wrong"] += 1
                fault = error.diagnostics[0]
                print(f"{number}: {described['inputs']} {described['layers']}: refused: {fault.message} | {fault.hint}")
            continue
        counts["ms"] += int(1000 * (time.monotonic() - begun))
        for text in faults(graph, chance, counts)[:2]:
            counts["wrong"] += 1
            print(f"{number}: {described['inputs']} {described['layers']} {dict(graph.dims)}: {text}", flush=True)
    print(f"{len(kinds)} kinds of layers, {dict(counts)}")
    return int(counts["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
