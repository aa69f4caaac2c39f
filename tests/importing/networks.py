"""Classes of users' own, each with something that a spec says in its own way."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Branches(nn.Module):
    """A course that depends on a shape, the same for every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x)
        return y + x if y.shape == x.shape else y


class Shared(nn.Module):
    """One layer and one block, each applied twice."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.block = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.fc(self.block(self.fc(x))))


class Tied(nn.Module):
    """An output layer with the weights of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(16, 8)
        self.out = nn.Linear(8, 16, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.embed(x))


class Lists(nn.Module):
    """Layers in a list and in a dict, called one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])
        self.heads = nn.ModuleDict({"a": nn.Linear(8, 2), "b": nn.Linear(8, 3)})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x)) + x
        return {name: head(x) for name, head in self.heads.items()}


class TwoInputs(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.left(x), self.right(other)
        return a * b, a - b


class Positions(nn.Module):
    """Parameters and buffers used by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 8))
        self.register_buffer("mean", torch.arange(8.0))
        self.register_buffer("scale", torch.full((8,), 0.5), persistent=False)
        self.weight = nn.Parameter(torch.randn(4, 8))
        self.unused = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) * self.scale + self.position) @ self.weight.t()


class Dropped(nn.Module):
    """Dropout as a function, which evaluation does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(F.relu(self.fc(x)), 0.4, self.training)


class InPlace(nn.Module):
    """Additions and activations in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn(self.conv(x))
        y += x
        return self.act(y).mul_(2.0)


class Frozen(nn.Module):
    """A layer that is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.out = nn.Linear(8, 8), nn.Linear(8, 2)
        self.fc.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.fc(x)))


class OwnWeights(nn.Module):
    """Layers by functions, with weights of their own; channels moved to and fro."""

    class Norm(nn.LayerNorm):
        def forward(self, x: Tensor) -> Tensor:
            x = x.permute(0, 2, 3, 1)
            return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3), self.Norm(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.conv2d(x, self.conv.weight, self.conv.bias, stride=2)).flatten(1).mean(1)


class Recurrent(nn.Module):
    """Several values of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.fc = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, _) = self.rnn(x)
        return self.fc(hidden[-1])


class Attention(nn.Module):
    """Heads by hand: sizes computed from the input's."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1) * (width // 2) ** -0.5).softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Width(nn.Module):
    """A class with an argument."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(8, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class ByValue(nn.Module):
    """A course that depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) if x.sum() > 0 else x


class ByBatch(nn.Module):
    """A course that depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.fc(row) for row in x])


class Fails(nn.Module):
    """A forward that raises."""

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("the input is out of order")


class Unknown(nn.Module):
    """A function that the vocabulary lacks."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.logcumsumexp(x, 1)
