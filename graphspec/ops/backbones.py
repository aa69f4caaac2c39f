"""torchvision's models as layers: ``{ type = "torchvision.resnet18", features = true, freeze = true }``.

Weights are never fetched: they start random, or come from a file that the spec names with ``init = { file = "…" }``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from graphspec.ops.op import Op

PREFIX = "torchvision."
ORIGIN = "torchvision.models"
#: Models that return a tuple while training unless they are told not to.
_WITH_AUXILIARIES = ("googlenet", "inception_v3")


class Backbone(nn.Module):
    """A torchvision image classifier; with features = true it gives what its last Linear takes."""

    model = ""

    def __new__(cls, features: bool = False, num_classes: int = 1000) -> Any:
        """torchvision's own module, so that state_dict keys are torchvision's."""
        import torchvision.models

        extra = {"aux_logits": False, "init_weights": True} if cls.model in _WITH_AUXILIARIES else {}
        network = torchvision.models.get_model(cls.model, weights=None, num_classes=num_classes, **extra)
        if features:
            last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
            parent, _, leaf = last.rpartition(".")
            network.get_submodule(parent).register_module(leaf, nn.Identity())
        return network

    def __init__(self, features: bool = False, num_classes: int = 1000) -> None:
        """Never runs: it is here for its signature."""

    def forward(self, x: Tensor) -> Tensor:
        """Never runs: torchvision's does."""
        raise NotImplementedError


@functools.cache
def backbones() -> Mapping[str, Op]:
    """``torchvision.NAME`` → its op, for every image classifier in torchvision that ends in a Linear."""
    import torchvision.models

    names = [name for name in torchvision.models.list_models(torchvision.models) if not name.startswith("squeezenet")]
    return MappingProxyType({PREFIX + name: _op(name) for name in names})


def _op(name: str) -> Op:
    factory = type(name, (Backbone,), {"model": name, "__doc__": f"torchvision's {name}. {Backbone.__doc__}"})
    return Op(PREFIX + name, factory, origin=ORIGIN)
