"""Classes whose modules are put together in unusual ways."""

import itertools
from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm
from torch.utils.checkpoint import checkpoint


class NestedOutputs(nn.Module):
    """Lists and dicts inside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.head = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> dict[str, Any]:
        hidden = self.fc(x)
        return {"hidden": [hidden, {"of relu": hidden.relu()}], "logits": self.head(hidden)}


class StarArguments(nn.Module):
    """Any number of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, *values: Tensor) -> Tensor:
        return torch.cat([self.fc(value) for value in values], 1)


class KeywordOnly(nn.Module):
    """Inputs that are given by name alone, and some that are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor, *, other: Tensor, mask: Tensor | None = None, scale: float = 2.0) -> Tensor:
        y = self.fc(x) + other * scale
        return y if mask is None else y * mask


class SharedByAssignment(nn.Module):
    """One module under two names, and one parameter in two modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = self.first
        self.left, self.right = nn.Linear(8, 8), nn.Linear(8, 8)
        self.right.weight = self.left.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.right(self.left(self.second(self.first(x))))


class WeightNorm(nn.Module):
    """Weights in two parts, and one that is divided by its greatest singular value."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.up = weight_norm(nn.Linear(8, 6)), weight_norm(nn.ConvTranspose1d(6, 4, 1), dim=1)
        self.out = spectral_norm(nn.Linear(4, 4), n_power_iterations=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.up(self.fc(x)[..., None])[..., 0])


class Orthogonal(nn.Module):
    """A weight that is computed in a way that no spec has."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = orthogonal(nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class Shifted(nn.Module):
    """Every other block moves its input round, adds a mask, and moves it back; the masks are as long as the inputs."""

    class Block(nn.Module):
        def __init__(self, width: int, shift: int) -> None:
            super().__init__()
            self.fc, self.shift = nn.Linear(width, width), shift

        def forward(self, x: Tensor) -> Tensor:
            y = torch.roll(x, -self.shift, 1) if self.shift else x
            y = self.fc(y)
            if self.shift:
                y = y.masked_fill(torch.arange(x.shape[1]) % 3 == 0, -1.0)
            y = y.softmax(-1)
            return x + (torch.roll(y, self.shift, 1) if self.shift else y)

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.ModuleList(self.Block(8, n % 2) for n in range(4))
        self.down = nn.Linear(8, 6)
        self.narrow = nn.ModuleList(self.Block(6, 2 * (n % 2)) for n in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.wide:
            x = block(x)
        x = self.down(x)
        for block in self.narrow:
            x = block(x)
        return x


class ByParts(nn.Module):
    """The network runs its head part by part, with functions between, and so a list of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.ModuleDict({"norm": nn.LayerNorm(8), "fc": nn.Linear(8, 4)})
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head["fc"](torch.tanh(self.head["norm"](x) * 2))
        for layer in self.layers:
            x = layer(x).relu()
        return x


class OfStages(nn.Module):
    """Stages of so many blocks, of which the first has one."""

    def __init__(self) -> None:
        super().__init__()
        counts = [1, 2, 3]
        self.stages = nn.Sequential(*(nn.Sequential(*(SkipOrNot.Block(8, 8) for _ in range(n))) for n in counts))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class Routed(nn.Module):
    """Blocks in a row that take a mask beside, of which the first also is what all take after it; and layers."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

        def forward(self, x: Tensor, scale: Tensor) -> Tensor:
            return x + self.norm(scale * self.fc(x))

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Linear(8, 8)
        self.blocks = nn.ModuleList(self.Block() for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(8, 8).requires_grad_(False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.scale(x)
        for block in self.blocks:
            x = block(x, scale)
        for layer in self.layers:
            x = layer(x)
        return x


class Shared(nn.Module):
    """Blocks that were given a module of the network, and call it by another name."""

    class Block(nn.Module):
        def __init__(self, code: nn.Module) -> None:
            super().__init__()
            self.codebook, self.fc = code, nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.codebook(x))

    def __init__(self) -> None:
        super().__init__()
        self.codebook = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        self.blocks = nn.Sequential(self.Block(self.codebook), self.Block(self.codebook))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x) + self.codebook(x)


class Activated(nn.BatchNorm2d):
    """A norm that is a function of its own weights, with an activation inside that is no layer of torch's."""

    class Swish(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * x.sigmoid()

    def __init__(self) -> None:
        super().__init__(3)
        self.act = self.Swish()

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked.add_(1)
        y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum)
        return self.act(y)


class Stem(nn.Module):
    """It holds one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 3), Activated()

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class PartlyComputed(nn.Module):
    """A layer's weight with a bias that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.bias = nn.Linear(8, 16, bias=False), nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.qkv.weight, torch.cat([self.bias, torch.zeros_like(self.bias)]))


class Unused(nn.Module):
    """Modules that forward never calls, and some that do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.aside = nn.Linear(8, 8), nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        self.nothing, self.wrapped = nn.Identity(), nn.Sequential(nn.Identity(), nn.Dropout(0.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.wrapped(self.nothing(self.fc(x)))


class Stages(nn.Sequential):
    """A Sequential of its own kind, with names."""

    def __init__(self) -> None:
        super().__init__(OrderedDict(expand=nn.Linear(8, 16), act=nn.GELU(), project=nn.Linear(16, 8)))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


class Hooked(nn.Module):
    """A hook changes what a layer gives."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.fc.register_forward_hook(lambda module, args, output: output * 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) + 1


class Checkpointed(nn.Module):
    """Memory is saved in training."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.block, x, use_reentrant=False)


class Cached(nn.Module):
    """Positions that the first forward makes."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.positions: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.positions is None or self.positions.shape[0] != x.shape[1]:
            self.positions = torch.linspace(0, 1, x.shape[1])[:, None]
        return self.fc(x) + self.positions


class ParameterLists(nn.Module):
    """Parameters in a list and in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ParameterList([nn.Parameter(torch.randn(8)) for _ in range(3)])
        self.shifts = nn.ParameterDict({"low": nn.Parameter(torch.randn(8)), "high": nn.Parameter(torch.randn(8))})

    def forward(self, x: Tensor) -> Tensor:
        for scale in self.scales:
            x = x * scale
        return x + self.shifts["low"] - self.shifts["high"]


class Encoder(nn.Module):
    """torch's own stack of layers."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x).mean(1)


class SelfAttention(nn.Module):
    """torch's attention over one value, whose weights nobody wants."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.attention(x, x, x, need_weights=False)[0])


class Cells(nn.Module):
    """A cell called once a step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros(x.shape[0], 6)
        for n in range(3):
            h, c = self.cell(x[:, n], (h, c))
        return h


class Causal(nn.Module):
    """Attention by hand with a mask in a buffer, as many wrote it."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.register_buffer("mask", torch.tril(torch.ones(16, 16)).view(1, 1, 16, 16))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.size()
        q, k, v = (y.view(n, t, 2, c // 2).transpose(1, 2) for y in self.qkv(x).split(c, dim=2))
        weights = (q @ k.transpose(-2, -1)) * (1.0 / k.size(-1) ** 0.5)
        weights = weights.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
        weights = self.drop(F.softmax(weights, dim=-1))
        return self.out((weights @ v).transpose(1, 2).contiguous().view(n, t, c))


class SkipOrNot(nn.Module):
    """Blocks that are alike but for a layer that some lack, one of them a block itself."""

    class Block(nn.Module):
        def __init__(self, width: int, out: int) -> None:
            super().__init__()
            self.main = nn.Linear(width, out)
            self.skip: nn.Module = nn.Identity()
            if width != out:
                self.skip = nn.Sequential(nn.Linear(width, out), nn.LayerNorm(out))

        def forward(self, x: Tensor) -> Tensor:
            return self.skip(x) + self.main(x).relu()

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(self.Block(8, 8), self.Block(8, 4), self.Block(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class Experts(nn.Module):
    """A gate weighs several experts."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 3), nn.ModuleList(nn.Linear(8, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x).softmax(-1)
        return (torch.stack([expert(x) for expert in self.experts], 1) * weights.unsqueeze(-1)).sum(1)


class Fused(nn.Module):
    """Several kernels as one convolution: weights joined before use."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.wide.weight + F.pad(self.narrow.weight, (1, 1, 1, 1))
        return F.conv2d(x, weight, self.wide.bias + self.narrow.bias, padding=1)


class BothWays(nn.Module):
    """A recurrent layer in both directions, and its last states."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(8, 6, 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        output, hidden = self.rnn(x)
        return output[:, -1], torch.cat([hidden[-2], hidden[-1]], 1)


class PartOfTheChannels(nn.Module):
    """A size times a number with a fraction."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        half = int(0.5 * x.shape[1])
        return self.fc(x[:, : int(x.shape[1] * 0.5)] + x[:, half : 2 * half])


class ByLists(nn.Module):
    """One place of a dim that may be any, as nanoGPT takes its last token, and several of one that may not."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x[:, [-1], :][:, :, [0, 5, -1]] + x[:, [1]][..., [3, 2, 2]])


class AtMost(nn.Module):
    """Positions up to a greatest length, which the network asks for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(5, 8)

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] <= 5, "too long"
        return x + self.positions(torch.arange(x.shape[1], device=x.device))


class GivenASize(nn.Module):
    """A module that is given the size of the batch alone, and no value that has it."""

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.register_buffer("table", torch.randn(1, 5, 8))

        def forward(self, count: int) -> Tensor:
            return self.fc(self.table).repeat(count, 1, 1)

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.positions = nn.Linear(8, 8), self.Positions()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) + self.positions(x.shape[0])


class Sampled(nn.Module):
    """Noise that is drawn in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.logvar = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.mean(x), self.logvar(x)
        return mean + torch.randn_like(mean) * torch.exp(0.5 * logvar), mean


class ZeroStates(nn.Module):
    """First states of zeros, which a recurrent layer has by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(8, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.zeros(1, x.size(0), 4), torch.zeros(1, x.size(0), 4)
        return self.fc(self.lstm(x, first)[0][:, -1])


class Dropped(nn.Module):
    """A stage that drops more and more of its blocks, in a container in a container."""

    def __init__(self) -> None:
        super().__init__()
        rates = [0.2 * n / 11 for n in range(1, 6)]
        self.features = nn.Sequential(
            *(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU()) for _ in range(2)),
            nn.Sequential(*(self.Block(rate) for rate in rates)),
        )

    class Block(nn.Module):
        def __init__(self, rate: float) -> None:
            super().__init__()
            self.fc, self.drop = nn.Linear(8, 8), nn.Dropout(rate)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.drop(self.fc(x)) * 8**-0.5

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


class UpAndDown(nn.Module):
    """What is halved and doubled is padded to the size that it had, whatever that is."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(4, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(F.max_pool2d(self.down(x), 2))
        height, width = x.size(2) - y.size(2), x.size(3) - y.size(3)
        y = F.pad(y, [width // 2, width - width // 2, height // 2, height - height // 2])
        return torch.cat([x, y], 1)


class FewPlaces(nn.Module):
    """It has a place for each of 16 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(9, 4), nn.Embedding(16, 4)

    def forward(self, ids: Tensor) -> Tensor:
        return self.embed(ids) + self.place(torch.arange(ids.shape[1]))


class NamedAsItsInput(nn.Module):
    """Parts with the names of inputs, as networks with two towers have them."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.doc = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, query: Tensor, doc: Tensor) -> Tensor:
        return self.query(query) * self.doc(doc).tanh()


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.fc1(x)))


class _Widening(nn.Module):
    """Wider than its input where that has another width."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.widen = nn.Linear(before, width) if before != width else nn.Identity()
        self.norm, self.mlp = nn.LayerNorm(width), _Mlp(width, 3 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(x)
        return x + self.mlp(self.norm(x))


def _scaled(x: Tensor) -> Tensor:
    scale = x.abs().amax(1, keepdim=True)
    return x / scale


class Named(nn.Module):
    """Its author has names for what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.keys = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q = self.query(x).view(-1, 2, 4).transpose(0, 1)
        keys = self.keys(x).view(-1, 2, 4).transpose(0, 1)
        weights = q @ keys.mT
        weights = weights.softmax(-1)
        return weights @ _scaled(keys)


class OfAnyRank(nn.Module):
    """One block for inputs of two and of three dims."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = _Mlp(8, 24), _Mlp(8, 24), _Mlp(4, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)[:, 4:] * self.third(self.second(x[:, None]).mean(1)[:, :4])


class Widths(nn.Module):
    """Blocks whose inner width follows from one that only some of them name."""

    def __init__(self) -> None:
        super().__init__()
        widths = [8, 8, 12, 12, 16, 16, 24, 24]
        self.blocks = nn.Sequential(*(_Widening(a, b) for a, b in itertools.pairwise(widths)))
        self.mlp = _Mlp(24, 20)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(self.blocks(x))
