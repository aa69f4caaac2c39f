"""The command as a user runs it, in this process, and one run that was trained with it."""

from __future__ import annotations

import dataclasses
import io
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from graphspec import pipeline
from graphspec.cli.app import app
from graphspec.training.run.reporter import Silent

SPEC = """
graphspec = 1
[inputs]
image = ["N", 1, 8, 8]
[layers]
flatten = "Flatten"
fc      = { type = "Linear", out_features = 8, bias = false }
norm    = "BatchNorm1d"
relu    = "ReLU"
dropout = { type = "Dropout", p = 0.2 }
logits  = { type = "Linear", out_features = 10 }
[data]
dataset    = "digits"
batch_size = 256
[train]
epochs    = 3
optimizer = { type = "Adam", lr = 0.01 }
scheduler = { type = "StepLR", step_size = 1 }
[export]
formats = ["onnx"]
"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """``command("compile", path)`` in an empty working directory; what is not a user's mistake is raised."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)

    def run(*arguments: object, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            app([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ended(int(end.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of SPEC after two of its three epochs; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "net.toml").write_text(SPEC)
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.train(folder / "net.toml", run=folder / "run", epochs=2, device="cpu", reporter=Silent())
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of :func:`trained` as ``run``, with its spec as ``net.toml`` beside it."""
    (tmp_path / "net.toml").write_text(SPEC)
    return Path(shutil.copytree(trained, tmp_path / "run"))
