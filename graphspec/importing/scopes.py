"""The tree of scopes: every layer at its place among the modules, every function where it was called.

An edge between two scopes goes out of the one through output ports and into the other through input ports, which have
the names of forward's parameters. A module called again is a scope of its own, which reuses the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.graph.names import taken
from graphspec.importing.record import Frame, NotRecorded, Recording, Value
from graphspec.importing.step import Step
from graphspec.spec.names import fault_in

#: So many numbers of a constant are written into a spec.
MOST_NUMBERS = 50_000


@dataclasses.dataclass(eq=False)
class Line:
    """A layer in `body`; `fixed` where its name is one in the state_dict. `reuse` is the line whose weights it has."""

    body: Body
    type: str
    hint: str
    order: float
    sources: dict[str, Any] = dataclasses.field(default_factory=dict)
    args: dict[str, Any] = dataclasses.field(default_factory=dict)
    fixed: bool = False
    path: str = ""
    reuse: str = ""
    name: str = ""
    keep: bool = False
    freeze: bool = False
    tie: dict[str, str] = dataclasses.field(default_factory=dict)
    call: Any = None


@dataclasses.dataclass(frozen=True)
class Out:
    """One value of a line."""

    line: Line
    selector: str = ""


@dataclasses.dataclass(eq=False)
class Body:
    """A scope: the module at `path`. `inputs` and `outputs` are the values that cross its border, by name."""

    path: str
    parent: Body | None
    hint: str
    items: list[Line | Body] = dataclasses.field(default_factory=list)
    fixed: bool = True
    module: nn.Module | None = None
    frame: Frame | None = None
    reuse: str = ""
    name: str = ""
    inputs: dict[Out, str] = dataclasses.field(default_factory=dict)
    outputs: dict[Out, str] = dataclasses.field(default_factory=dict)

    @property
    def order(self) -> float:
        """Where it begins among all lines."""
        return min((item.order for item in self.items), default=float("inf"))

    def lines(self) -> Iterator[Line]:
        """Every line inside."""
        for item in self.items:
            if isinstance(item, Body):
                yield from item.lines()
            else:
                yield item

    def above(self) -> list[Body]:
        """This body and those around it, from inside out."""
        return [self, *(self.parent.above() if self.parent else ())]


class Tree:
    """The modules from `path` down, as called once; `home` is the scope that calls it again, None for the root's."""

    def __init__(self, path: str, home: Body | None) -> None:
        self.path = path
        self.home = home
        self.bodies: dict[str, Body] = {}
        self.placed: dict[str, Line | None] = {}

    def holds(self, path: str) -> bool:
        return not self.path or path == self.path or path.startswith(f"{self.path}.")


@dataclasses.dataclass(frozen=True)
class Network:
    """The whole: the root's body, its inputs, and its outputs by name."""

    root: Body
    inputs: dict[str, Value]
    outputs: dict[str, Out]


