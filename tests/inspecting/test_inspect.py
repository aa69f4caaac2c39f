"""Faults planted one at a time are each named, with their layer and what to do; a network without any is left alone."""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphspec
from graphspec.inspecting import Inspection

SPECS = Path(__file__).parents[2] / "specs"
Spec = dict[str, Any]


def mlp(activation: str = "ReLU", depth: int = 2, **train: Any) -> Spec:
    """scikit-learn's digits with `depth` hidden layers of 32 units."""
    layers: Spec = {"flatten": "Flatten"}
    for number in range(1, depth + 1):
        layers[f"fc{number}"] = {"type": "Linear", "out_features": 32}
        layers[f"act{number}"] = activation
    layers["logits"] = {"type": "Linear", "out_features": 10}
    return {
        "graphspec": 1, "inputs": {"image": ["N", 1, 8, 8]}, "layers": layers,
        "data": {"dataset": "digits", "batch_size": 64},
        "train": {"epochs": 1, "loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.002}} | train,
    }  # fmt: skip


def with_layer(spec: Spec, name: str, **changes: Any) -> Spec:
    spec = copy.deepcopy(spec)
    given = spec["layers"][name]
    spec["layers"][name] = ({"type": given} if isinstance(given, str) else given) | changes
    return spec


def dead_relus() -> Spec:
    return with_layer(mlp(), "fc1", init={"bias": {"type": "constant_", "val": -50.0}})


def saturated_tanh() -> Spec:
    return with_layer(mlp("Tanh"), "fc1", init={"weight": {"type": "normal_", "std": 10.0}})


def vanishing_sigmoids() -> Spec:
    return mlp("Sigmoid", depth=8)


def rate_of(lr: float, kind: str = "Adam") -> Spec:
    return mlp(optimizer={"type": kind, "lr": lr})


def recurrent(gain: float) -> Spec:
    """Rows of a digit as 8 steps … of 8 numbers; the step's weights are `gain` times a rotation."""
    spec = mlp()
    spec["layers"] = {
        "rows": {"type": "squeeze", "dim": 1},
        "rnn": {
            "type": "RNN", "hidden_size": 16, "nonlinearity": "relu", "batch_first": True,
            "init": {"weight_hh_l0": {"type": "orthogonal_", "gain": gain}},
        },
        "last": {"type": "select", "from": "rnn.output", "dim": 1, "index": -1},
        "logits": {"type": "Linear", "out_features": 10},
    }  # fmt: skip
    return spec


def of_each_step(kind: str) -> Spec:
    """The mean over all of 64 steps, a pixel each: the gradient of each step comes to the first one."""
    spec = mlp()
    spec["layers"] = {
        "pixels": {"type": "reshape", "shape": [-1, 64, 1]},
        "rnn": {"type": kind, "hidden_size": 16, "batch_first": True},
        "mean": {"type": "mean", "from": "rnn.output", "dim": 1},
        "logits": {"type": "Linear", "out_features": 10},
    }
    return spec


def frozen_layer() -> Spec:
    return with_layer(mlp(), "fc2", freeze=True)


def cut_off() -> Spec:
    spec = mlp()
    layers = list(spec["layers"].items())
    spec["layers"] = dict([*layers[:3], ("cut", "detach"), *layers[3:]])
    return spec


PLANTED: dict[str, tuple[Callable[[], Spec], str, str | None, str]] = {
    "dead ReLUs": (dead_relus, "dead-units", "act1", "is dead in all 32 units"),
    "saturated Tanh": (saturated_tanh, "saturated", "act1", "of its values are at its ends, -1 and 1"),
    "vanishing sigmoids": (vanishing_sigmoids, "vanishing", "fc1", "through 8 × Sigmoid: at layer \"fc1\""),
    "Adam's lr × 1000": (lambda: rate_of(2.0), "lr-too-large", None, "the lr 2 is too large: one step brings"),
    "SGD's lr × 1000": (lambda: rate_of(100.0, "SGD"), "lr-too-large", None, "the lr 100 is too large"),
    "lr / 1000000": (lambda: rate_of(1e-9), "lr-too-small", None, "no weight moves by more than"),
    "exploding recurrence": (lambda: recurrent(6.0), "exploding", "rnn", "over its 8 steps back to the first one"),
    "exploding slowly": (lambda: recurrent(2.5), "exploding", "rnn", "over its 8 steps back to the first one it grows"),
    "frozen layer": (frozen_layer, "frozen", "fc2", "never learn"),
    "no gradient": (cut_off, "no-gradient", "fc1", "no gradient comes back"),
}  # fmt: skip


def look(spec: Any, **how: Any) -> Inspection:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return graphspec.inspect(spec, **how)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named_alone(name: str) -> None:
    make, kind, layer, words = PLANTED[name]
    found = look(make())
    assert [(finding.kind, finding.layer) for finding in found.findings] == [(kind, layer)], found
    assert words in found.findings[0].message
    assert found.findings[0].hint


def test_an_input_that_is_not_scaled_is_named() -> None:
    x = np.random.default_rng(0).normal(120.0, 60.0, (128, 8)).astype("float32")
    spec = mlp()
    spec |= {"inputs": {"x": ["N", 8]}}
    del spec["layers"]["flatten"], spec["data"]
    found = look(spec, data=(x, np.arange(128) % 10))
    assert [finding.kind for finding in found.findings] == ["unscaled-input"]
    assert "its mean is 1" in found.findings[0].message
    scaled = copy.deepcopy(spec)
    scaled["layers"] = {"norm": "BatchNorm1d", **scaled["layers"]}
    assert look(scaled, data=(x, np.arange(128) % 10)).healthy


def test_a_loss_that_is_not_finite_is_named_by_the_layer_that_gives_it() -> None:
    spec = mlp(depth=4)
    for name in ("fc1", "fc2", "fc3", "fc4", "logits"):
        spec = with_layer(spec, name, init={"weight": {"type": "constant_", "val": 2e9}})
    found = look(spec)
    assert [(each.kind, each.layer) for each in found.findings] == [("not-finite", "fc4")]
    assert math.isnan(found.after)
    assert json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "spec",
    [
        mlp(),
        mlp("Tanh"),
        mlp("Sigmoid"),
        mlp("ReLU", depth=5),
        recurrent(1.0),
        recurrent(1.5),
        of_each_step("RNN"),
        of_each_step("LSTM"),
        of_each_step("GRU"),
    ],
    ids="ReLU Tanh Sigmoid deep RNN,1 RNN,1.5 RNN,each LSTM,each GRU,each".split(),
)
def test_a_network_without_a_fault_is_left_alone(spec: Spec) -> None:
    assert look(spec).findings == ()


