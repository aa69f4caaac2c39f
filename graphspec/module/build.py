"""Stage 4: the shaped graph as an ordinary ``torch.fx.GraphModule``, every layer a submodule under its own name."""

from __future__ import annotations

import functools
import itertools
import keyword
import operator
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sympy
import torch
from torch import Tensor, fx, nn

from graphspec.diagnostics import fail, quoted
from graphspec.module.published import load_published
from graphspec.module.weights import GIVEN, load_into
from graphspec.ops.initializers import initialize
from graphspec.ops.parametrizations import parametrize
from graphspec.shapes.dims import SizeExpr, multiple_of
from graphspec.shapes.parameters import FROM_FILE
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, ValueRef
from graphspec.system.torch_private import FloorDiv, Mod

#: What a size is computed with.
_FUNCTIONS = {sympy.Add: operator.add, sympy.Mul: operator.mul, FloorDiv: operator.floordiv, Mod: operator.mod}
#: What ``node.args = …`` comes to, without a node's own __setattr__, which takes it out of a table and puts it back.
_SET_ARGS = fx.Node.args.fset  # type: ignore[attr-defined]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: A submodule's: fx reaches it by ``getattr`` where it is no identifier.
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*|[0-9]+", re.ASCII)


def build(shaped: ShapedGraph, seed: int = 0) -> fx.GraphModule:
    """The network with seeded weights, in training mode.

    forward takes the inputs in order, by name, and returns the output, or a dict of the outputs by name if there are
    several. state_dict keys are the layers' names. torch's global random state is left as it was.

    Raises:
        ValueError: a name that is no identifier, which no checked spec has.
    """
    _check_names(shaped)
    module = fx.GraphModule(nn.Module(), fx.Graph(), class_name(shaped.spec.name))
    # first: the memory that Python takes to compile it is then free for the weights
    module.graph = _Tracer(shaped).graph()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = [(layer, _made(layer)) for layer in shaped.layers if layer.module == layer.name]
    # those that no call reaches come last
    for layer, part in sorted(made, key=lambda pair: pair[0].keep):
        _add(module, layer, part)
    for layer in shaped.layers:
        _share(module, layer)
    module.meta[GIVEN] = tuple(layer.name for layer in shaped.layers if layer.is_given and layer.module == layer.name)
    return module


def _check_names(shaped: ShapedGraph) -> None:
    """The last guard before torch.fx prints names into Python source: whoever made the graph, no text gets through."""
    dotted = {name for layer in shaped.layers for name in (layer.name, layer.module, *layer.tie.values())}
    names = [(name, _NAME) for name in (*shaped.inputs, *shaped.outputs)]
    for name, pattern in names + [(part, _MODULE) for part in {part for path in dotted for part in path.split(".")}]:
        if not pattern.fullmatch(name) or keyword.iskeyword(name):
            raise ValueError(f"{name!r} cannot be a name in the compiled module")


def class_name(name: str) -> str:
    """A Python class name from a model's name: ``mnist_mlp`` is ``MnistMlp``."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined[:1].isalpha() else f"Model{joined}"


def _made(layer: ShapedLayer) -> nn.Module:
    """One layer's module, constructed, with the weights that it starts with."""
    module = layer.op.factory(**layer.arguments)
    parameters = dict(module.named_parameters()) if layer.init else {}
    for name, (function, arguments) in layer.init.items():
        if name == FROM_FILE:
            _load(module, layer, function, arguments)
        else:
            _start(layer, name, function, parameters[name], arguments)
    if layer.parametrize:
        parametrize(module, *layer.parametrize)
    if layer.freeze:
        module.requires_grad_(False)
    return module


def _add(root: nn.Module, layer: ShapedLayer, module: nn.Module) -> None:
    """Put one layer's module (or its tensor) into `root` under its dotted name."""
    parent, _, leaf = layer.name.rpartition(".")
    container = _container(root, parent)
    if not layer.op.is_leaf:
        container.add_module(leaf, module)
    elif layer.parameters:
        container.register_parameter(leaf, module.get_parameter("value"))
    else:
        container.register_buffer(leaf, next(module.buffers()), layer.arguments.get("persistent", True))


def _load(module: nn.Module, layer: ShapedLayer, source: str, arguments: Mapping[str, Any]) -> None:
    """All weights of a layer from a file, or from one that torchvision publishes: of a part of its network, a part."""
    at = (*layer.at, "init")
    if "except" not in arguments:
        load_into(module, Path(source), layer.name, (*at, "file"))
        return
    partial = bool(layer.arguments.get("features") or getattr(layer.op.factory, "stages", ()))
    load_published(module, source, arguments["except"], partial, layer.name, (*at, "weights"))


def _start(layer: ShapedLayer, name: str, function: str, parameter: Tensor, arguments: Mapping[str, Any]) -> None:
    """Let a function of torch.nn.init fill a parameter; what it objects to is the spec's fault."""
    try:
        with torch.no_grad():
            initialize(function, parameter, arguments)
    except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        because = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"layer {quoted(layer.name)}: {function} cannot fill {quoted(name)}: {because}"
        raise fail("bad-value", message, (*layer.at, "init")) from error


def _container(root: nn.Module, path: str) -> nn.Module:
    """The plain module at `path`, made where it is missing."""
    module = root
    for part in path.split(".") if path else ():
        inner = module._modules.get(part)
        if inner is None:
            inner = nn.Module()
            module.add_module(part, inner)
        module = inner
    return module


