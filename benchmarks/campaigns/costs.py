"""Specs of at most 3 kB that could cost much: each is compiled in a fork, which says seconds and megabytes.

A spec of 3 kB may cost 2 s and 1 GB, no more; what costs more is printed, and the exit code is 1.

    python benchmarks/campaigns/costs.py [--only NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

SECONDS, MEGABYTES, TEXT = 2.0, 1024.0, 3072
#: Seconds of processor time after which one is ended.
LONGEST = 60


def chain(count: int, value: str) -> dict[str, Any]:
    """Variables that each name the one before."""
    return {"a0": 1} | {f"a{i}": f"${{a{i - 1}{value}}}" for i in range(1, count)}


def of(layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": layers} | more


def nested(depth: int, copies: int) -> dict[str, Any]:
    """Blocks in blocks, each with `copies` of the next."""
    blocks = {f"B{i}": {"layers": {"a": {"type": f"B{i + 1}", "repeat": copies}}} for i in range(depth)}
    blocks[f"B{depth}"] = {"layers": {"r": "ReLU"}}
    return of({"b": "B0"}, blocks=blocks)


def linear(value: Any, repeat: int) -> dict[str, Any]:
    return of({"l": {"type": "Linear", "out_features": value, "repeat": repeat}})


def reshaped(rank: int, kind: str) -> dict[str, Any]:
    shape = [f"D{i}" for i in range(rank)]
    layers = {
        "Flatten": {"f": "Flatten"},
        "reshape": {"f": {"type": "reshape", "shape": [-1, *(f"${{x.shape[{i}]}}" for i in range(1, rank))]}},
        "permute": {"f": {"type": "permute", "dims": list(range(rank))[::-1]}},
        "sum": {"f": {"type": "sum", "dim": list(range(1, rank))}},
        "reshape to rows": {"f": {"type": "reshape", "shape": [-1, "${x.shape[1]}"]}},
        "add": {"r": "ReLU", "f": {"type": "add", "from": ["r", "x"]}},
        "expand": {"f": {"type": "unsqueeze", "dim": 0}},
    }[kind]
    return {"graphspec": 1, "inputs": {"x": shape}, "layers": layers}


def whole(kind: str, count: int, size: int | str) -> dict[str, Any]:
    """Whole numbers that outgrow int64, as rows of a table."""
    again = {"type": "cumsum", "dim": 1} if kind == "cumsum" else {"type": kind, "from": ["x", "x"]}
    layers = {
        "p": {"type": "cumsum", "dim": 1},
        "s": {"type": "S", "repeat": count},
        "e": {"type": "Embedding", "num_embeddings": 10, "embedding_dim": 3},
    }
    blocks = {"S": {"inputs": ["x"], "layers": {"m": again}}}
    return {
        "graphspec": 1, "inputs": {"x": {"shape": ["N", size], "dtype": "bool"}}, "layers": layers, "blocks": blocks
    }  # fmt: skip


TERMS = "+".join(["i"] * 200)
CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "200 chained variables × 5,000": lambda: linear("${a199}", 5000) | {"vars": chain(200, "")},
    "100 chained variables in a condition × 9,000": lambda: of(
        {"l": {"type": "ReLU", "repeat": 9000, "if": "${a99 == 1}"}}, vars=chain(100, "")
    ),
    "100 chained variables in names × 9,000": lambda: of(
        {"l${i + a99}": {"type": "ReLU", "repeat": 9000}}, vars=chain(100, "")
    ),
    "a sum of 200 terms × 9,000": lambda: linear(f"${{8 + 0 * ({TERMS})}}", 9000),
    "a sum of 200 terms that fails × 9,000": lambda: linear(f"${{b + {TERMS}}}", 9000),
    "an expression that is none × 9,000": lambda: linear(f"${{{TERMS} +}}", 9000),
    "two expressions that are none, in a name × 9,000": lambda: of(
        {"l${i}": {"type": "Linear", "repeat": 9000, "out_features": f"${{{TERMS} +}}", "bias": f"${{{TERMS} -}}"}}
    ),
    "a list of 500 numbers × 9,000": lambda: of({"l": {"type": "Buffer", "shape": [1] * 500, "repeat": 9000}}),
    "Buffer of 700 dims × 3,000, kept": lambda: of(
        {
            "b${i}": {"type": "Buffer", "shape": [1] * 700, "repeat": 3000, "keep": True},
            "r": {"type": "ReLU", "from": "x"},
        }
    ),
    "Parameter of 60 dims × 3,000, kept": lambda: of(
        {
            "b${i}": {"type": "Parameter", "shape": [1] * 60, "repeat": 3000, "keep": True},
            "r": {"type": "ReLU", "from": "x"},
        }
    ),
    "blocks 12 deep, doubled": lambda: nested(12, 2),
    "blocks 30 deep": lambda: nested(30, 1),
    "blocks 3 deep, 20 copies": lambda: nested(3, 20),
    "cat of 400": lambda: of({"c": {"type": "cat", "from": ["x"] * 400, "dim": 1}}),
    "cat of 400 × 300": lambda: of({"c": {"type": "cat", "from": ["x"] * 400, "dim": 0, "repeat": 300}}),
    "10,000 layers": lambda: of({"r": {"type": "ReLU", "repeat": 9999}}),
    "9,000 Linear": lambda: linear(8, 9000),
    "9,000 Linear of other widths": lambda: linear("${8 + i}", 9000),
    "150 outputs of one layer": lambda: of({"r": "ReLU"}, outputs={f"o{i}": "r" for i in range(150)}),
    "120 variants": lambda: of({"r": "ReLU"}, vars={"a": 1}, variants={f"v{i}": {"a": i} for i in range(120)}),
    "2 to the power of 2, 89 times": lambda: linear("${" + "**".join(["2"] * 90) + "}", 1000),
    "the eighth power of a size × 500": lambda: of(
        {"l": {"type": "Linear", "out_features": "${(x.shape[1] ** 8) % 7 + 8}", "repeat": 500}}
    ),
    "an open size multiplied 40 times": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", "T", 8]},
        "layers": {"r": {"type": "reshape", "shape": ["${" + "*".join(["x.shape[1]"] * 40) + "}", -1]}},
    },
    "20 doubled, 20 halved": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", 3, "H", "W"]},
        "layers": {
            "u": {"type": "Upsample", "scale_factor": 2, "repeat": 20},
            "p": {"type": "MaxPool2d", "kernel_size": 2, "repeat": 20},
        },
    },
    "pools that round up × 12": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", 3, "H", "W"]},
        "layers": {"p": {"type": "MaxPool2d", "kernel_size": 3, "stride": 2, "ceil_mode": True, "repeat": 12}},
    },
    "pools that round up × 5": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", 3, "H", "W"]},
        "layers": {"p": {"type": "MaxPool2d", "kernel_size": 3, "stride": 2, "ceil_mode": True, "repeat": 5}},
    },
    "slices × 40": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", "T"]},
        "layers": {"s": {"type": "slice", "dim": 1, "start": 1, "end": "${100 - i}", "repeat": 40}},
    },
    "cat of the input with itself × 14": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", "T"]},
        "layers": {"c${i}": {"type": "cat", "dim": 1, "from": ["x", "x"], "repeat": 14}},
    },
    "cat of 20 open sizes, flattened": lambda: {
        "graphspec": 1,
        "inputs": {f"x{i}": ["N", f"T{i}"] for i in range(20)},
        "layers": {
            "c": {"type": "cat", "dim": 1, "from": [f"x{i}" for i in range(20)]},
            "r": {"type": "reshape", "shape": ["${c.shape[0]}", "${c.shape[1]}"]},
        },
    },
    "add of 20 open sizes": lambda: {
        "graphspec": 1,
        "inputs": {f"x{i}": ["N", f"T{i}"] for i in range(20)},
        "layers": {f"a{i}": {"type": "add", "from": [f"x{i}", f"x{i + 1}"], "broadcast": True} for i in range(19)},
    },
    "strided convolutions over open sizes × 20": lambda: {
        "graphspec": 1,
        "inputs": {"x": ["N", 3, "H", "W"]},
        "layers": {
            "c": {
                "type": "Conv2d",
                "out_channels": 3,
                "kernel_size": 3,
                "stride": "${1 + i % 2}",
                "padding": 1,
                "repeat": 20,
            }
        },
    },
    "a long string × 9,000": lambda: of(
        {"l": {"type": "ReLU", "inplace": "${'" + "a" * 900 + "' == 'b'}", "repeat": 9000}}
    ),
    "from by an expression × 9,000": lambda: of(
        {"l${i}": {"type": "ReLU", "from": "${'x' if " + "i + " * 200 + "1 else 'x'}", "repeat": 9000}}
    ),
    "gates × 2,000": lambda: of({"l": {"type": "ReLU", "if": "${x.shape[1] == 8}", "repeat": 2000}}),
    "gates in gates, 9 deep, doubled": lambda: of(
        {"b": "B0"},
        blocks={
            **{
                f"B{i}": {"layers": {"a": {"type": f"B{i + 1}", "if": "${x.shape[1] == 8}", "repeat": 2}}}
                for i in range(9)
            },
            "B9": {"layers": {"r": "ReLU"}},
        },
    ),
    "a sum squared 34 times": lambda: whole("mul", 34, 5),
    "a sum squared 9,000 times, of an open size": lambda: whole("mul", 9000, "T"),
    "a sum doubled 9,000 times": lambda: whole("add", 9000, 5),
    "a sum summed 60 times": lambda: whole("cumsum", 60, "T"),
    "9,000 mul": lambda: of({"m": {"type": "mul", "other": 2, "repeat": 9000}}),
} | {
    f"{kind} of {rank} open dims": lambda kind=kind, rank=rank: reshaped(rank, kind)
    for kind in ("Flatten", "reshape", "permute", "sum", "reshape to rows", "add", "expand")
    for rank in (10, 12, 24)
}


def cost(spec: dict[str, Any]) -> tuple[float, float, str]:
    """Seconds and megabytes that compiling it takes, and what came of it."""
    from graphspec import compiler
    from graphspec.diagnostics import GraphspecError

    before, started = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
    try:
        compiler.load(spec).shaped  # noqa: B018
        said = "compiles"
    except GraphspecError as error:
        said = str(error).splitlines()[0][:100]
    after = resource.getrusage(resource.RUSAGE_SELF)
    return time.process_time() - started, (after.ru_maxrss - before.ru_maxrss) / 1024, said


def apart(spec: dict[str, Any]) -> tuple[float, float, str]:
    """:func:`cost` in a fork, which has what every spec pays once: imports and caches of torch."""
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
        os.write(write, json.dumps(cost(spec)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as found:
        text = found.read()
    _, status = os.waitpid(process, 0)
    return tuple(json.loads(text)) if text else (LONGEST, 0.0, f"ended: status {status}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for warm in (of({"l": {"type": "Linear", "out_features": 3}}), reshaped(2, "Flatten"), reshaped(3, "add")):
        cost(warm)
    over = 0
    chosen = {name: make() for name, make in CASES.items() if options.only in name}
    for name, spec in chosen.items():
        size = len(json.dumps(spec, separators=(",", ":")))
        seconds, megabytes, said = apart(spec)
        bad = seconds > SECONDS or megabytes > MEGABYTES
        over += bad
        long = " (longer)" if size > TEXT else ""
        print(
            f"{'!' if bad else ' '} {seconds:6.2f} s {megabytes:7.0f} MB  {size:5d} B{long}  {name}: {said}", flush=True
        )
    print(f"{over} of {len(chosen)} cost more than {SECONDS:g} s or {MEGABYTES:g} MB")
    sys.exit(over > 0)


if __name__ == "__main__":
    main()
