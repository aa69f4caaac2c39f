"""Layers side by side: added, removed, changed, renamed, or other only because one before them is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.comparing.pairing import Pairing
from graphspec.compiler import Network
from graphspec.graph.layers import Ref
from graphspec.ops.inferred import INFERRED
from graphspec.shapes.dims import SizeExpr, dim_text
from graphspec.shapes.parameters import FROM_FILE
from graphspec.shapes.shaped import ShapedLayer, ValueRef

#: Arguments of which one number stands for every dim.
_ONE_FOR_ALL = frozenset("kernel_size stride padding dilation output_padding".split())
Row = dict[str, Any]
Layers = Mapping[str, ShapedLayer]


def layer_rows(before: Network, after: Network, pairing: Pairing) -> list[Row]:
    """A row for each layer that is not the same, where it stands in `after`, a removed one where it stood."""
    old, new = ({layer.name: layer for layer in each.shaped.layers} for each in (before, after))
    rows = []
    for a, b in _in_order(old, new, pairing):
        if a is None or b is None:
            one, other = (layer and _described(layer, {**layer.arguments}) for layer in (a, b))
            name, change = (b.name, "added") if b else (a.name if a else "", "removed")
            rows.append({"layer": name, "renamed_to": None, "change": change, "before": one, "after": other})
        elif row := _changed(a, b, old, new, pairing):
            rows.append(row)
    return rows


def _in_order(old: Layers, new: Layers, pairing: Pairing) -> Iterator[tuple[ShapedLayer | None, ShapedLayer | None]]:
    """All layers, those that are one together: in the later order, a removed one behind what stood before it."""
    behind: dict[str | None, list[ShapedLayer]] = {}
    last = None
    for name, layer in old.items():
        if name in pairing.new:
            last = pairing.new[name]
        else:
            behind.setdefault(last, []).append(layer)
    yield from ((gone, None) for gone in behind.get(None, ()))
    earlier = pairing.old
    for name, layer in new.items():
        yield old.get(earlier.get(name, "")), layer
        yield from ((gone, None) for gone in behind.get(name, ()))


def _changed(a: ShapedLayer, b: ShapedLayer, old: Layers, new: Layers, pairing: Pairing) -> Row | None:
    """The row of a layer of both networks; None where it is the same."""
    one, other = _described(a, _filled(a)), _described(b, _filled(b))
    as_later = _described(a, _filled(a), pairing)
    renamed = b.name if a.name != b.name else None
    if as_later == other and renamed is None:
        return None
    change = "changed"
    if as_later == other:
        change = "renamed"
    elif _by_itself(a, old, pairing.new, pairing) == _by_itself(b, new, pairing.old, None):
        change = "downstream"
    found = {"before": _different(as_later, other, one), "after": _different(other, as_later, other)}
    return {"layer": a.name, "renamed_to": renamed, "change": change} | found


def _different(row: Row, other: Row, shown: Row) -> Row:
    """What of `row` is not the same in `other`, inside arguments and sources too, as `shown` has it."""
    return {
        key: _different(value, other[key], shown[key])
        if isinstance(value, dict) and isinstance(other.get(key), dict)
        else shown[key]
        for key, value in row.items()
        if key not in other or value != other[key]
    }


def _described(layer: ShapedLayer, arguments: Mapping[str, Any], pairing: Pairing | None = None) -> Row:
    """A layer as data; with a `pairing` what it names is called as in the later network."""
    tied = {name: _called(owner, pairing) for name, owner in layer.tie.items()}
    shared = None if layer.module == layer.name else _called(layer.module, pairing)
    rest = {
        "reuse": shared, "tie": tied, "freeze": layer.freeze, "keep": layer.keep,
        "init": {name: _text(how) for name, how in layer.init.items() if FROM_FILE not in layer.init},
        "parametrize": _text(layer.parametrize) if layer.parametrize else None,
    }  # fmt: skip
    return {
        "type": layer.type,
        "arguments": {name: _argument(value, pairing) for name, value in arguments.items()},
        "from": {key: _source(value, pairing) for key, value in layer.operands.items()},
        **{key: value for key, value in rest.items() if value},
        "shape": [str(pairing.kind(kind) if pairing else kind) for kind in layer.outputs.values()],
        "parameters": layer.parameter_count,
        "flops": dim_text(pairing.size(layer.flops) if pairing else layer.flops),
    }


def _by_itself(layer: ShapedLayer, own: Layers, paired: Mapping[str, str], pairing: Pairing | None) -> Row:
    """What of a layer does not follow from those before it; it takes what comes through layers of one network alone."""

    def through(value: Any) -> Any:
        while isinstance(value, ValueRef) and value.layer not in paired and value.layer in own:
            first = own[value.layer].first
            if first is None:
                break
            value = first
        return tuple(map(through, value)) if isinstance(value, list | tuple) else value

    row = _described(layer, {k: v for k, v in _filled(layer).items() if k not in INFERRED}, pairing)
    row["from"] = {key: _source(through(value), pairing) for key, value in layer.operands.items()}
    return {key: value for key, value in row.items() if key not in ("shape", "parameters", "flops")}


def _filled(layer: ShapedLayer) -> dict[str, Any]:
    """All arguments: one that is left out has its default, equal sizes of several dims are one."""
    found: dict[str, Any] = {
        name: parameter.default
        for name, parameter in layer.op.written.items()
        if isinstance(parameter.default, bool | int | float | str)
    }
    for name, value in layer.arguments.items():
        equal = isinstance(value, list | tuple) and len(value) > 1 and all(item == value[0] for item in value)
        found[name] = value[0] if equal and name in _ONE_FOR_ALL else value
    return found


def _called(path: str, pairing: Pairing | None) -> str:
    """A layer, or a weight of one, by the name that it has in the later network."""
    if pairing is None:
        return path
    owner = next((owner for owner in (path, path.rpartition(".")[0]) if owner in pairing.new), None)
    return path if owner is None else pairing.new[owner] + path[len(owner) :]


def _argument(value: Any, pairing: Pairing | None) -> str:
    return dim_text(pairing.size(value.dim)) if pairing and isinstance(value, SizeExpr) else str(value)


def _source(value: Any, pairing: Pairing | None) -> Any:
    if isinstance(value, ValueRef):
        name = pairing.name(value.layer) if pairing else value.layer
        return str(Ref(name, ".".join(map(str, value.index))))
    if isinstance(value, list | tuple):
        return [_source(item, pairing) for item in value]
    return _argument(value, pairing)


def _text(how: Any) -> str:
    """A function with its arguments, as ``init`` and ``parametrize`` hold it."""
    function, arguments = how
    name = getattr(function, "__name__", function)
    return f"{name}({', '.join(f'{key} = {value}' for key, value in arguments.items())})"
