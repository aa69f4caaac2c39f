"""One class per kind of scope: scopes that differ only in numbers share a class, the numbers become its arguments."""

from __future__ import annotations

import builtins
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import sympy

from graphspec.diagnostics import fail
from graphspec.module.build import class_name
from graphspec.module.emit.calls import can_inline, constructor_arguments, function_call, literal, module_call
from graphspec.module.emit.tree import Scope, size_symbols
from graphspec.module.emit.variables import Variables
from graphspec.ops.backbones import is_backbone
from graphspec.shapes.dims import multiple_of
from graphspec.shapes.parameters import FROM_FILE
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, ValueRef

Item = ShapedLayer | Scope
#: A number of a constructor, with the name that it would have as an argument.
Constant = tuple[str, Any]


@dataclasses.dataclass(eq=False)
class Kind:
    """A class to be: ``arguments`` (column → name) are the constants that differ between its instances."""

    name: str
    instances: list[Scope] = dataclasses.field(default_factory=list)
    arguments: dict[int, str] = dataclasses.field(default_factory=dict)


def is_defined(layer: ShapedLayer) -> bool:
    """Whether the file has the layer's class: it is neither torch's nor written in line."""
    return layer.op.origin not in ("torch.nn", "torch", "leaf") or (
        layer.op.origin == "torch" and not can_inline(layer.op)
    )


