"""Specs of models that torchvision does not have, against the same models written by hand as nn.Modules.

A hand-written module's forward says what the spec means; its attributes have the spec's names, so that the state_dict
loads strictly both ways.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import graphspec

ZOO = Path(__file__).parents[2] / "specs" / "zoo"


class LeNet5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c3, self.c5 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), nn.Conv2d(16, 120, 5)
        self.f6, self.logits = nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = F.avg_pool2d(self.c1(image).tanh(), 2)
        x = F.avg_pool2d(self.c3(x).tanh(), 2)
        x = self.c5(x).tanh().flatten(1)
        return self.logits(self.f6(x).tanh())


class DoubleConv(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()


class Down(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv = DoubleConv(before, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.max_pool2d(x, 2))


class Up(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(before, channels, 2, stride=2)
        self.conv = DoubleConv(2 * channels, channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class UNet(nn.Module):
    def __init__(self, width: int = 8, classes: int = 2) -> None:
        super().__init__()
        self.down1 = DoubleConv(1, width)
        self.down2, self.down3 = Down(width, 2 * width), Down(2 * width, 4 * width)
        self.down4, self.bottleneck = Down(4 * width, 8 * width), Down(8 * width, 16 * width)
        self.up4, self.up3 = Up(16 * width, 8 * width), Up(8 * width, 4 * width)
        self.up2, self.up1 = Up(4 * width, 2 * width), Up(2 * width, width)
        self.mask = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        one = self.down1(image)
        two = self.down2(one)
        three = self.down3(two)
        four = self.down4(three)
        x = self.up4(self.bottleneck(four), four)
        x = self.up3(x, three)
        x = self.up2(x, two)
        return self.mask(self.up1(x, one))


class Stack(nn.Module):
    """Linear layers fc1, fc2, … with ReLU between them."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(sizes[0], sizes[1]), nn.Linear(sizes[1], sizes[2])
        self.fc3, self.fc4 = nn.Linear(sizes[2], sizes[3]), nn.Linear(sizes[3], sizes[4])

    def forward(self, x: Tensor) -> Tensor:
        return self.fc4(self.fc3(self.fc2(self.fc1(x).relu()).relu()).relu())


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Stack(784, 1000, 500, 250, 30), Stack(30, 250, 500, 1000, 784)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        code = self.encoder(image.flatten(1))
        return {"reconstruction": self.decoder(code).sigmoid().view(-1, 1, 28, 28), "code": code}


class LSTMClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, num_layers=2, dropout=0.3, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout()
        self.logits = nn.Linear(64, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(self.embed(tokens))
        return self.logits(self.dropout(torch.cat([hidden[-2], hidden[-1]], dim=1)))


class TransformerClassifier(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(100, width, padding_idx=0), nn.Embedding(64, width)
        self.dropout = nn.Dropout(0.1)
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 4 * width, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.norm, self.logits = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        padding = tokens == 0
        x = self.dropout(self.embed(tokens) + self.position.weight[: tokens.shape[1]])
        for layer in self.encoder:
            x = layer(x, src_key_padding_mask=padding)
        weight = (~padding).float().unsqueeze(2)
        return self.logits((self.norm(x) * weight).sum(1) / weight.sum(1).clamp(min=1))


class SiameseEncoder(nn.Module):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 64, 10), nn.Conv2d(64, 128, 7)
        self.conv3, self.conv4 = nn.Conv2d(128, 128, 4), nn.Conv2d(128, 256, 4)
        self.fc = nn.Linear(256 * 2 * 2, units)

    def forward(self, x: Tensor) -> Tensor:
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(conv(x).relu(), 2)
        return self.fc(self.conv4(x).relu().flatten(1)).sigmoid()


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.same = SiameseEncoder(64), nn.Linear(64, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.same((self.encoder(left) - self.encoder(right)).abs())


class Stage(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.conv(x)))


class ImageTower(nn.Module):
    def __init__(self, width: int, space: int) -> None:
        super().__init__()
        self.stage = nn.Sequential(Stage(3, width), Stage(width, 2 * width), Stage(2 * width, 4 * width))
        self.project = nn.Linear(4 * width, space, bias=False)

    def forward(self, image: Tensor) -> Tensor:
        return F.normalize(self.project(F.adaptive_avg_pool2d(self.stage(image), 1).flatten(1)))


class TextTower(nn.Module):
    def __init__(self, vocabulary: int, width: int, space: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, 2 * width, batch_first=True)
        self.project = nn.Linear(2 * width, space, bias=False)

    def forward(self, caption: Tensor) -> Tensor:
        return F.normalize(self.project(self.gru(self.embed(caption))[1][-1]))


class TwoTowers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.images, self.captions = ImageTower(8, 16), TextTower(100, 8, 16)

    def forward(self, image: Tensor, caption: Tensor) -> dict[str, Tensor]:
        return {"image_embedding": self.images(image), "caption_embedding": self.captions(caption)}


class Cluster(nn.Module):
    def __init__(self, down: nn.Linear, up: nn.Linear) -> None:
        super().__init__()
        self.down, self.up = down, up


class AdaptiveSoftmax(nn.Module):
    """torch's own, its weights under the spec's names."""

    def __init__(self) -> None:
        super().__init__()
        own = nn.AdaptiveLogSoftmaxWithLoss(64, 1000, [20, 200])
        self.__dict__["own"] = own  # not among the submodules
        self.head, self.tail = own.head, nn.ModuleList(Cluster(*each) for each in own.tail)

    def forward(self, x: Tensor) -> Tensor:
        return self.own.log_prob(x)


def _tokens() -> Tensor:
    """Two sentences of 20 tokens, the second padded to half."""
    tokens = torch.randint(1, 100, (2, 20))
    tokens[1, 10:] = 0
    return tokens


CASES = [
    ("lenet5", None, LeNet5, lambda: [torch.randn(2, 1, 32, 32)]),
    ("unet", "small", UNet, lambda: [torch.randn(2, 1, 64, 64)]),
    ("autoencoder", None, Autoencoder, lambda: [torch.randn(2, 1, 28, 28)]),
    ("lstm_classifier", "small", LSTMClassifier, lambda: [_tokens()]),
    ("transformer_classifier", "small", TransformerClassifier, lambda: [_tokens()]),
    ("siamese", "small", Siamese, lambda: [torch.randn(2, 1, 80, 80), torch.randn(2, 1, 80, 80)]),
    ("two_towers", "small", TwoTowers, lambda: [torch.randn(2, 3, 64, 64), _tokens()]),
    ("adaptive_softmax", None, AdaptiveSoftmax, lambda: [torch.randn(8, 64)]),
]


@pytest.mark.parametrize(("spec", "variant", "hand_written", "draw"), CASES, ids=[case[0] for case in CASES])
def test_outputs_are_those_of_the_module_written_by_hand(spec, variant, hand_written, draw) -> None:
    ours, theirs, values = _pair(spec, variant, hand_written, draw)
    for training in (False, True):
        with torch.no_grad():
            # the seed makes dropout the same in both
            got, wanted = (_with_seed(model.train(training), values) for model in (ours, theirs))
        assert got.keys() == wanted.keys()
        for name, output in wanted.items():
            assert torch.equal(got[name], output), name
            assert output.std() > 0, name


def _pair(
    spec: str, variant: str | None, hand_written: Callable[[], nn.Module], draw: Callable[[], list[Tensor]]
) -> tuple[nn.Module, nn.Module, list[Tensor]]:
    """Both models with the same weights, loaded strictly both ways and random where they start constant; inputs."""
    torch.manual_seed(0)
    ours, theirs, values = graphspec.compile(ZOO / f"{spec}.toml", variant=variant), hand_written(), draw()
    for value in [*theirs.parameters(), *theirs.buffers()]:
        if value.is_floating_point() and (value == value.flatten()[0]).all():
            nn.init.uniform_(value, 0.5, 1.5)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs, values


def _with_seed(model: nn.Module, values: list[Tensor]) -> dict[str, Tensor]:
    torch.manual_seed(1)
    outputs = model(*values)
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def test_nll_of_an_adaptive_softmax_is_torchs_adaptive_loss() -> None:
    """torch's own loss looks into the clusters of the targets alone; loss and gradients are the same."""
    ours, theirs, (x,) = _pair(*CASES[-1])
    target = torch.tensor([0, 19, 20, 21, 199, 200, 201, 999])
    losses = F.nll_loss(ours(x), target), theirs.own(x, target).loss
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    for loss in losses:
        loss.backward()
    for name, parameter in theirs.named_parameters():
        assert torch.allclose(ours.get_parameter(name).grad, parameter.grad, atol=1e-6), name