def _share(root: nn.Module, layer: ShapedLayer) -> None:
    """Replace the tied parameters of `layer` by those of their owners."""
    for own, owner in layer.tie.items():
        path, _, name = own.rpartition(".")
        if layer.op.is_leaf:
            path, _, name = layer.name.rpartition(".")
            module = root.get_submodule(path)
        else:
            module = root.get_submodule(layer.name).get_submodule(path)
        module.register_parameter(name, root.get_parameter(owner))


class _Tracer:
    """Writes the fx graph: one call a layer, sizes read from the inputs where an argument needs them."""

    def __init__(self, shaped: ShapedGraph) -> None:
        self.shaped = shaped
        self.fx = fx.Graph()
        self.values: dict[ValueRef, fx.Node] = {}
        self.sizes: dict[sympy.Expr, Any] = {}

    @functools.cached_property
    def read(self) -> set[ValueRef]:
        """The values that a layer or an output takes."""
        layers = self.shaped.layers
        return {ref for layer in layers for ref in references(layer)} | set(self.shaped.outputs.values())

    def graph(self) -> fx.Graph:
        for name in self.shaped.inputs:
            self.values[ValueRef(name)] = self.fx.placeholder(name, type_expr=Tensor)
        for layer in self.shaped.layers:
            if not layer.keep:
                self.call(layer)
        outputs = {name: self.values[ref] for name, ref in self.shaped.outputs.items()}
        if len(outputs) == 1:
            self.fx.output(next(iter(outputs.values())), type_expr=Tensor)
        else:
            self.fx.output(outputs, type_expr=dict[str, Tensor])
        return self.fx

    def call(self, layer: ShapedLayer) -> None:
        """One layer's call, and its several values taken apart."""
        if layer.op.is_leaf:
            node = self.fx.get_attr(layer.module)
        else:
            args, kwargs = positional(layer)
            operands = tuple(map(self.operand, args))
            options = {name: self.operand(value) for name, value in kwargs.items()}
            node = self.fx.call_module(layer.module)
            _SET_ARGS(node, operands)  # given afterwards, torch does not look through them for symbolic sizes
            if options:
                node.kwargs = options
        for index in layer.outputs:
            value = node
            for depth, number in enumerate(index):
                known = self.values.get(ValueRef(layer.name, index[: depth + 1]))
                value = known or self.fx.call_function(operator.getitem, (value, number))
            self.values[ValueRef(layer.name, index)] = value
        if () not in layer.outputs:
            self._drop_unread(layer)

    def _drop_unread(self, layer: ShapedLayer) -> None:
        """Values of a tuple that nothing reads leave no line behind."""
        for index in layer.outputs:
            ref = ValueRef(layer.name, index)
            node = self.values[ref]
            while ref not in self.read and not node.users and node.target is operator.getitem:
                parent = node.args[0]
                self.fx.erase_node(node)
                node = parent  # type: ignore[assignment]

    def operand(self, value: Any) -> Any:
        """A value's node, a run-time size's node, or a constant."""
        if isinstance(value, ValueRef):
            return self.values[value]
        if isinstance(value, SizeExpr):
            return self.size(value.dim)
        if isinstance(value, list | tuple):
            return type(value)(self.operand(item) for item in value)
        return value

    def size(self, dim: sympy.Expr) -> Any:
        """A size as nodes that compute it from the inputs' sizes; each is computed once."""
        if dim not in self.sizes:
            self.sizes[dim] = self._size(dim)
        return self.sizes[dim]

    def _size(self, dim: sympy.Expr) -> Any:
        if isinstance(dim, sympy.Integer):
            return int(dim)
        if isinstance(dim, sympy.Symbol):
            return self._size_of_input(dim)
        if isinstance(dim, sympy.Pow):
            dim = sympy.Mul(*[dim.base] * int(dim.exp), evaluate=False)
        if dim.func not in _FUNCTIONS:
            # a choice, which only the value knows that was made by it
            ref, place = next(
                (ref, place)
                for ref in self.values
                for place, size in enumerate(self.shaped.type_of(ref).shape)
                if size == dim
            )
            return self.fx.call_method("size", (self.values[ref], place))
        first, *rest = [self.size(part) for part in dim.args]
        for part in rest:
            first = self.fx.call_function(_FUNCTIONS[dim.func], (first, part))
        return first

    def _size_of_input(self, dim: sympy.Symbol) -> Any:
        """A dynamic dim, from the first input that has it, or a multiple of it."""
        name, place, factor = next(
            (name, place, factor)
            for name, kind in self.shaped.inputs.items()
            for place, size in enumerate(kind.shape)
            if (factor := multiple_of(size, dim))
        )
        size = self.fx.call_method("size", (self.values[ValueRef(name)], place))
        return size if factor == 1 else self.fx.call_function(operator.floordiv, (size, factor))


def positional(layer: ShapedLayer) -> tuple[list[Any], dict[str, Any]]:
    """The operands as forward's leading positional arguments, and the rest by name."""
    operands = layer.operands
    first = tuple(itertools.takewhile(operands.__contains__, layer.op.leading))
    return [operands[name] for name in first], {name: operands[name] for name in operands if name not in first}


def references(layer: ShapedLayer) -> Iterator[ValueRef]:
    """Every value that a layer takes."""
    for operand in layer.operands.values():
        for item in operand if isinstance(operand, list | tuple) else [operand]:
            if isinstance(item, ValueRef):
                yield item
