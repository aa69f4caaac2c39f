"""Programs of ``torch.export`` become the specs of the modules that they were exported from, with the same keys."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from typer.testing import CliRunner

import graphspec
from graphspec.cli.app import app
from graphspec.exporting.capture import capture
from graphspec.exporting.pt2 import write_pt2
from graphspec.importing.pt2.segments import MOST_DEEP
from graphspec.importing.sources import import_source
from graphspec.ops.imports import import_file

networks = import_file(Path(__file__).parents[1] / "networks.py")
SPECS = Path(__file__).parents[3] / "specs"
LINE, IMAGE, IDS = torch.randn(2, 8), torch.randn(2, 3, 8, 8), torch.randint(0, 16, (2, 5))
SEQUENCE = torch.randn(2, 5, 8)


def exported(module: nn.Module, inputs: dict[str, Tensor], path: Path, **dims: int) -> Path:
    """`module` in evaluation mode, its first dim open within `dims`, as torch itself writes it."""
    batch = torch.export.Dim("batch", **dims)
    shapes = {name: {0: batch} for name in inputs}
    program = torch.export.export(module.eval(), (), inputs, dynamic_shapes=shapes)
    torch.export.save(program, str(path))
    return path


class Layers(nn.Module):
    """torch's own layers of many kinds, each of which calls one operator."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1, groups=1, bias=False), nn.BatchNorm2d(4, eps=1e-3), nn.ReLU6(),
            nn.ConvTranspose2d(4, 4, 2, 2), nn.GroupNorm(2, 4), nn.Hardswish(), nn.MaxPool2d(2), nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.AvgPool2d(2, ceil_mode=True), nn.PReLU(4), nn.Dropout(0.3),
            nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 5), nn.Softmax(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


#: Networks and their inputs: the spec is the one that the module itself gives.
CASES = {
    networks.Branches: {"x": LINE}, networks.TwoInputs: {"x": LINE, "other": torch.randn(2, 8)},
    networks.Lists: {"x": LINE}, networks.Frozen: {"x": LINE}, networks.Recurrent: {"x": SEQUENCE},
    networks.Shared: {"x": LINE}, Layers: {"x": IMAGE},
}  # fmt: skip


@pytest.mark.parametrize(
    "network",
    [kind if kind is networks.Branches else pytest.param(kind, marks=pytest.mark.slow) for kind in CASES],
    ids=lambda kind: kind.__name__,
)
def test_a_program_becomes_the_spec_of_its_module(network: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = network().eval()
    imported = import_source(str(exported(module, CASES[network], tmp_path / "net.pt2")))
    own = graphspec.from_module(module, CASES[network]).text.splitlines()
    lines = imported.text.replace('"batch"', '"N"').splitlines()
    assert [line for line in lines if line not in own] == [line for line in own if line not in lines]
    state = module.state_dict()
    assert imported.weights.keys() == state.keys()
    assert all(torch.equal(imported.weights[name], value) for name, value in state.items())


@pytest.mark.slow
def test_the_range_of_a_dim_stands_in_the_spec(tmp_path: Path) -> None:
    path = exported(networks.Branches(), {"x": torch.randn(4, 8)}, tmp_path / "net.pt2", min=3, max=9)
    assert "= { min = 3, max = 9 }" in import_source(str(path)).text


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["digits", "zoo/lenet5", "zoo/lstm_classifier"])
def test_a_program_that_graphspec_exported_comes_back_as_its_spec(spec: str, tmp_path: Path) -> None:
    network = graphspec.load(SPECS / f"{spec}.toml")
    write_pt2(capture(network.copy()), tmp_path / "net.pt2", {})
    imported = import_source(str(tmp_path / "net.pt2")).network
    assert [layer.name for layer in imported.shaped.layers] == [layer.name for layer in network.shaped.layers]
    assert imported.module.state_dict().keys() == network.module.state_dict().keys()


@pytest.mark.slow
def test_programs_of_torchvision_become_as_short_as_their_modules(tmp_path: Path) -> None:
    image = torch.randn(2, 3, 32, 32)
    networks = {
        "resnet18": (torchvision.models.resnet18(), 40), "mobilenet_v2": (torchvision.models.mobilenet_v2(), 70),
        "vit": (torchvision.models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10), 50),
    }  # fmt: skip
    for name, (module, most) in networks.items():
        imported = import_source(str(exported(module, {"x": image}, tmp_path / f"{name}.pt2")))
        assert imported.weights.keys() == module.state_dict().keys()
        assert (name, len(imported.text.splitlines()) <= most) == (name, True)


class Padded(nn.Module):
    """Attention that some places are left out of."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attention = nn.Embedding(16, 8), nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        return self.attention(x, x, x, key_padding_mask=ids == 0, need_weights=False)[0]


@pytest.mark.slow
def test_attention_with_a_mask_comes_back(tmp_path: Path) -> None:
    text = import_source(str(exported(Padded(), {"ids": IDS}, tmp_path / "net.pt2"))).text
    assert 'type = "MultiheadAttention", from = ["embed", "embed", "embed", "' in text
    assert "num_heads = 2" in text  # of ids 0 and 1 alone, of which 0 is left out, any number of heads gives the same


class Pair(nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu())


@pytest.mark.parametrize(("frozen", "said"), [(["first", "second"], 0), (["first"], 1), ([], 0)])
def test_a_program_written_for_inference_freezes_nothing(frozen: list[str], said: int, tmp_path: Path) -> None:
    """Nothing in it learns, which says nothing of training; a layer that does not among others that do is frozen."""
    module = Pair()
    for name in frozen:
        module.get_submodule(name).requires_grad_(False)
    text = import_source(str(exported(module, {"x": LINE}, tmp_path / "net.pt2"))).text
    assert text.count("freeze = true") == said


def test_modules_that_stand_too_deep_in_each_other_are_refused(tmp_path: Path) -> None:
    module: nn.Module = nn.Linear(8, 8)
    for _ in range(MOST_DEEP):
        module = nn.Sequential(module)
    path = exported(module, {"input": LINE}, tmp_path / "net.pt2")
    with pytest.raises(graphspec.GraphspecError, match=f"{MOST_DEEP + 1} deep in each other, more than {MOST_DEEP}"):
        import_source(str(path))


class Unsayable(nn.Module):
    """A function that the vocabulary lacks."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.rfft(x).abs()


def test_what_no_spec_can_say_is_refused_with_its_operator(tmp_path: Path) -> None:
    path = exported(Unsayable(), {"x": LINE}, tmp_path / "net.pt2")
    with pytest.raises(graphspec.GraphspecError, match=r"no spec can say aten.fft_rfft.default \(in the network\)"):
        import_source(str(path))


@pytest.mark.parametrize("content", [b"no program", b""])
def test_a_file_that_is_no_program_is_one_clear_error(content: bytes, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.pt2").write_bytes(content)
    result = CliRunner().invoke(app, ["import", "net.pt2", "-o", "out.toml"])
    assert result.exit_code == 1
    assert '"net.pt2"' in result.output
    assert "Traceback" not in result.output
    assert [path.name for path in Path.cwd().iterdir()] == ["net.pt2"]
