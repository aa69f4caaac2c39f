"""The sizes that a network works for stand in its bundle, and every file takes all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import graphspec
from graphspec.exporting import write_bundle
from graphspec.exporting.sampler import Sampler

POSITIONS = {
    "table": {"type": "Parameter", "shape": [1, 64, 4], "init": {"type": "normal_"}},
    "rows": {"type": "narrow", "dim": 1, "start": 0, "length": "${x.shape[1]}"},
    "y": {"type": "add", "from": ["x", "rows"], "broadcast": True},
}
HALF = {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1}
U_NET = {
    "a": HALF,
    "b": HALF,
    "u": {"type": "Upsample", "scale_factor": 2.0},
    "y": {"type": "cat", "from": ["a", "u"], "dim": 1},
}


def spec(x: list[Any], layers: dict[str, Any], formats: list[str]) -> dict[str, Any]:
    return {"graphspec": 1, "inputs": {"x": x}, "layers": layers, "export": {"formats": formats}}


@pytest.mark.slow
def test_a_bundle_says_the_range_and_its_files_keep_to_it(tmp_path: Path) -> None:
    bundle = graphspec.export(spec(["N", "T", 4], POSITIONS, ["onnx", "pt2"]), tmp_path / "positions")
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    assert manifest["dims"] == {"N": {"min": 1, "max": None}, "T": {"min": 1, "max": 64}}
    assert "It works for T from 1 to 64." in (bundle.folder / "README.md").read_text()
    session = onnxruntime.InferenceSession(bundle.folder / "model.onnx")
    program = torch.export.load(bundle.folder / "model.pt2").module()
    for length in (1, 2, 63, 64):
        value = torch.rand(2, length, 4)
        (found,) = session.run(None, {"x": value.numpy()})
        assert np.array_equal(found, program(value).detach().numpy())
    with pytest.raises(AssertionError):
        program(torch.rand(2, 65, 4))


def test_a_multiple_of_a_dim_stands_in_the_file(tmp_path: Path) -> None:
    bundle = graphspec.export(spec(["N", 4, "16*H", "16*W"], U_NET, ["onnx"]), tmp_path / "u_net")
    session = onnxruntime.InferenceSession(bundle.folder / "model.onnx")
    assert session.get_inputs()[0].shape == ["N", 4, "16*H", "16*W"]
    assert session.get_outputs()[0].shape == ["N", 8, "8*H", "8*W"]
    for height, width in ((16, 48), (32, 16)):
        value = np.zeros((1, 4, height, width), np.float32)
        assert session.run(None, {"x": value})[0].shape == (1, 8, height // 2, width // 2)


LOADED = """
import json, sys, torch
for path in sys.argv[1:]:
    program = torch.export.load(path)
    assert "graphspec" not in sys.modules
    values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    (name,) = program.graph_signature.user_inputs
    spans = [program.range_constraints[size.node.expr] for size in values[name].shape if not isinstance(size, int)]
    print(json.dumps([[int(span.lower), int(span.upper) if span.upper.is_Integer else None] for span in spans]))
"""
UNFOLD = {"y": {"type": "Unfold", "kernel_size": 3, "padding": 1, "stride": 2}}
SPANS = {
    "proven": (["N", "T", 4], POSITIONS, [[1, None], [1, 64]]),
    "multiples": (["N", 4, "16*H", "16*W"], U_NET, [[1, None], [16, None], [16, None]]),
    "tried": (
        ["N", 3, "H", "W"],
        {"y": {"type": "Unfold", "kernel_size": 3, "padding": 1, "stride": 2}},
        [[1, None]] * 3,
    ),
}


@pytest.mark.slow
def test_a_pt2_loads_without_graphspec_and_takes_the_sizes_of_the_dims(tmp_path: Path) -> None:
    paths = []
    for name, (shape, layers, _) in SPANS.items():
        network = graphspec.load(spec(shape, layers, ["pt2"]))
        bundle = write_bundle(network, tmp_path / name, formats=["pt2"], opset_version=20)
        assert bundle.manifest["sizes"] == ("tried" if name == "tried" else "proven")
        paths.append(str(bundle.path("pt2")))
    done = subprocess.run([sys.executable, "-I", "-c", LOADED, *paths], capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [spans for _, _, spans in SPANS.values()]


def test_the_ordinary_sizes_are_not_the_least_ones() -> None:
    """At the end of a range torch takes the size for a constant."""
    crop = {"crop": {"type": "narrow", "dim": 2, "start": 0, "length": 640}}
    network = graphspec.load(spec(["N", 1, "H", "W"], crop, ["onnx"]))
    assert network.shaped.dims["H"] == (640, None)
    assert Sampler.of(network).sizes["H"] > 640
