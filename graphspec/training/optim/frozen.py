"""Frozen layers while others learn, for good or up to an epoch: their running statistics stay, as parameters do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from torch import nn

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.module.names import within
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.train import TrainSpec

AT: Path = ("train", "unfreeze")


@dataclasses.dataclass(frozen=True)
class Frozen:
    """The ``layers`` of ``freeze = true``, by their modules; ``until`` says how many epochs one is frozen, or a part
    of it: of several names the longest counts, and what none names is frozen for good.
    """

    layers: tuple[str, ...] = ()
    until: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, shaped: ShapedGraph, settings: TrainSpec) -> Frozen:
        """Those of a network: what ``freeze = true`` names, or what stands in a block that it names.

        Raises ``GraphspecError`` where ``[train] unfreeze`` names something else.
        """
        check_unfreeze(settings, shaped)
        return cls(frozen_layers(shaped), settings.unfreeze or {})

    def epochs_of(self, name: str) -> int | None:
        """How many epochs the module or parameter `name` of a frozen layer is frozen; None for good."""
        found = [layer for layer in self.until if within(name, layer)]
        return self.until[max(found, key=len)] if found else None

    def learns(self, name: str, epoch: int) -> bool:
        """Whether `name` of a frozen layer learns in `epoch` (from 0)."""
        epochs = self.epochs_of(name)
        return epochs is not None and epoch >= epochs

    def begins(self, epoch: int) -> list[str]:
        """What learns from `epoch` on, and did not before."""
        return [name for name, epochs in self.until.items() if epochs == epoch]

    def apply(self, module: nn.Module, epoch: int | None) -> None:
        """Let the parameters of `module` learn that do so in `epoch`; None: in any."""
        for parameter, epochs in self._later(module):
            parameter.requires_grad_(epoch is None or epoch >= epochs)

    def train_mode(self, module: nn.Module, epoch: int = 0) -> nn.Module:
        """Put `module` in training mode, but BatchNorm and the like that are frozen in eval mode. Dropout stays."""
        module.train()
        for name, layer in module.named_modules():
            if getattr(layer, "track_running_stats", False) and self._holds(name) and not self.learns(name, epoch):
                layer.eval()
        return module

    def _later(self, module: nn.Module) -> Iterator[tuple[nn.Parameter, int]]:
        """The frozen parameters of `module` that will learn, and after how many epochs: of one with several names, the
        first."""
        found: dict[nn.Parameter, int] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            epochs = self.epochs_of(name) if self._holds(name) else None
            if epochs is not None:
                found[parameter] = min(epochs, found.get(parameter, epochs))
        yield from found.items()

    def _holds(self, name: str) -> bool:
        return any(within(name, layer) for layer in self.layers)


def frozen_layers(shaped: ShapedGraph) -> tuple[str, ...]:
    """The modules of the layers that ``freeze = true`` names, or that stand in a block that it names."""
    return tuple(dict.fromkeys(layer.module for layer in shaped.layers if layer.freeze))


def check_unfreeze(settings: TrainSpec, shaped: ShapedGraph) -> None:
    """Refuse what ``[train] unfreeze`` names where there is no such layer, or no frozen one, or where it never learns,
    and a network of which nothing learns before.
    """
    until, frozen = settings.unfreeze or {}, frozen_layers(shaped)
    known = _known(shaped)
    for name, epochs in until.items():
        at = (*AT, name)
        if name not in known:
            hint = suggest(name, known) or (f"frozen are {', '.join(frozen[:20])}" if frozen else "")
            raise fail("unknown-reference", f"no layer {quoted(name)} has parameters", at, hint)
        if not any(within(name, layer) or within(layer, name) for layer in frozen):
            raise fail("bad-value", f"the layer {quoted(name)} is not frozen", at, "give it freeze = true")
        if epochs >= settings.epochs:
            message = f"{quoted(name)} learns after epoch {epochs}, and the run ends after epoch {settings.epochs}"
            raise fail("bad-value", message, at, "a smaller number, or remove it")
    own = [layer for layer in shaped.layers if layer.parameters]
    if until and all(layer.freeze for layer in own):
        message = f"every layer is frozen: nothing learns before epoch {min(until.values()) + 1}"
        raise fail("no-training", message, AT, "a layer without freeze = true learns from the first epoch on")


def _known(shaped: ShapedGraph) -> list[str]:
    """The modules with parameters, and the parameters that are layers."""
    found: dict[str, None] = {}
    for layer in shaped.layers:
        for name in layer.parameters:
            parts = (layer.module if layer.op.is_leaf else f"{layer.module}.{name}").split(".")
            last = len(parts) if layer.op.is_leaf else len(parts) - 1
            found.update(dict.fromkeys(".".join(parts[:count]) for count in range(1, last + 1)))
    return list(found)
