"""Frozen layers while others learn: their running statistics stay, as their parameters do."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from graphspec.shapes.shaped import ShapedGraph


def frozen_layers(shaped: ShapedGraph) -> tuple[str, ...]:
    """The modules of the layers that ``freeze = true`` names, or that stand in a block that it names."""
    return tuple(dict.fromkeys(layer.module for layer in shaped.layers if layer.freeze))


def train_mode(module: nn.Module, frozen: Collection[str]) -> nn.Module:
    """Put `module` in training mode, but BatchNorm and the like in `frozen` layers in eval mode. Dropout stays."""
    module.train()
    for name in frozen:
        for layer in module.get_submodule(name).modules():
            if getattr(layer, "track_running_stats", False):
                layer.eval()
    return module
