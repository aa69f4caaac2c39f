"""One row of ``further.py``: a network, its inputs at given sizes, and what it has to give."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Answer = Tensor | dict[str, Tensor]
Make = Callable[[tuple[int, ...]], Tensor]


@dataclasses.dataclass(frozen=True)
class Row:
    """``inputs`` is ``name = N 4 T:dtype``, one a line; ``draw`` makes an input that no normals fit."""

    inputs: str
    layers: str
    reference: Callable[..., Answer] | None = None
    refused: str = ""
    draw: dict[str, Make] = dataclasses.field(default_factory=dict)
    more: str = ""

    @property
    def declared(self) -> dict[str, tuple[list[str], str]]:
        lines = [line.split("=") for line in self.inputs.split(";")]
        return {
            name.strip(): (text.partition(":")[0].split(), text.partition(":")[2].strip() or "float32")
            for name, text in lines
        }

    @property
    def text(self) -> str:
        """The spec, as TOML."""
        shapes = [
            f"{name} = {{ shape = {[int(size) if size.isdigit() else size for size in sizes]}, dtype = '{dtype}' }}"
            for name, (sizes, dtype) in self.declared.items()
        ]
        layers = "\n".join(line.strip() for line in self.layers.strip().splitlines())
        formats = "" if "[export]" in self.more else "\n[export]\nformats = ['onnx', 'torchscript', 'pt2']\n"
        return "graphspec = 1\n[inputs]\n" + "\n".join(shapes) + f"\n[layers]\n{layers}\n{self.more}{formats}"

    @property
    def dims(self) -> list[str]:
        names = [size.rpartition("*")[2] for sizes, _ in self.declared.values() for size in sizes if not size.isdigit()]
        return list(dict.fromkeys(names))

    @property
    def bounds(self) -> dict[str, tuple[int, int | None]]:
        declared = tomllib.loads(self.more).get("dims", {})
        return {name: (given.get("min", 1), given.get("max")) for name, given in declared.items()}

    def values(self, sizes: dict[str, int]) -> dict[str, Tensor]:
        return {
            name: self._value(name, tuple(_size(size, sizes) for size in shape), dtype)
            for name, (shape, dtype) in self.declared.items()
        }

    def _value(self, name: str, shape: tuple[int, ...], dtype: str) -> Tensor:
        kind: Any = getattr(torch, dtype)
        if name in self.draw:
            return self.draw[name](shape).to(kind)
        if dtype == "bool":
            return torch.rand(shape) > 0.4
        if kind.is_floating_point:
            return torch.randn(shape).to(kind)
        return torch.randint(-9 if dtype != "uint8" else 0, 10, shape).to(kind)


def _size(size: str, sizes: dict[str, int]) -> int:
    if size.isdigit():
        return int(size)
    factor, _, name = size.rpartition("*")
    return int(factor or 1) * sizes[name]
