"""Networks of torchvision and timm as layers: ``{ type = "torchvision.resnet18", features = true, freeze = true }``.

Weights are never fetched: they start random, or come from a file that the spec names with ``init = { file = "…" }``.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx, nn

from graphspec.ops.op import Op

#: What a name begins with, and the package whose networks it names.
ORIGINS = {"torchvision.": "torchvision.models", "timm.": "timm"}
PREFIXES = tuple(ORIGINS)
#: Models that return a tuple while training unless they are told not to.
_WITH_AUXILIARIES = ("googlenet", "inception_v3")
#: What the network's own output is called beside its stages.
WHOLE = "output"


class UnknownStage(Exception):
    """The network has no module of that name; `known` are those that it has."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.known = name, known


class Backbone(nn.Module):
    """A torchvision image classifier; with features = true it gives what its last Linear takes."""

    model = ""
    #: The modules whose values it gives, by their paths, after its own output where that is among them.
    stages: tuple[str, ...] = ()

    def __new__(cls, features: bool = False, num_classes: int = 1000, in_channels: int = 3) -> Any:
        """The package's own module, so that state_dict keys are the package's."""
        network = cls.made(features, num_classes, in_channels)
        return _at_stages(network, cls.stages) if cls.stages else network

    def __init__(self, features: bool = False, num_classes: int = 1000, in_channels: int = 3) -> None:
        """Never runs: it is here for its signature."""

    def forward(self, x: Tensor) -> Tensor:
        """Never runs: the package's does."""
        raise NotImplementedError

    @classmethod
    def made(cls, features: bool, num_classes: int, in_channels: int) -> nn.Module:
        """The whole network."""
        import torchvision.models

        extra = {"aux_logits": False, "init_weights": True} if cls.model in _WITH_AUXILIARIES else {}
        network = torchvision.models.get_model(cls.model, weights=None, num_classes=num_classes, **extra)
        if in_channels != 3:
            _take_channels(network, in_channels)
        if features:
            last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
            _put(network, last, nn.Identity())
        return network


class TimmBackbone(Backbone):
    """One of timm's networks; with features = true it gives what its last Linear takes."""

    @classmethod
    def made(cls, features: bool, num_classes: int, in_channels: int) -> nn.Module:
        """The whole network."""
        import timm

        classes = 0 if features else num_classes
        return timm.create_model(cls.model, pretrained=False, num_classes=classes, in_chans=in_channels)


def is_backbone(op: Op) -> bool:
    """Whether the layer is a whole network of another package."""
    return op.origin in ORIGINS.values()


@functools.cache
def backbones(prefix: str = "torchvision.") -> Mapping[str, Op]:
    """``torchvision.NAME`` → its op, for every image classifier in torchvision that ends in a Linear; likewise timm's,
    none where it is not installed."""
    return MappingProxyType({prefix + name: _op(prefix, name) for name in _names(prefix)})


def _names(prefix: str) -> list[str]:
    if prefix == "timm.":
        if not importlib.util.find_spec("timm"):
            return []
        import timm

        return list(timm.list_models())
    import torchvision.models

    found = torchvision.models.list_models(torchvision.models)
    return [name for name in found if not name.startswith("squeezenet")]


def _op(prefix: str, name: str) -> Op:
    package, kind = prefix.removesuffix("."), TimmBackbone if prefix == "timm." else Backbone
    doc = f"{package}'s {name}. {kind.__doc__}"
    return Op(prefix + name, type(name, (kind,), {"model": name, "__doc__": doc}), origin=ORIGINS[prefix])


def with_stages(op: Op, stages: Sequence[str], whole: bool) -> Op:
    """The backbone with the values of its modules called `stages`; with its own output before them if `whole`.

    Raises:
        UnknownStage: it has no such module.
    """
    known = _modules(op.name)
    for name in stages:
        if name not in known:
            raise UnknownStage(name, known)
    names = [*([WHOLE] if whole else []), *stages]
    factory = type(op.factory.__name__, (op.factory,), {"stages": tuple(names), "__doc__": op.factory.__doc__})
    return dataclasses.replace(op, factory=factory, values={name: (number,) for number, name in enumerate(names)})


@functools.cache
def _modules(backbone: str) -> tuple[str, ...]:
    with torch.device("meta"):
        network = backbones(backbone[: backbone.index(".") + 1])[backbone].factory()
    return tuple(name for name, _ in network.named_modules() if name)


def _at_stages(network: nn.Module, stages: Sequence[str]) -> nn.Module:
    """`network` as a module that gives the values of `stages`; what comes after the last is left out."""
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    names = {stage: stage for stage in stages}
    if WHOLE in names:
        names[WHOLE] = get_graph_node_names(network)[1][-1]
    chosen = {node: stage for stage, node in names.items()}
    found = create_feature_extractor(network, chosen, suppress_diff_warning=True)
    graph = found.eval_graph
    if str(graph) != str(found.train_graph):
        raise ValueError("it takes another course in training, and its stages cannot be told")
    (output,) = (node for node in graph.nodes if node.op == "output")
    output.args = (tuple(output.args[0][stage] for stage in stages),)
    return fx.GraphModule(network, graph, type(network).__name__).train()


def _take_channels(network: nn.Module, channels: int) -> None:
    """Make the first convolution anew for images of so many channels."""
    name, old = next((name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d))
    kept = {key: vars(old)[key] for key in "kernel_size stride padding dilation groups padding_mode".split()}
    new = nn.Conv2d(channels, old.out_channels, bias=old.bias is not None, **kept)
    _put(network, name, new)


def _put(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, leaf = path.rpartition(".")
    network.get_submodule(parent).register_module(leaf, module)
