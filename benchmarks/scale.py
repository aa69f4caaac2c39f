"""Compile time and peak memory by the number of layers: graphspec, mlnode and Keras on the same graph.

    python benchmarks/scale.py                 # 100, 1,000 and 10,000 layers, chain and residual, 3 rounds
    python benchmarks/scale.py --rounds 5 --sizes 100 1000

A case runs in a process of its own, which compiles a small network first, so that imports are not counted. Rounds are
interleaved; the table shows medians, of seconds of the processor. Peers come from ``pip install '.[peers]'``; a
missing one is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

WIDTH = 64
Layer = tuple[str, str, list[str]]


def chain(count: int) -> list[Layer]:
    """Linear and ReLU in turn: (name, kind, inputs)."""
    layers, last = [], "x"
    for number in range(count):
        layers.append((f"n{number}", "Linear" if number % 2 == 0 else "ReLU", [last]))
        last = f"n{number}"
    return layers


def residual(count: int) -> list[Layer]:
    """Linear, ReLU and an add around both, again and again."""
    layers: list[Layer] = [("n0", "Linear", ["x"])]
    while len(layers) < count:
        start, number = layers[-1][0], len(layers)
        layers += [(f"n{number}", "Linear", [start]), (f"n{number + 1}", "ReLU", [f"n{number}"])]
        layers.append((f"n{number + 2}", "add", [f"n{number + 1}", start]))
    return layers[: max(1, (count - 1) // 3 * 3 + 1)]


def with_graphspec(layers: list[Layer]) -> Callable[[], Any]:
    """TOML text to a module."""
    lines = ["graphspec = 1", "[inputs]", f'x = ["N", {WIDTH}]', "[layers]"]
    for name, kind, inputs in layers:
        extra = f", out_features = {WIDTH}" if kind == "Linear" else ""
        lines.append(f'{name} = {{ type = "{kind}", from = {json.dumps(inputs)}{extra} }}')
    return _compiling("\n".join(lines), len(layers))


def with_graphspec_of_json(layers: list[Layer]) -> Callable[[], Any]:
    """JSON text to a module: the same spec, in what mlnode reads."""
    spec = {"graphspec": 1, "inputs": {"x": ["N", WIDTH]}}
    extra = {"Linear": {"out_features": WIDTH}}
    lines = {name: {"type": kind, "from": inputs, **extra.get(kind, {})} for name, kind, inputs in layers}
    return _compiling(json.dumps({**spec, "layers": lines}), len(layers))


def _compiling(text: str, count: int) -> Callable[[], Any]:
    from graphspec import pipeline
    from graphspec.spec import limits

    def compile_() -> Any:
        with limits.raised(max(count, limits.most_layers())):
            return pipeline.compile(text)

    return compile_


def with_mlnode(layers: list[Layer]) -> Callable[[], Any]:
    """JSON to a module, validated."""
    from mlnode import MLnodeModel

    kinds = {"Linear": "Linear", "ReLU": "ReLU", "add": "Add"}
    nodes: list[dict[str, Any]] = [{"id": "x", "type": "Input", "params": {}}]
    edges = []
    for name, kind, inputs in layers:
        params = {"in_features": WIDTH, "out_features": WIDTH} if kind == "Linear" else {}
        nodes.append({"id": name, "type": kinds[kind], "params": params})
        edges += [{"source": source, "target": name} for source in inputs]
    spec = {"mlnode_schema_version": "1.0", "input_shape": ["B", WIDTH], "output_node": layers[-1][0]}
    text = json.dumps({**spec, "nodes": nodes, "edges": edges})

    def compile_() -> Any:
        model = MLnodeModel.from_dict(json.loads(text))
        result = model.validate()
        assert result.valid, result
        return model.build()

    return compile_


def with_keras(layers: list[Layer]) -> Callable[[], Any]:
    """The functional JSON to a model."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    def entry(name: str, kind: str, inputs: list[str]) -> dict[str, Any]:
        config: dict[str, Any] = {"name": name}
        config |= {"units": WIDTH, "activation": "linear"} if kind == "Linear" else {}
        config |= {"activation": "relu"} if kind == "ReLU" else {}
        tensors = [
            {
                "class_name": "__keras_tensor__",
                "config": {"shape": [None, WIDTH], "dtype": "float32", "keras_history": [source, 0, 0]},
            }
            for source in inputs
        ]
        args = [tensors] if kind == "add" else tensors
        return {
            "class_name": {"Linear": "Dense", "ReLU": "Activation", "add": "Add"}[kind],
            "module": "keras.layers",
            "config": config,
            "registered_name": None,
            "name": name,
            "inbound_nodes": [{"args": args, "kwargs": {}}],
        }

    first = {
        "class_name": "InputLayer", "module": "keras.layers", "registered_name": None, "name": "x", "inbound_nodes": [],
        "config": {"batch_shape": [None, WIDTH], "dtype": "float32", "name": "x"},
    }  # fmt: skip
    config = {
        "name": "net", "layers": [first, *(entry(*layer) for layer in layers)],
        "input_layers": [["x", 0, 0]], "output_layers": [[layers[-1][0], 0, 0]],
    }  # fmt: skip
    text = json.dumps(config)
    return lambda: keras.Model.from_config(json.loads(text))


TOOLS = {
    "graphspec": with_graphspec, "graphspec, JSON": with_graphspec_of_json, "mlnode": with_mlnode, "keras": with_keras,
}  # fmt: skip
GRAPHS = {"chain": chain, "residual": residual}


def measure(tool: str, graph: str, count: int) -> None:
    """Print seconds of the processor and MiB of one compilation as JSON; this runs in a process of its own."""
    TOOLS[tool](GRAPHS[graph](10))()
    compile_ = TOOLS[tool](GRAPHS[graph](count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    module = compile_()
    seconds = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert module is not None
    print(json.dumps({"seconds": seconds, "mebibytes": (after - before) / 1024}))


def case(tool: str, graph: str, count: int) -> dict[str, float] | str:
    """One measurement, or why there is none."""
    if importlib.util.find_spec(tool.split(",")[0]) is None:
        return "not installed"
    command = [sys.executable, __file__, "--measure", tool, graph, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        error = [line for line in done.stderr.strip().splitlines() if "Error" in line]
        return (error[-1] if error else f"exit {done.returncode}").split(":")[0]
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Run all cases interleaved and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], options.measure[1], int(options.measure[2]))
        return
    cases = [(graph, count, tool) for graph in GRAPHS for count in options.sizes for tool in TOOLS]
    found: dict[tuple[str, int, str], list[dict[str, float] | str]] = {key: [] for key in cases}
    for _ in range(options.rounds):
        for graph, count, tool in cases:
            rows = found[graph, count, tool]
            # what failed once for a reason fails again
            if not rows or not isinstance(rows[-1], str):
                rows.append(case(tool, graph, count))
    print(f"{'graph':10}{'layers':>8}  {'tool':15}{'CPU s':>9}{'MiB':>8}")
    for (graph, count, tool), rows in found.items():
        good = [row for row in rows if not isinstance(row, str)]
        if good:
            seconds, memory = (statistics.median(row[key] for row in good) for key in ("seconds", "mebibytes"))
            print(f"{graph:10}{count:8,}  {tool:15}{seconds:9.2f}{memory:8.0f}")
        else:
            print(f"{graph:10}{count:8,}  {tool:15} {rows[-1]}")


if __name__ == "__main__":
    main()