class Classes:
    """Every class of the file, innermost first; the root's is the last."""

    def __init__(self, root: Scope, shaped: ShapedGraph) -> None:
        self.shaped = shaped
        self.kind_of: dict[int, Kind] = {}
        self.kinds: dict[Any, Kind] = {}
        self._names = {
            *dir(builtins),
            "Tensor",
            "nn",
            "torch",
            *(layer.op.factory.__name__ for layer in shaped.layers if is_defined(layer)),
        }
        self._root = self._free(class_name(shaped.spec.name))
        self._group(root)
        for kind in self.kinds.values():
            self._find_arguments(kind)

    def _group(self, scope: Scope) -> None:
        """Give each scope its kind, innermost first; equal structure is one kind."""
        for item in scope.items:
            if isinstance(item, Scope):
                self._group(item)
        if is_sequential(scope):
            return
        init = [line for item in scope.items for line in self.define(item, scope, iter(lambda: "?", None))]
        forward, _ = self.forward(scope)
        key = (tuple(init), tuple(forward), scope.prefix == "")
        if key not in self.kinds:
            self.kinds[key] = Kind(self._name(scope))
        self.kinds[key].instances.append(scope)
        self.kind_of[id(scope)] = self.kinds[key]

    def _name(self, scope: Scope) -> str:
        """The model's name, the block's where the spec has one, else the scope's."""
        if not scope.prefix:
            return self._root
        direct = next((item for item in scope.items if isinstance(item, ShapedLayer)), None)
        parts = [part for part in scope.prefix.split(".") if not part.isdigit()]
        base = str(direct.at[1]) if direct and direct.at[0] == "blocks" else class_name((parts or ["block"])[-1])
        return self._free(base)

    def _free(self, base: str) -> str:
        """`base`, or with a number where the file has a class of that name."""
        name, number = base, 2
        while name in self._names:
            name, number = f"{base}{number}", number + 1
        self._names.add(name)
        return name

    def _find_arguments(self, kind: Kind) -> None:
        """Columns of constants that differ; equal columns share an argument."""
        rows = [self._constants_inside(scope) for scope in kind.instances]
        columns: dict[tuple[str, ...], str] = {}
        for number, (name, _) in enumerate(rows[0]):
            column = tuple(literal(row[number][1]) for row in rows)
            if len(set(column)) > 1:
                if column not in columns:
                    same = sum(re.fullmatch(rf"{name}(_\d+)?", other) is not None for other in columns.values())
                    columns[column] = f"{name}_{same + 1}" if same else name
                kind.arguments[number] = columns[column]

    def _constants_inside(self, scope: Scope) -> list[Constant]:
        return [constant for item in scope.items for constant in self.constants(item)]

    def constants(self, item: Item) -> list[Constant]:
        """The numbers that the construction of `item` needs, in order."""
        if isinstance(item, ShapedLayer):
            if item.module != item.name or can_inline(item.op):
                return []
            return [(name, value) for name, _, value in constructor_arguments(item)]
        if is_sequential(item):
            return self._constants_inside(item)
        kind, inside = self.kind_of[id(item)], self._constants_inside(item)
        return list({name: inside[number][1] for number, name in kind.arguments.items()}.items())

    def define(self, item: Item, scope: Scope, texts: Iterator[str]) -> Iterator[str]:
        """Lines of ``__init__`` that make `item`; its constants are taken from `texts`."""
        if isinstance(item, Scope):
            yield from _assign(item.prefix, scope, self.construct(item, texts))
        elif item.module == item.name and not can_inline(item.op):
            yield from _assign(item.name, scope, self.construct(item, texts))
            path = reach(item.name, scope)
            for name, (function, arguments) in item.init.items():
                if name == FROM_FILE:
                    continue  # the file's weights are the state_dict's
                words = "".join(f", {key}={literal(value)}" for key, value in arguments.items())
                yield f"nn.init.{function}({path}{'' if item.op.is_leaf else '.' + name}{words})"
            if item.parametrize:
                function, arguments = item.parametrize
                words = "".join(f", {key}={literal(value)}" for key, value in arguments.items())
                yield f"nn.utils.parametrizations.{function}({path}{words})"
            if item.freeze:
                yield f"{path}.requires_grad_(False)"

    def construct(self, item: Item, texts: Iterator[str]) -> str:
        """The constructor call of a layer or an inner scope."""
        if isinstance(item, Scope):
            if is_sequential(item):
                return f"nn.Sequential({', '.join(self.construct(part, texts) for part in item.items)})"
            kind = self.kind_of[id(item)]
            words = [f"{name}={next(texts)}" for name, _ in self.constants(item)]
            return f"{kind.name}({', '.join(words)})"
        words = [
            f"{name}={next(texts)}" if keyword else next(texts) for name, keyword, _ in constructor_arguments(item)
        ]
        if item.op.is_leaf:
            return _leaf(item, words)
        if is_backbone(item.op):
            package = item.op.name.partition(".")[0]
            message = f"{item.op.name} is {package}'s, and --emit python writes torch alone"
            raise fail("not-exportable", message, item.at)
        prefix = "nn." if item.op.origin == "torch.nn" else ""
        return f"{prefix}{item.op.factory.__name__}({', '.join(words)})"

    def init(self, kind: Kind) -> list[str]:
        """Lines of a kind's ``__init__``, with its arguments in place of what differs."""
        scope = kind.instances[0]
        texts = iter(
            kind.arguments.get(n, literal(value)) for n, (_, value) in enumerate(self._constants_inside(scope))
        )
        return [line for item in scope.items for line in self.define(item, scope, texts)]

    def forward(self, scope: Scope) -> tuple[list[str], list[str]]:
        """Lines of forward, the first its parameters, and for each the shape that it computes."""
        names = Variables(scope, self.shaped)
        lines, shapes = [", ".join(names.parameters())], [""]
        direct = [item for item in scope.items if isinstance(item, ShapedLayer)]
        for symbol in sorted({symbol for layer in direct for symbol in size_symbols(layer)}, key=str):
            lines.append(f"{names.sizes[symbol]} = {self._size(symbol, scope, names)}")
            shapes.append("")
        for number, item in enumerate(scope.items):
            if isinstance(item, ShapedLayer) and item.op.is_leaf:
                names.bind(ValueRef(item.name), reach(item.module, scope))
                continue
            call = self._call(item, scope, names)
            lines.append(f"{', '.join(names.targets(item, number))} = {call}")
            value = item.outputs[0] if isinstance(item, Scope) else ValueRef(item.name, next(iter(item.outputs)))
            shapes.append(str(self.shaped.type_of(value)))
        return [*lines, f"return {self._result(scope, names)}"], [*shapes, ""]

    def shapes(self, kind: Kind) -> list[str]:
        """For each line of forward the shape that it computes in every instance, else an empty string."""
        rows = [self.forward(scope)[1] for scope in kind.instances]
        return [column[0] if len(set(column)) == 1 else "" for column in zip(*rows, strict=True)]

    def _call(self, item: Item, scope: Scope, names: Variables) -> str:
        if isinstance(item, Scope):
            return f"{reach(item.prefix, scope)}({', '.join(names.of(ref) for ref in item.inputs)})"
        if can_inline(item.op):
            return function_call(item, names.of)
        return module_call(item, reach(item.module, scope), names.of)

    def _size(self, symbol: sympy.Symbol, scope: Scope, names: Variables) -> str:
        """Where a scope reads a dynamic dim: from one of its inputs."""
        refs = scope.inputs or [ValueRef(name) for name in self.shaped.inputs]
        ref, place, factor = next(
            (ref, place, factor)
            for ref in refs
            for place, dim in enumerate(self.shaped.type_of(ref).shape)
            if (factor := multiple_of(dim, symbol))
        )
        return f"{names.of(ref)}.size({place})" + (f" // {factor}" if factor > 1 else "")

    def _result(self, scope: Scope, names: Variables) -> str:
        if scope.prefix:
            return ", ".join(names.of(ref) for ref in scope.outputs)
        outputs = self.shaped.outputs
        if len(outputs) == 1:
            return names.of(next(iter(outputs.values())))
        return "{" + ", ".join(f'"{name}": {names.of(ref)}' for name, ref in outputs.items()) + "}"


