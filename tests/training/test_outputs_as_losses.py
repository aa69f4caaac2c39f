"""Losses without a target of the data: an output's mean, and an output compared with another. Against plain torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from graphspec import compiler
from graphspec.data import data_of, load
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

Fit = Callable[..., Any]
LAYERS = {
    "hidden": {"type": "Linear", "out_features": 2, "init": {"weight": "ones_", "bias": "zeros_"}},
    "square": {"type": "mul", "from": ["hidden", "hidden"]},
    "image": {"type": "Linear", "from": "hidden", "out_features": 4, "init": {"weight": "ones_", "bias": "zeros_"}},
}
PENALTY = {"output": "square", "reduce": "mean", "factor": 0.1}


def spec(*losses: Any, outputs: tuple[str, ...] = ("image", "square"), **train: Any) -> dict[str, Any]:
    return {
        "graphspec": 1, "name": "reconstruction", "inputs": {"x": ["N", 4]}, "layers": LAYERS, "outputs": list(outputs),
        "data": {"dataset": {"type": "iris", "targets": "input"}, "batch_size": 120, "validation": 0, "test": 0.2},
        "train": {"epochs": 1, "loss": list(losses), "optimizer": {"type": "SGD", "lr": 0.01}} | train,
    }  # fmt: skip


def wanted(loss: Callable[..., Any]) -> dict[str, torch.Tensor]:
    """One update of all of iris's training rows at once."""
    data = load(DataSpec.model_validate(spec()["data"]))
    code, image = nn.Linear(4, 2), nn.Linear(2, 4)
    for layer in (code, image):
        nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
    x = next(iter(data.batch(120, "train").inputs.values()))
    hidden = code(x)
    loss(image(hidden), hidden, x).backward()
    named = {"hidden": code, "image": image}
    return {
        f"{name}.{key}": (value - 0.01 * value.grad).detach()
        for name, layer in named.items()
        for key, value in layer.named_parameters()
        if value.grad is not None
    }


@pytest.mark.parametrize(
    ("losses", "outputs", "theirs"),
    [
        (
            ({"type": "MSELoss", "output": "image", "target": "x"}, PENALTY),
            ("image", "square"),
            lambda image, code, x: nn.functional.mse_loss(image, x) + 0.1 * code.square().mean(),
        ),
        (
            (
                {"type": "L1Loss", "output": "square", "target": "hidden"},
                {"type": "MSELoss", "output": "image", "target": "x"},
            ),
            ("image", "square", "hidden"),
            lambda image, code, x: nn.functional.l1_loss(code.square(), code) + nn.functional.mse_loss(image, x),
        ),
    ],
    ids=["the mean of an output", "an output against another"],
)  # fmt: skip
def test_an_update_is_that_of_plain_torch(losses: Any, outputs: Any, theirs: Any, fit: Fit, tmp_path: Path) -> None:
    made = spec(*losses, outputs=outputs)
    field = next(iter(load(DataSpec.model_validate(made["data"])).train.targets))
    for loss in losses:
        if loss.get("target") == "x":
            loss["target"] = field
    fit(made)
    expected = wanted(theirs)
    for name, value in load_file(tmp_path / "run" / "last.safetensors").items():
        assert torch.allclose(value, expected[name], rtol=1e-5, atol=1e-6), name


def test_a_resolved_spec_says_the_same() -> None:
    network = compiler.load(spec({"type": "MSELoss", "output": "image"}, PENALTY))
    again = compiler.load(network.spec.model_dump(mode="json", exclude_defaults=True))
    assert again.spec.train == network.spec.train


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ({"type": "MSELoss", "output": "image", "target": "image"}, '"image" is compared with itself'),
        ({"type": "NLLLoss", "output": "image", "target": "square"}, 'class indices, which the output "square" is not'),
        ({"output": "kl", "reduce": "mean"}, 'the network has no output "kl"'),
        ({"output": "square", "reduce": "sum"}, 'unknown loss "sum"'),
        ({"type": "BCEWithLogitsLoss", "output": "image"}, "takes targets from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(loss: Any, said: str, fit: Fit) -> None:
    with pytest.raises(GraphspecError, match=said):
        fit(spec(loss))


def test_a_variational_autoencoder_is_plain_torchs(fit: Fit, tmp_path: Path) -> None:
    """specs/vae.toml for two epochs beside the model written out: the same batches, the same noise, the same losses."""
    path = Path(__file__).parents[2] / "specs" / "vae.toml"
    report, network = fit(path, epochs=2), compiler.load(path)
    layers = dict(network.build().named_children())
    encode, mean, logvar = layers["encoder"], layers["mean"], layers["logvar"]
    decode, pixels = layers["decoder"], layers["pixels"]
    weights = [weight for layer in (encode, mean, logvar, decode, pixels) for weight in layer.parameters()]
    optimizer, batches = torch.optim.Adam(weights, lr=0.003), data_of(path).batches("train")
    torch.manual_seed(0)
    for epoch in range(2):
        total, count = 0.0, 0
        for batch in batches.shuffled(epoch):
            (x,) = batch.inputs.values()
            hidden = encode(x.flatten(1)).relu()
            mu, log = mean(hidden), logvar(hidden)
            z = mu + (0.5 * log).exp() * torch.randn_like(mu)
            logits = pixels(decode(z).relu()).view(-1, 1, 8, 8)
            divergence = 0.5 * (mu * mu + log.exp() - log - 1)
            loss = 64 * nn.functional.binary_cross_entropy_with_logits(logits, x) + 8 * divergence.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, count = total + loss.item() * len(x), count + len(x)
        assert report.history[epoch]["train_loss"] == pytest.approx(total / count, rel=1e-6)


@pytest.mark.slow
def test_a_variational_autoencoder_learns(fit: Fit) -> None:
    """Nats a picture, reconstruction and KL term together; the first epoch ends at about 32."""
    report = fit(Path(__file__).parents[2] / "specs" / "vae.toml")
    assert report.metrics["test"]["loss"] < 23
