"""Constants of a network: a few numbers stand in the spec, those of a rule as that, all others in the weights' file."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import graphspec
from graphspec.compiler import Network
from graphspec.importing.imported import Imported
from graphspec.module.emit import python
from graphspec.ops.imports import import_file


class Masked(nn.Module):
    """Adds a constant of its own, which no state_dict holds."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.fc = nn.Linear(24, 24)
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("noise", torch.rand(24, generator=generator), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * self.noise


class Blocks(nn.Module):
    """Two of these, and constants of a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Masked(1), Masked(2)

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.tensor([float(n) for n in range(1, 49, 2)])
        return self.second(self.first(x) + steps) + torch.tensor([0.5] * 24)


@pytest.fixture
def imported() -> Imported:
    torch.manual_seed(0)
    return graphspec.from_module(Blocks(), {"x": torch.randn(2, 24)})


def test_the_spec_has_rules_and_the_file_has_the_numbers(imported: Imported) -> None:
    assert max(map(len, imported.text.splitlines())) < 120
    assert 'noise = { type = "Buffer", shape = [24], persistent = false }' in imported.text
    assert 'type = "arange", end = 49, start = 1, step = 2, dtype = "float32"' in imported.text
    assert 'type = "full", size = [24], fill_value = 0.5' in imported.text
    ours = imported.network.build()
    assert ours.state_dict().keys() == Blocks().state_dict().keys()
    assert imported.weights.keys() - ours.state_dict().keys() == {"first.noise", "second.noise"}
    assert torch.equal(ours.get_buffer("second.noise"), Masked(2).noise)


def test_the_numbers_go_with_the_spec_into_copies_and_exports(
    imported: Imported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    imported.save("net.toml")
    network = graphspec.load("net.toml")
    again = network.copy().copy()
    x = torch.randn(3, 24)
    expected = imported.network.build().eval()(x)
    assert torch.equal(again.build().eval()(x), expected)
    bundle = graphspec.export("net.toml", "export", formats=["onnx", "pt2"])
    state = safetensors.torch.load_file(bundle.folder / "weights.safetensors")
    assert torch.equal(state["second.noise"], Masked(2).noise)
    assert torch.equal(Network.open("export").build().eval()(x), expected)


def test_a_file_without_them_is_another_network(imported: Imported) -> None:
    kept = {name: value for name, value in imported.weights.items() if name != "first.noise"}
    with pytest.raises(graphspec.GraphspecError, match=r"another network"):
        imported.network.with_state(lambda: kept).build()


def test_emitted_python_says_how_they_get_their_numbers(imported: Imported, tmp_path: Path) -> None:
    text = python(imported.network.shaped)
    file = tmp_path / "net.py"
    file.write_text(text)
    net, weights = [*vars(import_file(file)).values()][-1](), dict(imported.weights)
    for name in weights.keys() - net.state_dict().keys():
        net.get_buffer(name).copy_(weights.pop(name))
    net.load_state_dict(weights)
    assert "net.get_buffer(name).copy_(weights.pop(name))" in text
    x = torch.randn(3, 24)
    assert torch.equal(net.eval()(x), imported.network.build().eval()(x))
