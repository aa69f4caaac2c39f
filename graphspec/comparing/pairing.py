"""Which layer of one network is which of another: by name, by weights, by what stands around it."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from graphspec.compiler import Network
from graphspec.module.weights import whole_state
from graphspec.ops.inferred import INFERRED
from graphspec.shapes.dims import Dim, symbol
from graphspec.shapes.shaped import ShapedLayer, TensorType

#: Longer rows than this are aligned by what is rare in them: exactly would take the square of it.
_LONG = 2000
Tree: TypeAlias = "dict[str, Tree | ShapedLayer]"


@dataclasses.dataclass(frozen=True, slots=True)
class Pairing:
    """Layers of both networks that are one: `new` is the later name by the earlier one, `old` the other way round.

    ``inputs`` are the later names of the inputs, by name or else by place, ``dims`` those of dims that stand there.
    """

    new: Mapping[str, str]
    inputs: Mapping[str, str]
    dims: Mapping[str, str]

    @property
    def old(self) -> dict[str, str]:
        """The earlier name by the later one."""
        return {new: old for old, new in self.new.items()}

    def name(self, earlier: str) -> str:
        """What a layer or an input of the earlier network is called in the later one; itself where it is gone."""
        return self.new.get(earlier, self.inputs.get(earlier, earlier))

    def size(self, dim: Dim) -> Dim:
        """A size of the earlier network, its dims called as in the later one."""
        names = {symbol(old): symbol(new) for old, new in self.dims.items() if old != new}
        return dim if isinstance(dim, int) or not names else dim.subs(names, simultaneous=True)

    def kind(self, earlier: TensorType) -> TensorType:
        """A type of the earlier network, its dims called as in the later one."""
        return dataclasses.replace(earlier, shape=tuple(map(self.size, earlier.shape)))


def pair(before: Network, after: Network) -> Pairing:
    """Pair the layers of two networks, each at most once."""
    old, new = before.shaped.layers, after.shaped.layers
    found = dict(_by_name(_tree(old), _tree(new)))
    _add(found, _by_weights(before, after))
    for token in (_token, lambda layer: layer.type):
        _add(found, _aligned(old, new, found, token))
    inputs = _inputs(before, after)
    return Pairing(found, inputs, _dims(before, after, inputs))


def _inputs(before: Network, after: Network) -> dict[str, str]:
    """Inputs of one name; the others by place, where dtype and number of dims are equal."""
    old, new = before.shaped.inputs, after.shaped.inputs
    found = {name: name for name in old if name in new}
    for (a, one), (b, other) in zip(old.items(), new.items(), strict=False):
        if a not in found and b not in old and (one.dtype, len(one.shape)) == (other.dtype, len(other.shape)):
            found[a] = b
    return found


def _dims(before: Network, after: Network, inputs: Mapping[str, str]) -> dict[str, str]:
    """Dims by the places where they stand; none where one of either network would be two of the other."""
    found: dict[str, str] = {}
    for a, b in inputs.items():
        for one, other in zip(before.shaped.inputs[a].shape, after.shaped.inputs[b].shape, strict=False):
            names = str(one), str(other)
            named = not isinstance(one, int) and not isinstance(other, int) and one.is_Symbol and other.is_Symbol
            if named and found.setdefault(*names) != names[1]:
                return {}
    return found if len({*found.values()}) == len(found) else {}


def _add(found: dict[str, str], more: Iterator[tuple[str, str]]) -> None:
    taken = set(found.values())
    for old, new in more:
        if old not in found and new not in taken:
            found[old] = new
            taken.add(new)


def _tree(layers: Sequence[ShapedLayer]) -> Tree:
    root: Tree = {}
    for layer in layers:
        *path, last = layer.name.split(".")
        node = root
        for part in path:
            node = node.setdefault(part, {})  # type: ignore[assignment]
        node[last] = layer
    return root


def _by_name(old: Tree, new: Tree) -> Iterator[tuple[str, str]]:
    """Layers of one name; where numbers are names and there are not as many, by what stands at each number."""
    names: Iterator[tuple[str, str]] = ((name, name) for name in old if name in new)
    if len(old) != len(new) and all(name.isdigit() for name in (*old, *new)):
        rows = [[_form(item) for item in each.values()] for each in (old, new)]
        keys = list(old), list(new)
        names = ((keys[0][a], keys[1][b]) for a, b in _alike(*rows))
    for a, b in names:
        one, other = old[a], new[b]
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _by_name(one, other)
        elif isinstance(one, ShapedLayer) and isinstance(other, ShapedLayer):
            yield one.name, other.name


def _form(node: Tree | ShapedLayer) -> Hashable:
    if isinstance(node, ShapedLayer):
        return node.type
    return tuple((name, _form(item)) for name, item in node.items())


def _by_weights(before: Network, after: Network) -> Iterator[tuple[str, str]]:
    """Layers whose weights are equal, and no other's of either network are."""
    sides = []
    for network in (before, after):
        held = owned(network)
        found = {name: key for name, tensors in held.items() if (key := _fingerprint(tensors))}
        counts = Counter(found.values())
        sides.append({key: (name, held[name]) for name, key in found.items() if counts[key] == 1})
    for key in sides[0].keys() & sides[1].keys():
        (old, ones), (new, others) = sides[0][key], sides[1][key]
        if all(torch.equal(tensor, others[name]) for name, tensor in ones.items()):
            yield old, new


