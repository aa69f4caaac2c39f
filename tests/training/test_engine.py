"""The engines compute one training: to the last bit by default, within 1e-6 where asked to be faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from graphspec import pipeline
from graphspec.training.engine import equip
from graphspec.training.progress import Silent
from graphspec.training.train import load_data, make_learner

SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 16}, "relu": "ReLU",
               "fc2": {"type": "Linear", "out_features": 10}},
    "data": {"dataset": "digits", "batch_size": 16},
    "train": {"epochs": 9, "optimizer": {"type": "Adam", "lr": 0.005}},
}  # fmt: skip


class Losses(Silent):
    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, loss: float) -> None:
        self.values.append(loss)


def losses(fit: Any, tmp_path: Path, engine: str, **arguments: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    reporter, run = Losses(), tmp_path / engine
    fit(SPEC, run, overrides=[f'train.engine="{engine}"'], reporter=reporter, **arguments)
    return reporter.values, load_file(run / "last.safetensors")


def test_by_default_the_bits_are_those_of_the_loop_as_written(fit: Any, tmp_path: Path) -> None:
    (eager, theirs), (default, ours) = (losses(fit, tmp_path, engine) for engine in ("eager", "default"))
    assert len(eager) > 500
    assert default == eager
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


def test_traced_stays_within_a_millionth(fit: Any, tmp_path: Path) -> None:
    """Rounding grows as training goes on, so the first hundred steps are compared."""
    (eager, _), (traced, _) = (losses(fit, tmp_path, engine, epochs=2) for engine in ("eager", "traced"))
    assert eager[:100] == pytest.approx(traced[:100], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("engine", "steps", "records", "direct"),
    [("default", 10_000, True, True), ("default", 10, False, True), ("eager", 10_000, False, False),
     ("traced", 10, True, True)],
)  # fmt: skip
def test_what_an_engine_takes(engine: str, steps: int, records: bool, direct: bool) -> None:
    shaped = pipeline.shape(pipeline.load(SPEC, overrides=[f'train.engine="{engine}"']))
    data = load_data(shaped.spec)
    learner = make_learner(pipeline.build(shaped), shaped, data, torch.device("cpu"), 1)
    assert shaped.spec.train is not None
    equip(learner, shaped.spec.train, data.batches("train"), steps)
    assert (learner.recorded is not None) == records
    assert (learner.direct is not None) == direct


@pytest.mark.slow
def test_compiled_learns_the_same(fit: Any, tmp_path: Path) -> None:
    (eager, _), (compiled, _) = (losses(fit, tmp_path, engine, epochs=1) for engine in ("eager", "compiled"))
    assert eager == pytest.approx(compiled, rel=1e-4, abs=1e-4)
