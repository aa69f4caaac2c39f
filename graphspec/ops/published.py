"""Weights that torchvision publishes, by its own names: ``ResNet18_Weights.IMAGENET1K_V1``."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from graphspec.ops.backbones import backbones
from graphspec.ops.op import Op

_PREFIX = "torchvision."
#: torchvision's names that mean other weights in another version of it.
_CHANGING = "DEFAULT"


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """Weights under their `name`, of torchvision's network `model`; `url` ends in a file whose name has the first
    digits of its sha256, and ``megabytes`` is its size.
    """

    name: str
    model: str
    url: str
    megabytes: float

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.url.rpartition("/")[2]

    @property
    def digits(self) -> str:
        """The first digits of the file's sha256, in hexadecimal."""
        found = re.search(r"-([0-9a-f]{8,})\.", self.file)
        if found is None:
            raise ValueError(f"{self.file} does not say its hash")
        return found[1]

    @property
    def path(self) -> Path:
        """Where torch.hub keeps the file."""
        import torch.hub

        return Path(torch.hub.get_dir()) / "checkpoints" / self.file


def of_model(op: Op) -> Mapping[str, Published]:
    """The weights of a backbone by name, oldest first; none of what is not torchvision's."""
    return _of_model(op.name.removeprefix(_PREFIX)) if op.name.startswith(_PREFIX) else {}


def published(name: str) -> Published | None:
    """The weights called `name`, of whatever network."""
    return next((found[name] for each in backbones() if name in (found := _of_model(each.removeprefix(_PREFIX)))), None)


@functools.cache
def _of_model(model: str) -> Mapping[str, Published]:
    import torchvision.models

    try:
        kind = torchvision.models.get_model_weights(model)
    except ValueError:
        return {}
    rows = [Published(str(each), model, each.url, float(each.meta["_file_size"])) for each in kind]
    return MappingProxyType({row.name: row for row in rows})


def instead_of_changing(name: str, op: Op) -> str:
    """What ``DEFAULT`` stands for in the torchvision at hand, where `name` is that; else empty."""
    import torchvision.models

    if name.rpartition(".")[2] != _CHANGING or not of_model(op):
        return ""
    return str(torchvision.models.get_model_weights(op.name.removeprefix(_PREFIX)).DEFAULT)
