"""An exported program as a tree of modules, which calls what the program calls, each in its own module."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.place import PLACE
from graphspec.importing.proof import equal
from graphspec.importing.pt2.functions import FUNCTIONS, IGNORED, IN_TRAINING, READS_SIZE, SIZES, base_name
from graphspec.importing.pt2.program import Node, Program, refs, replaced
from graphspec.importing.pt2.restore import Restored, candidates
from graphspec.importing.pt2.segments import Segment, is_function, segmented


class Run:
    """One forward pass: every value so far by name, and the calls that are to be made next."""

    def __init__(self, program: ProgramNetwork, values: dict[str, Any], segment: Segment) -> None:
        self.program, self.values, self.segment = program, values, segment

    def go(self) -> None:
        """Make the calls, those of modules by calling the module."""
        for item in self.segment.items:
            if isinstance(item, Node):
                self.call(item)
            else:
                self.enter(item)

    def enter(self, segment: Segment) -> None:
        restored = self.program.restored.get(segment)
        if restored is None:
            self.program.get_submodule(segment.path)(Run(self.program, self.values, segment))
            return
        inputs = replaced(restored.inputs, self.value)
        result = restored.module(
            *[tuple(each) if isinstance(each, list) else each for each in inputs], **restored.options
        )
        given = _flat(result)
        self.values[restored.outputs[0]] = given if restored.several else given[0]
        for node in segment.nodes:  # parts of what came out, and sizes of what went in
            if not is_function(node) and all(
                name in self.values or name in self.program.names for name in node.inputs()
            ):
                self.call(node)

    def value(self, name: str) -> Any:
        """A value by name: one that was computed, an input, or a tensor of the network."""
        if name in self.values:
            return self.values[name]
        return self.program.tensor(name)

    def call(self, node: Node) -> None:
        space, name = base_name(node.op)
        if name in IGNORED:
            return
        token = PLACE.set(f"{node.stack[-1][0] or 'the network'}, {node.op.partition(':')[2]}" if node.stack else "")
        try:
            args, kwargs = replaced(node.args, self.value), replaced(node.kwargs, self.value)
            if name in IN_TRAINING and len(args) > IN_TRAINING[name]:
                args[IN_TRAINING[name]] = self.program.training
            self.values[node.name] = _called(space, name, args, kwargs)
        except (RuntimeError, IndexError, ValueError, TypeError, KeyError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise NotRecorded(
                f"{node.op.partition(':')[2]} in {_place(node)}: {type(error).__name__}: {reason}"
            ) from error
        finally:
            PLACE.reset(token)


def _called(space: str, name: str, args: list[Any], kwargs: Mapping[str, Any]) -> Any:
    if name in READS_SIZE:
        return args[0].shape[args[1]]
    if space == "aten":
        return FUNCTIONS[name](*args, **kwargs)
    return SIZES[name](*args)


def _place(node: Node) -> str:
    return (node.stack[-1][0] if node.stack else "") or "the network"


class Part(nn.Module):
    """A module of the program; its class has the name of the source's."""

    def forward(self, run: Run) -> None:
        run.go()


