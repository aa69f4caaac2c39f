"""``optimizer = { …, groups = […] }``: options of their own for some parameters, by layer, by kind, by depth, and with
``type`` an optimiser of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.ops.components import check_arguments
from graphspec.spec.base import Component
from graphspec.system.torch_private import AnyBatchNorm, AnyInstanceNorm

AT: Path = ("train", "optimizer")
#: What a group may name parameters by; everything else in it is an option of the optimiser.
_CHOOSING = ("layers", "kinds")
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_NORMS = (AnyBatchNorm, AnyInstanceNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
#: The kinds of parameters: of which module, under which name there.
KINDS: Mapping[str, Callable[[nn.Module, str], bool]] = {
    "norm": lambda owner, name: isinstance(owner, _NORMS) or type(owner).__name__.startswith("LayerNorm"),
    "bias": lambda owner, name: "bias" in name,
    "embedding": lambda owner, name: isinstance(owner, _EMBEDDINGS),
    "matrix": lambda owner, name: owner.get_parameter(name).ndim == 2 and not isinstance(owner, _EMBEDDINGS),
}
#: A row of torch's groups.
Row = dict[str, Any]


def parted(component: Component) -> tuple[Component, list[Mapping[str, Any]], float | None]:
    """The optimiser as torch has it, its ``groups`` and its ``layer_decay``, of a right form each."""
    own = ("groups", "layer_decay")
    rest = {key: value for key, value in component.args.items() if key not in own}
    groups, decay = component.args.get("groups", []), component.args.get("layer_decay")
    if not isinstance(groups, list | tuple) or not all(isinstance(group, dict) for group in groups):
        raise fail("bad-value", "groups is a list of tables", at=(*AT, "groups"))
    number = isinstance(decay, int | float) and not isinstance(decay, bool)
    if decay is not None and not (number and 0 < decay <= 1):
        raise fail("bad-value", f"layer_decay must be above 0 and at most 1, not {decay!r}", at=(*AT, "layer_decay"))
    return Component.model_construct(type=component.type, args=rest), list(groups), decay


def check_groups(
    component: Component, groups: Sequence[Mapping[str, Any]], kind_of: Callable[[Component, Path], Callable[..., Any]]
) -> None:
    """Refuse groups that name nothing, and options that the optimiser has not, which `kind_of` gives."""
    for i, group in enumerate(groups):
        at = (*AT, "groups", i)
        if not any(key in group for key in _CHOOSING):
            raise fail("missing-argument", 'a group says of which parameters it is: "layers" or "kinds"', at=at)
        for key in _CHOOSING:
            for name in _names(group, key, at):
                if key == "kinds" and name not in KINDS:
                    hint = suggest(name, KINDS) or f"known: {', '.join(KINDS)}"
                    raise fail("bad-value", f"unknown kind of parameters {quoted(name)}", at=(*at, key), hint=hint)
        if not group.keys() - set(_CHOOSING):
            raise fail("missing-argument", "a group has an option of its own, as lr or weight_decay", at=at)
        own = optimizer_of(component, group)
        check_arguments(own, kind_of(own, at), at, ("params",))


def optimizer_of(component: Component, group: Mapping[str, Any]) -> Component:
    """The optimiser of a group, its own or that of the others, with the group's options."""
    options = {key: value for key, value in group.items() if key not in (*_CHOOSING, "type")}
    return Component.model_construct(type=group.get("type", component.type), args=options)


def grouped(
    module: nn.Module,
    rate: Callable[[int | None], float],
    groups: Sequence[Mapping[str, Any]],
    decay: float | None,
) -> list[tuple[int | None, Row]]:
    """The parameters of `module` that learn, as torch.optim takes groups: those of none first, then each group's. With
    each row stands the number of its group where that has a ``type`` of its own, else None.

    A parameter belongs to the first of `groups` that names it, by ``layers`` and ``kinds`` where both stand there. With
    `decay` the rate of a layer, by default what `rate` gives for that number, is multiplied by it once for each layer
    behind. Raises ``GraphspecError`` where a group is of no parameter.
    """
    depths = _depths(module)
    found: dict[tuple[int, int], list[nn.Parameter]] = {}
    met = [False] * len(groups)
    for name, parameter in module.named_parameters():
        matching = [i for i, group in enumerate(groups) if _is_of(module, name, group, i)]
        for i in matching:
            met[i] = True
        if parameter.requires_grad:
            depth = depths[_layer(name)] if decay is not None else 0
            found.setdefault((matching[0] if matching else -1, depth), []).append(parameter)
    for i, (group, used) in enumerate(zip(groups, met, strict=True)):
        if not used:
            raise _of_nothing(module, group, (*AT, "groups", i))
    rows: list[tuple[int | None, Row]] = []
    for (index, depth), parameters in sorted(found.items(), key=lambda each: each[0]):
        group = {} if index < 0 else groups[index]
        own = {key: value for key, value in group.items() if key not in (*_CHOOSING, "type")}
        own = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items()}
        of = index if "type" in group else None
        if decay is not None:
            own["lr"] = own.get("lr", rate(of)) * decay**depth
        rows.append((of, {"params": parameters, **own}))
    return rows


def _is_of(module: nn.Module, name: str, group: Mapping[str, Any], index: int) -> bool:
    at = (*AT, "groups", index)
    layers, kinds = _names(group, "layers", at), _names(group, "kinds", at)
    owner, _, leaf = name.rpartition(".")
    by_layer = any(name == layer or name.startswith(f"{layer}.") for layer in layers)
    by_kind = any(KINDS[kind](module.get_submodule(owner), leaf) for kind in kinds)
    return (by_layer or not layers) and (by_kind or not kinds)


def _names(group: Mapping[str, Any], key: str, at: Path) -> list[str]:
    value = group.get(key, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise fail("bad-value", f"{key} is a name, or a list of names", at=(*at, key))
    return list(names)


def _of_nothing(module: nn.Module, group: Mapping[str, Any], at: Path) -> Exception:
    """Which name is no layer's, or that no parameter is all that the group says."""
    known = [name for name, layer in module.named_modules() if name and any(True for _ in layer.parameters())]
    for layer in _names(group, "layers", at):
        if layer not in known:
            hint = suggest(layer, known) or f"with parameters are {', '.join(known[:20])}"
            return fail("unknown-reference", f"no layer {quoted(layer)} has parameters", at=(*at, "layers"), hint=hint)
    return fail("bad-value", "the group is of no parameter", at=at)


def _layer(name: str) -> str:
    """The layer of a parameter: ``fc`` of ``fc.bias``, one copy of a repeat (``stage.0`` of ``stage.0.conv.bias``)."""
    parts = name.split(".")[:-1] or [name]
    number = next((i for i, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[: number + 1])


def _depths(module: nn.Module) -> dict[str, int]:
    """How many layers with parameters stand behind each."""
    layers = list(dict.fromkeys(_layer(name) for name, _ in module.named_parameters()))
    return {layer: len(layers) - 1 - i for i, layer in enumerate(layers)}
