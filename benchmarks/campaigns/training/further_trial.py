"""What the rows of ``further.py`` are made of: a network of one layer, its data, and what a run of it says and gives."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

import graphspec
from graphspec.diagnostics import GraphspecError

#: A row: it works in a folder of its own and gives what is wrong, nothing where it is right.
Case = Callable[[], str]
SGD = {"type": "SGD", "lr": 0.1}


@dataclass
class Table:
    """Rows by name, each of a kind of the issue."""

    kind: str
    rows: dict[str, Case] = field(default_factory=dict)

    def __call__(self, case: Case) -> Case:
        self.rows[f"{self.kind} {case.__name__.replace('_', ' ')}"] = case
        return case

    def add(self, name: str, case: Case) -> None:
        self.rows[f"{self.kind} {name}"] = case


@dataclass(frozen=True)
class Trial:
    """What came of a training: the figures of its parts, or the refusal; all that was said on the way."""

    parts: dict[str, dict[str, float]] | None
    said: str
    folder: Path

    def figure(self, metric: str, part: str = "train") -> float:
        assert self.parts is not None, self.said
        value = self.parts[part][metric]
        return float("nan") if value is None else value

    @property
    def weights(self) -> dict[str, Tensor]:
        assert self.parts is not None, self.said
        return safetensors.torch.load_file(self.folder / "last.safetensors")


def npz(**arrays: Any) -> dict[str, Any]:
    """``[data]`` on these arrays, all of them the training part; whole numbers ``y`` are classes."""
    np.savez("d.npz", **arrays)
    dataset: dict[str, Any] = {"type": "npz", "file": "d.npz"}
    y = arrays.get("y")
    if y is not None and y.dtype.kind in "iu" and y.ndim != 2 and (len(np.unique(y)) != 2 or y.max() == 255):
        dataset["classes"] = 3
    return {"dataset": dataset, "root": ".", "validation": 0.0, "test": 0.0, "batch_size": 5}


def linear(outputs: int) -> dict[str, Any]:
    return {"fc": {"type": "Linear", "out_features": outputs, "init": {"weight": "zeros_", "bias": "zeros_"}}}


def spec(data: Mapping[str, Any], layers: Mapping[str, Any], train: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "graphspec": 1, "name": "t", "inputs": {"x": ["N", 4]}, "layers": dict(layers), "data": dict(data),
        "train": {"epochs": 1, "seed": 0, "optimizer": SGD, **train}, **more,
    }  # fmt: skip


def trained(given: Any, **options: Any) -> Trial:
    folder = Path(tempfile.mkdtemp(dir=".")) / "r"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            graphspec.train(given, run=folder, **options)
        except GraphspecError as error:
            return Trial(None, "\n".join([*(str(each.message) for each in caught), str(error)]), folder)
    parts = json.loads((folder / "evaluation.json").read_text())["parts"]
    return Trial(parts, "\n".join(str(each.message) for each in caught), folder)


def near(found: float, wanted: float, within: float = 1e-4) -> str:
    return "" if abs(found - wanted) <= within * max(1, abs(wanted)) else f"{found:.6g}, not {wanted:.6g}"


def alike(found: Tensor, wanted: Tensor, within: float = 1e-5) -> str:
    far = (found.double() - wanted.double()).abs().max().item()
    return "" if far <= within else f"differs by {far:.2g}"


def says(trial: Trial, *words: str, refused: bool | None = None) -> str:
    """What is missing of `words` in what was said; `refused`: whether there has to be an error."""
    if refused is not None and refused != (trial.parts is None):
        return f"{'not ' * refused}refused: {trial.said[:200]}"
    missing = [word for word in words if word.lower() not in trial.said.lower()]
    return f"says nothing of {', '.join(missing)}: {trial.said[:300]}" if missing else ""


def first(*faults: str) -> str:
    return "; ".join(filter(None, faults))


def stepped(module: nn.Module, loss: Callable[[nn.Module], Tensor], steps: int = 1, lr: float = 0.1) -> nn.Module:
    """`module` after plain SGD."""
    optimizer = torch.optim.SGD(module.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(module).backward()
        optimizer.step()
    return module


def zeroed(module: nn.Module) -> Any:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def ids(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
