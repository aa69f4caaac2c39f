"""The tree of scopes: every layer at its place among the modules, every function where it was called.

An edge between two scopes goes out of the one through output ports and into the other through input ports, which have
the names of forward's parameters. A module called again is a scope of its own, which reuses the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from torch import nn

from graphspec.importing.bodies import Body, Line, Network, Out, dissolve, prune
from graphspec.importing.constants import Constants
from graphspec.importing.declared import first_names, is_frozen, is_left_out, tensor_arguments
from graphspec.importing.forward_pass import Frame, NotRecorded, Recording, Value
from graphspec.importing.inward import move_inward
from graphspec.importing.ports import cross, give_names
from graphspec.importing.sight import Sight
from graphspec.importing.sizes import sizes_in
from graphspec.importing.step import Step


class Tree:
    """The modules from `path` down, as called once; `home` is the scope that calls it again, None for the root's."""

    def __init__(self, path: str, home: Body | None) -> None:
        self.path = path
        self.home = home
        self.bodies: dict[str, Body] = {}
        self.placed: dict[str, Line | None] = {}

    def holds(self, path: str) -> bool:
        return not self.path or path == self.path or path.startswith(f"{self.path}.")


class Scopes:
    """Places the steps of a recording; `second` are its values in the other recording."""

    def __init__(
        self, model: nn.Module, recording: Recording, value_of: Callable[[Value], Value], second: Mapping[Value, Value]
    ) -> None:
        self.model = model
        self.second = second
        self.recording = recording
        self.value_of = value_of
        self.modules = dict(model.named_modules(remove_duplicate=False))
        self.root = Tree("", None)
        self.out: dict[Value, Out] = {}
        self.trees: dict[Frame, list[Tree]] = {}
        self.leaves: set[str] = set()
        self.constants = Constants(model)

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
        prune(root)
        move_inward(root, named.values())
        self._tie(root)
        self._connect(root, named)
        give_names(root, [*self.recording.inputs])
        return Network(root, self.recording.inputs, named, self.constants.held)

    def _enter(self, frame: Frame) -> None:
        """Which tree a frame belongs to: the innermost in which it is met for the first time, or a new one."""
        around = self.trees[frame.caller] if frame.caller else [self.root]
        if self.in_leaf(frame.path):  # it is one layer, and its functions are its caller's
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
        while self.in_leaf(frame.path) and frame.caller:
            frame = frame.caller
        return self.body(self.trees[frame][0], frame.path)

    def in_leaf(self, path: str) -> bool:
        """Whether the module at `path` is one layer, or stands in one."""
        while path and path not in self.leaves:
            path = _parent(path)
        return bool(path)

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
            own = step.call.plain_name if kind[0].isupper() and step.call.module is None else kind
            own = step.name or own
            line = Line(scope, kind, step.variable or own, number, args=args, usual=own)
            scope.items.append(line)
            return line
        tree = next(tree for tree in self.trees[step.frame] if tree.holds(step.path))
        if step.path in tree.placed or self.in_leaf(_parent(step.path)):
            line = Line(scope, kind, _hint(step.path), number, args=args, path=step.path)
            line.reuse = step.path if step.stateful else ""
        else:
            scope = self.body(tree, _parent(step.path))
            line = Line(scope, kind, step.path.rpartition(".")[2], number, args=args, path=step.path, fixed=True)
            line.reuse = step.path if tree is not self.root and step.stateful else ""
            tree.placed[step.path] = line
        if not line.reuse and step.stateful:
            line.freeze = is_frozen(self.modules[step.path])
            line.parametrize = step.parametrize
        scope.items.append(line)
        return line

    def _out(self, value: Value, user: Body, number: int, port: str) -> Out:
        value = self.value_of(value)
        if value in self.out:
            return self.out[value]
        if value.kind in ("parameter", "buffer"):
            return self._tensor(value, user, number)
        if value.data is not None:
            return Out(self.constants.line(value, user, number))
        raise NotRecorded(f"{user.path or 'the network'} reads a tensor whose origin was not seen ({port})")

    def _tensor(self, value: Value, user: Body, number: int) -> Out:
        """A parameter or buffer that a function takes, where its module has it."""
        owner, _, last = value.name.rpartition(".")
        tree = next((tree for tree in self._trees_around(user) if tree.holds(owner)), self.root)
        kind = "Parameter" if value.kind == "parameter" else "Buffer"
        if self.in_leaf(owner):
            line = Line(user, kind, last, number - 0.5, reuse=value.name, path=value.name)
            user.items.append(line)
            return Out(line)
        known = tree.placed.get(value.name)
        if known is None and kind == "Buffer" and is_left_out(self.model, value.name):
            known = self.constants.buffer(value.name, self.body(tree, owner), number)
            tree.placed[value.name] = known
        elif known is None:
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
        first = first_names(self.model)
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
        lines = list(root.lines())
        values: dict[Out, list[Value]] = defaultdict(list)
        for value, known_as in self.out.items():
            values[known_as].append(value)
        for line in lines:
            for source in line.sources.values():
                for out in source if isinstance(source, list) else [source]:
                    cross(out, line.body, self._name_of(out, values[out]))
        sight = self.sight()
        for line in lines:
            for size in sizes_in(line.args):
                sizes = sight.sizes(size.value, size.dim)
                if sizes[0] != sizes[1] and not sight.seen(line, sizes):  # the value that has it goes in
                    known = [
                        self.out.get(self.value_of(value)) for value in (size.value, *self.recording.inputs.values())
                    ]
                    out = next((out for out in known if out and sight.dim(out, sizes) is not None), None)
                    if out:
                        cross(out, line.body, self._name_of(out, values[out]))
        for out in outputs.values():
            cross(out, root, self._name_of(out, values[out]))

    def sight(self) -> Sight:
        """What each line sees."""
        values = {out: value for value, out in self.out.items() if value in self.second}
        return Sight(values, lambda value: (value.shape, self.second.get(value, value).shape))

    def _name_of(self, out: Out, values: Sequence[Value]) -> Callable[[Body], str]:
        def name(body: Body) -> str:
            arguments = body.frame.arguments if body.frame else {}
            for key, given in arguments.items():
                if isinstance(given, Value) and self.value_of(given) in values:
                    return key
            return out.line.hint if out.line.hint.isidentifier() else "x"

        return name


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _hint(path: str) -> str:
    """A name for what has none of its own: the last part of its path, with the one before where that is a number."""
    before, _, last = path.rpartition(".")
    name = f"{before.rpartition('.')[2]}_{last}" if last.isdigit() else last
    return name.lstrip("_") or "layer"