class Scopes:
    """Places the steps of a recording."""

    def __init__(self, model: nn.Module, recording: Recording, value_of: Callable[[Value], Value]) -> None:
        self.model = model
        self.recording = recording
        self.value_of = value_of
        self.modules = dict(model.named_modules())
        self.root = Tree("", None)
        self.out: dict[Value, Out] = {}
        self.trees: dict[Frame, list[Tree]] = {}
        self.leaves: set[str] = set()
        self.constants: dict[tuple[Body, Value], Line] = {}

    def place(self, steps: Sequence[Step], outputs: Mapping[str, Value]) -> Network:
        """The tree of all `steps`."""
        self.leaves = {step.path for step in steps if step.path}
        root = self.body(self.root, "")
        for name in self.recording.inputs:
            line = Line(root, "input", name, -1, name=name, fixed=True)
            self.out[self.recording.inputs[name]] = Out(line)
        for frame in self.recording.frames:
            self._enter(frame)
        for number, step in enumerate(steps):
            self._step(step, number)
        named = {name: self._out(value, root, len(steps), "output") for name, value in outputs.items()}
        dissolve(root)
        self._keep_unused(len(steps))
        self._tie(root)
        self._connect(root, named)
        _name(root, [*self.recording.inputs])
        return Network(root, self.recording.inputs, named)

    def _enter(self, frame: Frame) -> None:
        """Which tree a frame belongs to: the innermost in which it is met for the first time, or a new one."""
        around = self.trees[frame.caller] if frame.caller else [self.root]
        if frame.path in self.leaves:  # it is one layer, and its functions are its caller's
            self.trees[frame] = around
            return
        tree = next(tree for tree in around if tree.holds(frame.path))
        if frame.caller and frame.path in tree.placed:
            tree = Tree(frame.path, self.scope(frame.caller))
            around = [tree, *around]
        elif tree is not around[0]:
            around = [tree, *(other for other in around if other is not tree)]
        tree.placed[frame.path] = None
        self.trees[frame] = around
        if frame.path not in tree.bodies:
            body = self.body(tree, frame.path)
            body.frame, body.module = frame, frame.module

    def scope(self, frame: Frame) -> Body:
        """The body that the functions of `frame` are written in."""
        while frame.path in self.leaves and frame.caller:
            frame = frame.caller
        return self.body(self.trees[frame][0], frame.path)

    def body(self, tree: Tree, path: str) -> Body:
        """The body at `path`, made with those around it."""
        if path in tree.bodies:
            return tree.bodies[path]
        if path in self.leaves:
            raise NotRecorded(f"{path} is one layer, and also a scope with others in it")
        again = tree.home is not None
        parent = None if not path and not again else tree.home if path == tree.path else self.body(tree, _parent(path))
        last = path.rpartition(".")[2]
        hint = _hint(path) if path == tree.path and again else last
        body = Body(path, parent, hint, fixed=not (path == tree.path and again), module=self.modules.get(path))
        if again and path == tree.path:
            body.reuse = path
        tree.bodies[path] = body
        if parent:
            parent.items.append(body)
        return body

    def _step(self, step: Step, number: int) -> None:
        line = self._line(step, number)
        line.call = step.call
        line.sources = {
            port: [self._out(v, line.body, number, port) for v in value] if isinstance(value, list | tuple)
            else self._out(value, line.body, number, port)
            for port, value in step.sources.items()
        }  # fmt: skip
        for selector, value in step.outputs:
            self.out[value] = Out(line, selector)

    def _line(self, step: Step, number: int) -> Line:
        scope = self.scope(step.frame)
        kind, args = step.type, dict(step.args)
        if not step.path:
            line = Line(scope, kind, step.name or kind, number, args=args)
            scope.items.append(line)
            return line
        tree = next(tree for tree in self.trees[step.frame] if tree.holds(step.path))
        dissolved = any(_parent(step.path) == p or _parent(step.path).startswith(f"{p}.") for p in self.leaves if p)
        if step.path in tree.placed or dissolved:
            line = Line(scope, kind, _hint(step.path), number, args=args, path=step.path)
            line.reuse = step.path if step.stateful else ""
        else:
            scope = self.body(tree, _parent(step.path))
            line = Line(scope, kind, step.path.rpartition(".")[2], number, args=args, path=step.path, fixed=True)
            line.reuse = step.path if tree is not self.root and step.stateful else ""
            tree.placed[step.path] = line
        if not line.reuse and step.stateful:
            line.freeze = _frozen(self.modules[step.path])
        scope.items.append(line)
        return line

    def _out(self, value: Value, user: Body, number: int, port: str) -> Out:
        value = self.value_of(value)
        if value in self.out:
            return self.out[value]
        if value.kind in ("parameter", "buffer"):
            return self._tensor(value, user, number)
        if value.data is not None:
            return Out(self._constant(value, user, number))
        raise NotRecorded(f"{user.path or 'the network'} reads a tensor whose origin was not seen ({port})")

    def _tensor(self, value: Value, user: Body, number: int) -> Out:
        """A parameter or buffer that a function takes, where its module has it."""
        owner, _, last = value.name.rpartition(".")
        tree = next((tree for tree in self._trees_around(user) if tree.holds(owner)), self.root)
        kind = "Parameter" if value.kind == "parameter" else "Buffer"
        if any(owner == leaf or owner.startswith(f"{leaf}.") for leaf in self.leaves):
            line = Line(user, kind, last, number - 0.5, reuse=value.name, path=value.name)
            user.items.append(line)
            return Out(line)
        known = tree.placed.get(value.name)
        if known is None:
            known = Line(self.body(tree, owner), kind, last, number - 0.5, path=value.name, fixed=True)
            if tree is self.root:
                known.args = tensor_arguments(self.model, value.name, kind)
                parameter = dict(self.model.named_parameters()).get(value.name)
                known.freeze = parameter is not None and not parameter.requires_grad
            else:
                known.reuse = value.name
            tree.placed[value.name] = known
            known.body.items.append(known)
        return Out(known)

    def _trees_around(self, body: Body) -> list[Tree]:
        trees = [self.root, *{id(tree): tree for around in self.trees.values() for tree in around}.values()]
        return [tree for each in body.above() for tree in trees if tree.bodies.get(each.path) is each]

    def _constant(self, value: Value, user: Body, number: int) -> Line:
        known = self.constants.get((user, value))
        if known is None:
            assert value.data is not None
            known = Line(user, "Buffer", "constant", number - 0.5)
            known.args = {
                "data": numbers(value.data, f"a constant of {user.path or 'the network'}"),
                "persistent": False,
            }
            if not _is_usual(value.data):
                known.args["dtype"] = str(value.dtype).removeprefix("torch.")
            self.constants[user, value] = known
            user.items.append(known)
        return known

    def _tie(self, root: Body) -> None:
        """Tensors of two layers that are one: the later layer's is the earlier one's."""
        owners: dict[int, str] = {}
        for line in sorted(root.lines(), key=lambda line: (line.keep, line.order)):
            if line.reuse or not line.fixed or not line.path:
                continue
            if line.type == "Parameter":
                tensors = [("value", self.model.get_parameter(line.path))]
            elif line.path in self.modules:
                tensors = list(self.modules[line.path].named_parameters())
            else:
                continue
            for name, tensor in tensors:
                full = line.path if line.type == "Parameter" else f"{line.path}.{name}"
                first = owners.setdefault(id(tensor), full)
                if first != full:
                    line.tie[name] = first

    def _keep_unused(self, number: int) -> None:
        """What no forward uses, and the state_dict holds."""
        state = self.model.state_dict()
        parameters = dict(self.model.named_parameters())
        first = _first_names(self.model)
        for name in state:
            owner = name.rpartition(".")[0]
            held = name in self.root.placed or any(
                leaf and (owner == leaf or owner.startswith(f"{leaf}.")) and self.root.placed.get(leaf)
                for leaf in self.leaves
            )
            if held:
                continue
            kind = "Parameter" if first.get(name, name) in parameters else "Buffer"
            if kind == "Buffer" and first.get(name, name) != name:
                raise NotRecorded(f"{name} is the same buffer as {first[name]}, and a spec has no name for that")
            body = self.body(self.root, owner)
            line = Line(body, kind, name.rpartition(".")[2], number, path=name, fixed=True, keep=True)
            line.args = tensor_arguments(self.model, name, kind)
            line.freeze = kind == "Parameter" and not parameters[first[name]].requires_grad
            body.items.append(line)
            self.root.placed[name] = line

    def _connect(self, root: Body, outputs: Mapping[str, Out]) -> None:
        """Ports for every edge that crosses a border."""
        for line in list(root.lines()):
            for source in line.sources.values():
                for out in source if isinstance(source, list) else [source]:
                    _cross(out, line.body, self._name_of(out))
            for value in _shapes_in(line.args):
                self._out_of_shape(line, value)
        for out in outputs.values():
            _cross(out, root, self._name_of(out))

    def _out_of_shape(self, line: Line, value: Any) -> None:
        """Sizes are read where they can be seen; :mod:`graphspec.importing.items` finds one."""

    def _name_of(self, out: Out) -> Callable[[Body], str]:
        values = [value for value, known in self.out.items() if known == out]

        def name(body: Body) -> str:
            arguments = body.frame.arguments if body.frame else {}
            for key, given in arguments.items():
                if isinstance(given, Value) and self.value_of(given) in values:
                    return key
            return out.line.hint if out.line.hint.isidentifier() else "x"

        return name