def is_sequential(scope: Scope) -> bool:
    """Whether the scope is a chain of modules under the names 0, 1, …: an ``nn.Sequential``."""
    if not scope.prefix or [item.name.rpartition(".")[2] for item in scope.items] != [
        str(n) for n in range(len(scope.items))
    ]:
        return False
    last = scope.inputs
    for item in scope.items:
        if isinstance(item, Scope):
            takes, gives, plain = item.inputs, item.outputs, True
        else:
            takes, gives = list(item.operands.values()), [ValueRef(item.name, index) for index in item.outputs]
            plain = (
                not (can_inline(item.op) or item.op.is_leaf or item.init or item.freeze or item.parametrize)
                and item.module == item.name
            )
        if len(last) != 1 or takes != last or len(gives) != 1 or not plain:
            return False
        last = gives
    return scope.outputs == last


def reach(name: str, scope: Scope) -> str:
    """How a scope's class reaches a module: ``self.layer1.conv1``; what is no identifier through ``getattr``."""
    text = "self"
    for part in _relative(name, scope):
        text = f"{text}.{part}" if part.isidentifier() else f'getattr({text}, "{part}")'
    return text


def _assign(name: str, scope: Scope, value: str) -> Iterator[str]:
    """``self.name = value``; what is no identifier, or of a scope that was merged, goes through ``add_module``."""
    *holders, last = _relative(name, scope)
    holder = Scope(".".join([*filter(None, [scope.prefix]), *holders]))
    path = reach(holder.prefix, scope) if holders else "self"
    yield f"{path}.{last} = {value}" if last.isidentifier() else f'{path}.add_module("{last}", {value})'


def _relative(name: str, scope: Scope) -> list[str]:
    return (name[len(scope.prefix) + 1 :] if scope.prefix else name).split(".")


def _leaf(layer: ShapedLayer, words: list[str]) -> str:
    """A parameter, or a buffer of the numbers or the shape that `words`, constructor arguments, begin with."""
    if layer.parameters:
        return f"nn.Parameter(torch.zeros({words[0]}))"
    kept = [word for word in words if not word.startswith("persistent=")]
    values = ", ".join([kept[0].partition("=")[2], *kept[1:]])
    make = "zeros" if kept[0].startswith("shape=") else "tensor"
    return f"nn.Buffer(torch.{make}({values}){', persistent=False' if len(kept) < len(words) else ''})"