class ProgramNetwork(nn.Module):
    """`program` as a module; torch's own layers are restored while it runs for the first time, on `inputs`."""

    def __init__(self, program: Program, inputs: Iterable[Tensor]) -> None:
        super().__init__()
        described = program.described
        self.nodes = program.nodes
        _refuse_unknown(self.nodes)
        self.root = segmented(self.nodes)
        self.input_names = [row["name"] for row in described["inputs"]]
        self.names: Mapping[str, str] = described["values"]
        self.outputs = program.outputs
        self.restored: dict[Segment, Restored] = {}
        self.constants: dict[str, Tensor] = {}
        self._kinds(self.root)
        self._fill(program)
        self.eval()
        self._restore(program, list(inputs))

    def _kinds(self, root: Segment) -> None:
        """A module for each path, of a class called as the source's."""
        titles = {segment.path: segment.title for segment in root.segments() if segment.path}
        for path in sorted(titles):
            _ensure(self, path, titles)

    def _fill(self, program: Program) -> None:
        """Every tensor at its name."""
        said, same = program.described["tensors"], program.described["same"]
        made: dict[str, Any] = {}
        # one that was written for inference has no tensor that learns: it says nothing of training
        for_inference = not any(each["trained"] for each in said.values())
        for name, value in program.tensors.items():
            owner, _, last = name.rpartition(".")
            if said[name]["kind"] == "constant":
                self.constants[name] = value
                continue
            module = _ensure(self, owner, {})
            if name in same and same[name] in made:
                made[name] = made[same[name]]
            elif said[name]["kind"] == "parameter":
                learns = said[name]["trained"] or (for_inference and value.is_floating_point())
                made[name] = nn.Parameter(value, requires_grad=learns)
            else:
                made[name] = value
            if isinstance(made[name], nn.Parameter):
                module.register_parameter(last, made[name])
            else:
                module.register_buffer(last, made[name], persistent=said[name]["kept"])

    def tensor(self, placeholder: str) -> Tensor:
        """The tensor that a placeholder of the program is."""
        name = self.names.get(placeholder, placeholder)
        if name in self.constants:
            return self.constants[name]
        owner, _, last = name.rpartition(".")
        module = self.get_submodule(owner)
        return module.get_parameter(last) if last in module._parameters else module.get_buffer(last)

    def forward(self, *inputs: Tensor) -> Any:
        values: dict[str, Any] = dict(zip(self.input_names, inputs, strict=True))
        run = Run(self, values, self.root)
        run.go()
        return replaced(self.outputs, run.value)

    def _restore(self, program: Program, inputs: list[Tensor]) -> None:
        """Put torch's own modules in the place of their calls, where both give the same for `inputs`."""
        values: dict[str, Any] = dict(zip(self.input_names, inputs, strict=True))
        with torch.no_grad():
            Run(self, values, self.root).go()
        made: dict[str, Restored] = {}
        uses = _uses(self.root, self.outputs)
        sizes = {node.name for node in self.nodes if not isinstance(values.get(node.name), Tensor | list | tuple)}
        for segment in self.root.segments():
            known = made.get(segment.path)
            for found in candidates(segment, self.names, program.tensors, sizes):
                restored = _narrowed(found, segment, uses)
                if restored is None:
                    continue
                if known is not None:
                    restored = dataclasses.replace(restored, module=known.module, tensors=known.tensors)
                elif not self._take(restored, program):
                    continue
                if self._same(restored, values):
                    self.restored[segment] = made[segment.path] = restored
                    break
        calls = Counter(segment.path for segment in self.root.segments())
        whole = Counter(segment.path for segment in self.restored)
        made = {path: restored for path, restored in made.items() if whole[path] == calls[path]}
        self.restored = {segment: found for segment, found in self.restored.items() if segment.path in made}
        for path, restored in made.items():
            owner, _, last = path.rpartition(".")
            setattr(self.get_submodule(owner), last, restored.module)
        for restored in self.restored.values():
            restored.module.eval()

    def _take(self, restored: Restored, program: Program) -> bool:
        """Give a restored module the network's own tensors."""
        module = restored.module
        for name, full in restored.tensors.items():
            owner, _, last = name.rpartition(".")
            part = module.get_submodule(owner)
            tensor = self.tensor(full)
            if last in part._parameters and not isinstance(tensor, nn.Parameter):
                return False
            (part._parameters if isinstance(tensor, nn.Parameter) else part._buffers)[last] = tensor  # type: ignore[assignment]
        return not any(value.is_meta for value in [*module.parameters(), *module.buffers()])

    def _same(self, restored: Restored, values: Mapping[str, Any]) -> bool:
        """Whether it gives what its calls gave."""
        run = Run(self, dict(values), self.root)
        inputs = [tuple(each) if isinstance(each, list) else each for each in replaced(restored.inputs, run.value)]
        wanted = values[restored.outputs[0]]
        expected = list(wanted) if restored.several else [wanted]
        # no program was traced without gradients, where attention has another kernel; the calls ran without them, where
        # an LSTM has another one
        return any(_gives(restored, inputs, expected, learning) for learning in (True, False))


def _gives(restored: Restored, inputs: list[Any], expected: list[Any], learning: bool) -> bool:
    """Whether the module gives the same bits, computed as while it learns, or not."""
    try:
        with torch.set_grad_enabled(learning):
            found = _flat(restored.module.eval()(*inputs, **restored.options))
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError):
        return False
    return len(found) >= len(expected) and all(
        isinstance(a, Tensor) and equal(a, b) for a, b in zip(expected, found, strict=False)
    )


def _uses(root: Segment, outputs: Any) -> dict[str, set[int]]:
    """In which calls of modules each value is read: those around the call that reads it count too."""
    found: dict[str, set[int]] = {name: {0} for name in refs(outputs)}

    def walk(segment: Segment, around: tuple[int, ...]) -> None:
        here = (*around, id(segment))
        for item in segment.items:
            if isinstance(item, Segment):
                walk(item, here)
            else:
                for name in item.inputs():
                    found.setdefault(name, set()).add(id(segment))

    walk(root, ())
    return found


def _narrowed(found: Restored, segment: Segment, uses: Mapping[str, set[int]]) -> Restored | None:
    """`found` with the one value that is read outside; None where others are too."""
    parts = {node.name: node for node in segment.nodes if not is_function(node)}
    outer = [
        node.name for node in segment.nodes if uses.get(node.name, set()) - {id(segment)} and node.name not in parts
    ]
    of_parts = [
        next(refs(node.args), "")
        for name, node in parts.items()
        if base_name(node.op)[1] == "getitem" and uses.get(name, set()) - {id(segment)}
    ]
    left = list(dict.fromkeys([*outer, *of_parts]))
    if len(left) != 1 or left[0] not in found.outputs:
        return None
    return dataclasses.replace(found, outputs=left)


def _ensure(root: nn.Module, path: str, titles: Mapping[str, str]) -> nn.Module:
    """The module at `path`, made with those around it."""
    module, done = root, ""
    for part in filter(None, path.split(".")):
        done = f"{done}.{part}" if done else part
        if part not in module._modules:
            kind = type(titles.get(done, "") or "Module", (Part,), {})
            module.add_module(part, kind())
        module = module.get_submodule(part)
    return module


def _flat(result: Any) -> list[Any]:
    """The tensors of a layer's result in order; None where there is none, such as weights that nobody asked for."""
    if isinstance(result, tuple | list):
        return [each for part in result for each in _flat(part)]
    return [result]


def _refuse_unknown(nodes: Iterable[Node]) -> None:
    """Name every operator that no function of torch stands for here."""
    unknown: dict[str, str] = {}
    for node in nodes:
        space, name = base_name(node.op)
        known = name in {*IGNORED, *READS_SIZE} or name in (FUNCTIONS if space == "aten" else SIZES)
        if not known or not node.op.startswith("call_function:"):
            unknown.setdefault(name, f"{node.op.partition(':')[2]} (in {_place(node)})")
    if unknown:
        raise NotRecorded(f"no spec can say {', '.join(unknown.values())}", "graphspec ops lists what a spec can say")
