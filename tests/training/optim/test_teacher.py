"""``[train] teacher``: losses against what a frozen run gives, as in plain PyTorch, and what comes of such a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from graphspec import compiler, pipeline
from graphspec.checking import check
from graphspec.data import load_data
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.dump import dump

KL = {"type": "KLDivLoss", "target": "teacher", "temperature": 3.0, "reduction": "batchmean", "factor": 0.7}
HARD = {"type": "CrossEntropyLoss", "factor": 0.3}


def network(width: int, **train: Any) -> dict[str, Any]:
    """Iris, scaled; with Dropout, whose draws a teacher must not shift."""
    return {
        "graphspec": 1,
        "inputs": {"x": ["N", 4]},
        "layers": {
            "fc": {"type": "Linear", "out_features": width, "bias": False}, "norm": "BatchNorm1d", "relu": "ReLU",
            "drop": "Dropout", "logits": {"type": "Linear", "out_features": 3},
        },
        "data": {"dataset": "iris", "batch_size": 16, "transforms": ["StandardScaler"]},
        "train": {"epochs": 6, "optimizer": {"type": "Adam", "lr": 0.01}, "metrics": ["accuracy"], **train},
    }  # fmt: skip


def student(loss: Any = (HARD, KL), **train: Any) -> dict[str, Any]:
    return network(4, teacher="runs/big", loss=loss, **train)


@pytest.fixture
def big(fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained teacher, in the working directory."""
    monkeypatch.chdir(tmp_path)
    fit(network(32), Path("runs/big"))
    return tmp_path / "runs" / "big"


def softened(output: Tensor, wanted: Tensor) -> Tensor:
    return F.kl_div((output / 3).log_softmax(1), (wanted / 3).softmax(1), reduction="batchmean") * 9


def log_softened(output: Tensor, wanted: Tensor) -> Tensor:
    pair = (output / 3).log_softmax(1), (wanted / 3).log_softmax(1)
    return F.kl_div(*pair, reduction="batchmean", log_target=True) * 9