@pytest.mark.parametrize("name", ["digits", "linear_regression", "perceptron", "series", "vae", "denoise"])
def test_a_spec_of_the_repository_is_left_alone(name: str) -> None:
    assert look(SPECS / f"{name}.toml").findings == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["char_gpt", "segmentation", "text_classifier"])
def test_a_larger_spec_is_left_alone(name: str) -> None:
    assert look(SPECS / f"{name}.toml").findings == ()


def test_the_figures_are_those_of_plain_pytorch() -> None:
    """Loss, gradient and the move of each weight of the first step, written by hand."""
    spec = mlp(optimizer={"type": "SGD", "lr": 0.1})
    found = look(spec)
    network = graphspec.load(spec)
    module, data = network.build(), graphspec.data(network)
    batch = next(iter(data.batches("train").shuffled(0)))
    x, y = batch.inputs["image"], batch.targets["label"]
    hidden = torch.relu(module.fc1(x.flatten(1)))
    loss = torch.nn.functional.cross_entropy(module(x), y.long())
    loss.backward()
    row = {layer.name: layer for layer in found.layers}
    assert found.loss == pytest.approx(loss.item(), rel=1e-6)
    assert row["act1"].mean == pytest.approx(hidden.mean().item(), rel=1e-5)
    assert row["act1"].zeros == pytest.approx((hidden == 0).float().mean().item())
    assert row["act1"].dead == int((hidden == 0).all(0).sum())
    moved = 0.1 * module.fc1.weight.grad.norm() / module.fc1.weight.norm()
    assert row["fc1"].update == pytest.approx(moved.item(), rel=1e-4)
    both = torch.cat([module.fc1.weight.grad.flatten(), module.fc1.bias.grad])
    assert row["fc1"].weight_gradient == pytest.approx(both.norm().item(), rel=1e-5)


def test_a_run_is_looked_at_where_it_stands_and_stays_as_it_is(tmp_path: Path) -> None:
    report = graphspec.train(mlp(), run=tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    found = look(report)
    assert (found.epoch, found.run) == (1, tmp_path / "run")
    assert found.loss < 2.2 < look(mlp()).loss
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_it_shows_itself_as_text_and_as_a_page() -> None:
    spec = with_layer(dead_relus(), "fc2", freeze=True)
    found = look(spec)
    assert "is dead in all 32 units" in repr(found)
    page = found._repr_html_()
    assert "<table>" in page
    assert "frozen" in page