def owned(network: Network) -> dict[str, dict[str, Tensor]]:
    """The tensors of the state_dict by the layer that owns them, and there by the name inside it."""
    names = {layer.name for layer in network.shaped.layers}
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in whole_state(network.module).items():
        parts = key.split(".")
        ends = (n for n in range(len(parts), -1, -1) if ".".join(parts[:n]) in names)
        end = next(ends, len(parts) - 1)
        found.setdefault(".".join(parts[:end]), {})[".".join(parts[end:])] = tensor
    return found


def _fingerprint(tensors: Mapping[str, Tensor]) -> Hashable:
    """What layers of equal weights have in common; nothing for weights of one value, which say nothing."""
    telling = [tensor for tensor in tensors.values() if tensor.numel() > 1 and tensor.is_floating_point()]
    if not any((tensor != tensor.flatten()[0]).any() for tensor in telling):
        return None
    return tuple((name, tuple(t.shape), str(t.dtype), float(t.double().sum())) for name, t in tensors.items())


def _token(layer: ShapedLayer) -> Hashable:
    return layer.type, str(own_arguments(layer)), tuple(layer.parameters.items())


def own_arguments(layer: ShapedLayer) -> dict[str, Any]:
    """The arguments that do not follow from the input."""
    return {name: value for name, value in layer.arguments.items() if name not in INFERRED}


def _aligned(
    old: Sequence[ShapedLayer], new: Sequence[ShapedLayer], found: Mapping[str, str],
    token: Callable[[ShapedLayer], Hashable],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Layers that look alike and stand in the same place among those that are paired already."""
    back = {b: a for a, b in found.items()}
    rows: tuple[list[Hashable], list[Hashable]] = (
        [("paired", layer.name) if layer.name in found else token(layer) for layer in old],
        [("paired", back[layer.name]) if layer.name in back else token(layer) for layer in new],
    )
    return ((old[a].name, new[b].name) for a, b in _alike(*rows))


def _alike(one: Sequence[Hashable], other: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    """The places of two rows that go together, in order: their common beginning and end first."""
    shorter, start, end = min(len(one), len(other)), 0, 0
    while start < shorter and one[start] == other[start]:
        start += 1
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    yield from ((n, n) for n in range(start))
    a, b = one[start : len(one) - end], other[start : len(other) - end]
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=len(b) > _LONG)
    for i, j, size in matcher.get_matching_blocks():
        yield from ((start + i + n, start + j + n) for n in range(size))
    yield from ((len(one) - 1 - n, len(other) - 1 - n) for n in range(end))