def in_plain_pytorch(raw: dict[str, Any], teacher: nn.Module, second: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """The textbook loop: its losses by epoch, and the module."""
    made = compiler.load(raw)
    module, data = made.build(), load_data(made.spec)
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for epoch in range(raw["train"]["epochs"]):
        total = 0.0
        for batch in data.batches("train").shuffled(epoch):
            (x,), (y,) = batch.inputs.values(), batch.targets.values()
            output = module(x)
            with torch.no_grad():
                wanted = teacher(x)
            loss = F.cross_entropy(output, y) * 0.3 + second(output, wanted) * 0.7
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        losses.append(total / len(data.train))
    return losses, module


@pytest.mark.parametrize("engine", ["default", "eager"])
@pytest.mark.parametrize(
    ("loss", "plain"),
    [
        (KL, softened),
        ({**KL, "log_target": True}, log_softened),
        (
            {"type": "CrossEntropyLoss", "target": "teacher", "temperature": 2, "factor": 0.7},
            lambda output, wanted: F.cross_entropy(output / 2, (wanted / 2).softmax(1)) * 4,
        ),
        (
            {"type": "CrossEntropyLoss", "target": "teacher", "factor": 0.7},
            lambda output, wanted: F.cross_entropy(output, wanted.softmax(1)),
        ),
        (
            {"type": "BCEWithLogitsLoss", "target": "teacher", "temperature": 2.0, "factor": 0.7},
            lambda o, w: F.binary_cross_entropy_with_logits(o / 2, (w / 2).sigmoid()) * 4,
        ),
        ({"type": "MSELoss", "target": "teacher", "factor": 0.7}, F.mse_loss),
    ],
    ids=["kl", "kl-log", "soft-targets", "no-temperature", "labels", "values"],
)  # fmt: skip
def test_losses_and_weights_are_those_of_plain_pytorch(big: Path, fit: Any, loss: Any, plain: Any, engine: str) -> None:
    raw = student([HARD, loss], engine=engine, epochs=6 if engine == "eager" else 40)
    report = fit(raw)
    losses, module = in_plain_pytorch(raw, compiler.Network.open(big, "run").build().eval(), plain)
    assert [row["train_loss"] for row in report.history] == pytest.approx(losses, abs=1e-12)
    last = load_file(report.run / "last.safetensors")
    assert all(torch.equal(value, last[name]) for name, value in module.state_dict().items())


def test_what_is_measured_needs_no_teacher(big: Path, fit: Any, tmp_path: Path) -> None:
    """validation, test, evaluate and the export are of the losses with the data; the teacher may be gone."""
    report = fit(student())
    module, data = compiler.Network.open(report.run, "run").build().eval(), load_data(compiler.load(student()).spec)
    (x,), (y,) = (fields.values() for batch in [data.batch(1000)] for fields in (batch.inputs, batch.targets))
    assert report.metrics["validation"]["loss"] == pytest.approx(F.cross_entropy(module(x), y).item(), abs=1e-6)
    noted = json.loads((report.run / "environment.json").read_text())["teacher"]
    assert noted["run"] == "runs/big"
    assert len(noted["sha256"]) == 64
    shutil.rmtree(big)
    again = pipeline.evaluate(report.run, device="cpu")
    assert all(again.parts[part] == pytest.approx(figures) for part, figures in report.metrics.items())
    pipeline.export(report.run, tmp_path / "export")  # verified
    with pytest.raises(GraphspecError, match='there is no "runs/big"'):
        fit(student(), tmp_path / "again")


@pytest.mark.slow
def test_a_run_goes_on_bit_for_bit_and_with_its_teacher_alone(big: Path, fit: Any, tmp_path: Path) -> None:
    expected = (fit(student(), tmp_path / "whole").run / "last.safetensors").read_bytes()
    run = tmp_path / "stopped"
    fit(student(), run, epochs=3)
    fit(student(), run, resume=True, epochs=5)
    weights = load_file(big / "best.safetensors")
    save_file(
        {name: value + 1 if name == "norm.bias" else value for name, value in weights.items()}, big / "best.safetensors"
    )
    with pytest.raises(GraphspecError, match="the teacher is another than when the run began"):
        fit(student(), run, resume=True)
    save_file(weights, big / "best.safetensors")
    fit(student(), run, resume=True)
    assert (run / "last.safetensors").read_bytes() == expected


def test_of_several_outputs_each_has_its_lesson(fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features by name, as FitNets' hints; class weights, by which the loss of a batch is divided; batches in pairs."""
    monkeypatch.chdir(tmp_path)

    def two(width: int, loss: Any, **train: Any) -> dict[str, Any]:
        raw = network(width, loss=loss, accumulate=2, **train)
        raw["layers"]["hint"] = {"type": "Linear", "from": "relu", "out_features": 5}
        return raw | {"outputs": {"logits": "logits", "hint": "hint"}}

    hard = {"type": "CrossEntropyLoss", "output": "logits", "weight": [1.0, 2.0, 3.0]}
    fit(two(16, hard), Path("runs/big"))
    lesson = {"type": "MSELoss", "output": "hint", "target": "teacher"}
    alone = fit(two(4, hard), tmp_path / "alone")
    report = fit(two(4, [hard, lesson], teacher="runs/big"), tmp_path / "taught")
    assert report.metrics["test"].keys() == alone.metrics["test"].keys()
    teacher = compiler.Network.open("runs/big", "run").build().eval()
    (x,) = load_data(compiler.load(two(4, hard)).spec).batch(50).inputs.values()
    apart = [
        F.mse_loss(compiler.Network.open(run, "run").build().eval()(x)["hint"], teacher(x)["hint"]).item()
        for run in (alone.run, report.run)
    ]
    assert apart[1] < 0.7 * apart[0]


@pytest.mark.parametrize(
    ("loss", "teacher", "at", "message"),
    [
        ([HARD], "runs/big", ("train", "teacher"), "no loss compares with the teacher"),
        ([KL], "runs/big", ("train", "loss"), "every loss compares with the teacher"),
        ([HARD, KL], None, ("train", "loss", 1, "temperature"), "a temperature softens what a teacher gives"),
        ([HARD, KL], "../big", ("train", "teacher"), 'the path "../big" leads out of the working directory'),
        ([HARD, KL | {"temperature": 0}], "runs/big", ("train", "loss", 1, "temperature"), "a number above 0, not 0"),
        ([HARD, KL | {"temperature": "4"}], "runs/big", ("train", "loss", 1, "temperature"), "not '4'"),
        ([HARD, KL | {"temprature": 4}], "runs/big", ("train", "loss", 1, "temprature"), 'no argument "temprature"'),
        ([HARD, KL | {"target": "teachr"}], "runs/big", ("train", "loss", 1, "temperature"), "temperature"),
        ([HARD, {"type": "NLLLoss", "target": "teacher"}], "runs/big", ("train", "loss", 1), "NLLLoss cannot compare"),
        (
            [HARD, {"type": "MSELoss", "target": "teacher", "temperature": 2}], "runs/big",
            ("train", "loss", 1, "temperature"), 'MSELoss has no argument "temperature"',
        ),
    ],
)  # fmt: skip
def test_mistakes_that_need_no_teacher_to_be_seen(loss: Any, teacher: Any, at: Any, message: str) -> None:
    raw = network(4, loss=loss, **({"teacher": teacher} if teacher else {}))
    with pytest.raises(GraphspecError) as caught:
        check(compiler.load(raw))
    assert message in str(caught.value)
    assert at in [fault.at for fault in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw["data"].update(transforms=[]), "samples with other transforms"),
        (lambda raw: raw["data"].update(dataset="wine"), "the teacher's classes are others"),
        (lambda raw: raw["inputs"].update(x=["N", 5]), "the teacher takes"),
        (lambda raw: raw["layers"]["logits"].update(out_features=4), "the teacher gives"),
    ],
)
def test_a_teacher_that_does_not_fit(big: Path, fit: Any, change: Any, message: str, tmp_path: Path) -> None:
    shutil.rmtree(big)
    other = network(8)
    change(other)
    if "takes" in message or "gives" in message:  # a spec that was changed by hand
        fit(network(8), big)
        (big / "spec.toml").write_text(dump(compiler.load(other).spec))
    else:
        if other["data"]["dataset"] == "wine":
            other["inputs"] = {"x": ["N", 13]}
        fit(other, big)
    with pytest.raises(GraphspecError, match=message):
        fit(student(), tmp_path / "student")


def test_other_parts_are_said(big: Path, fit: Any) -> None:
    raw = student()
    raw["data"]["transforms"] = []
    shutil.rmtree(big)
    fit({**network(8), "data": {**raw["data"], "test": 0.3}}, big)
    with pytest.warns(GraphspecWarning, match="the teacher's data were split otherwise"):
        fit(raw)


def test_something_that_is_no_run(tmp_path: Path, fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "big").mkdir(parents=True)
    (tmp_path / "runs" / "big" / "a.txt").write_text("x")
    with pytest.raises(GraphspecError, match='"runs/big" is a folder of other things, not a run') as caught:
        fit(student())
    assert caught.value.diagnostics[0].at == ("train", "teacher")
