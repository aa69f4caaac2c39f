"""The worker's TorchScript: a file is read once for what is only looked at, and anew where it is another or is run."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from graphspec.verifying.runtimes import torchscript


class Counting(torch.nn.Module):
    """Counts its calls in a buffer."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.register_buffer("calls", torch.full((1,), start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1.0)
        return x + self.calls


def write(path: str, start: float) -> None:
    torch.jit.script(Counting(start).eval()).save(path)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    found: list[str] = []
    load = torch.jit.load
    monkeypatch.setattr(torch.jit, "load", lambda path: found.append(path) or load(path))
    return found


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_file_is_read_once_as_long_as_it_is_the_same_and_never_after_it_ran(tmp_path, loads):
    path = str(tmp_path / "model.pt")
    write(path, 3.0)
    run = torchscript.load(path, ["y"], {"x": "float32"})
    assert run({"x": np.zeros(1, np.float32)})[0] == 4.0
    assert torchscript.weights(path)["calls"] == 3.0
    assert any("add" in step for _, step in torchscript.steps(path))
    assert torchscript.weights(path)["calls"] == 3.0
    assert loads == [path] * 2
    write(path, 5.0)
    os.utime(path, ns=(1, 1))
    assert torchscript.weights(path)["calls"] == 5.0