def tensor_arguments(model: nn.Module, name: str, kind: str) -> dict[str, Any]:
    """How a spec declares a tensor of the network itself, whose numbers are in the weights file."""
    owner, _, last = name.rpartition(".")
    module = model.get_submodule(owner)
    tensor = model.get_parameter(name) if kind == "Parameter" else model.get_buffer(name)
    args: dict[str, Any] = {"shape": list(tensor.shape)}
    if kind == "Buffer":
        dtype = str(tensor.dtype).removeprefix("torch.")
        args |= {"dtype": dtype} if dtype != "float32" else {}
        if last not in module.state_dict():
            args = {"data": numbers(tensor, name), "persistent": False} | (
                {"dtype": dtype} if not _is_usual(tensor) else {}
            )
    return args


def numbers(tensor: Tensor, what: str) -> Any:
    """The numbers of a tensor that no state_dict holds, to be written out."""
    if tensor.numel() > MOST_NUMBERS:
        message = f"{what} holds {tensor.numel():,} numbers that are not in the state_dict, more than {MOST_NUMBERS:,}"
        raise NotRecorded(message, "register it as a persistent buffer")
    if not bool(torch.isfinite(tensor).all()):
        raise NotRecorded(f"{what} holds numbers that are not finite, which no spec can say")
    return tensor.tolist()


def _is_usual(tensor: Tensor) -> bool:
    """Whether numbers as they are written have the tensor's dtype."""
    return tensor.dtype in (torch.float32, torch.int64, torch.bool)


def _first_names(model: nn.Module) -> dict[str, str]:
    """Every name of a tensor → the first name of the same one."""
    found: dict[int, str] = {}
    names = {}
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    for name, tensor in tensors:
        names[name] = found.setdefault(id(tensor), name)
    return names


def _frozen(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def full_name(line: Line) -> str:
    """What the compiled module calls `line`."""
    return ".".join([*reversed([body.name for body in line.body.above() if body.parent]), line.name])


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _hint(path: str) -> str:
    """A name for what has none of its own: the last part of its path, with the one before where that is a number."""
    before, _, last = path.rpartition(".")
    name = f"{before.rpartition('.')[2]}_{last}" if last.isdigit() else last
    return name.lstrip("_") or "layer"


def _shapes_in(args: Any) -> Iterator[Any]:
    return iter(())


def _cross(out: Out, user: Body, name: Callable[[Body], str]) -> None:
    """Output ports from the line's scope up to the first that holds both, input ports from there down to the user."""
    up, down = out.line.body.above(), user.above()
    for body in up:
        if body in down:
            break
        body.outputs.setdefault(out, "")
    for body in down:
        if body in up:
            break
        body.inputs.setdefault(out, name(body))


def _name(body: Body, inputs: Sequence[str]) -> None:
    """Give every item of `body` and below its name, and every port its own; names in the state_dict stay."""
    body.items.sort(key=lambda item: item.order)
    used = {name.lower() for name in inputs}
    for item in body.items:
        if item.fixed:
            _check(item)
            item.name = item.hint
            used.add(item.name.lower())
    for item in body.items:
        if not item.fixed:
            item.name = _free(item.hint, used)
    if body.parent:
        single = len(body.inputs) == 1
        for out, hint in list(body.inputs.items()):
            body.inputs[out] = _free("x" if single else hint, used)
    outputs: set[str] = set()
    for out in body.outputs:
        body.outputs[out] = _free(holder(body, out).name, outputs, plain=True)
    for item in body.items:
        if isinstance(item, Body):
            _name(item, ())


def dissolve(body: Body) -> None:
    """Replace every scope below `body` that holds nothing but one function, of which no state_dict knows."""
    for place, item in enumerate(body.items):
        if not isinstance(item, Body):
            continue
        dissolve(item)
        only = item.items[0] if len(item.items) == 1 else None
        if isinstance(only, Line) and not only.fixed and not only.path and not item.reuse:
            only.body, only.hint, only.fixed = body, item.hint, item.fixed
            body.items[place] = only


def holder(body: Body, out: Out) -> Line | Body:
    """The item of `body` that a value comes out of."""
    item: Line | Body = out.line
    while True:
        parent = item.body if isinstance(item, Line) else item.parent
        if parent is body or parent is None:
            return item
        item = parent


def _check(item: Line | Body) -> None:
    fault = fault_in(item.hint, "layer", ())
    if fault or item.hint in taken():
        path = item.path or item.hint
        raise NotRecorded(
            f"no layer of a spec can be called as {path} is: {fault.message if fault else 'torch uses the name'}"
        )


def _free(hint: str, used: set[str], plain: bool = False) -> str:
    """`hint`, or with the first number that makes it a name of its own."""
    hint = "".join(c if c.isalnum() or c == "_" else "_" for c in hint).strip("_") or "value"
    if hint[0].isdigit():
        hint = f"out{hint}" if plain else f"layer{hint}"
    number = 1
    name = hint if fault_in(hint, "layer", ()) is None and hint not in taken() else f"{hint}_"
    while name.lower() in used:
        number += 1
        name = f"{hint}{number}" if not hint[-1].isdigit() else f"{hint}_{number}"
    used.add(name.lower())
    return name
