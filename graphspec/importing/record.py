"""What a network does in one forward pass: every layer and function it calls, with what goes in and what comes out.

Nothing is traced: the network runs as it is, and a ``TorchFunctionMode`` and a patched ``Module.__call__`` write down
what it calls. So its control flow is that of a real run; what depends on the sizes shows in a second recording.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from graphspec.importing.forward_pass import (
    Call,
    Frame,
    NotRecorded,
    Recording,
    Value,
    indexed_tensors,
    tensors_in,
    values_in,
)
from graphspec.importing.leaves import leaf_type
from graphspec.importing.sizes import Size, SizeOf
from graphspec.importing.variables import variable
from graphspec.importing.views import Cell, Memory, memory_of
from graphspec.system.torch_private import replaced, without_modes

#: They read the numbers in a tensor, on which the network's course may then depend.
_READS = frozenset(
    "item tolist numpy __array__ equal allclose is_nonzero __bool__ __int__ __float__ __index__ __contains__".split()
)
#: Those that answer yes or no.
_QUESTIONS = frozenset("equal allclose is_nonzero __bool__ __contains__".split())
_RANDOM = frozenset("bernoulli bernoulli_ uniform_ normal_ rand randn randint rand_like randn_like randperm".split())
#: They take no number of their first argument, only its size, dtype or device.
_CREATIONS = frozenset(
    "new_zeros new_ones new_full new_tensor zeros_like ones_like full_like zero_ fill_ copy_".split()
)

#: Functions that share their name with a method of tensors.
_NAMES: Mapping[Any, str] = {nn.functional.unfold: "im2col"}


class Recorder(TorchFunctionMode):
    """Inside this mode the calls of `model` are written down. `watch` sees each tensor that a call gives.

    A question about the numbers of a tensor is noted and answered, or, with `turned`, answered with the opposite: where
    the network does the same then, nothing depends on it.
    """

    def __init__(
        self, model: nn.Module, watch: Callable[[Call, int, Tensor], None] | None = None, turned: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.watch = watch
        self.turned = turned
        self.questions: list[NotRecorded] = []
        self.paths: dict[int, str] = {}
        self.aliases: dict[int, list[str]] = defaultdict(list)
        for path, module in model.named_modules(remove_duplicate=False):
            self.aliases[id(module)].append(path)
        self.memory = Memory(self._emit)
        self.calls: list[Call] = []
        self.frames: list[Frame] = []
        self.frame: Frame | None = None
        self.silent = False
        self._name_tensors()

    def _name_tensors(self) -> None:
        for kind, tensors in (("parameter", self.model.named_parameters), ("buffer", self.model.named_buffers)):
            for name, tensor in tensors():
                self.memory.bind(tensor, Value(tuple(tensor.shape), tensor.dtype, kind=kind, name=name))

    def run(self, inputs: Mapping[str, Tensor]) -> Recording:
        """One forward pass of the network."""
        named = {name: Value(tuple(x.shape), x.dtype, kind="input", name=name) for name, x in inputs.items()}
        for name, tensor in inputs.items():
            self.memory.bind(tensor, named[name])
        positional, keywords = arguments_for(self.model, inputs)
        original = nn.Module.__call__

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self.silent or id(module) not in self.aliases:
                return original(module, *args, **kwargs)
            return self._module(original, module, args, kwargs)

        with replaced(nn.Module, "__call__", call), torch.no_grad(), self:
            result = self.model(*positional, **keywords)
        return Recording(self.calls, named, self._values(result), self.frames, self.questions)

    def _module(self, original: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
        path = self._path(module)
        if self.frame is not None and leaf_type(module):
            return self._layer(original, module, path, args, kwargs)
        caller = self.frame
        self.frame = Frame(path, caller, self._arguments(module, args, kwargs), module)
        self.frames.append(self.frame)
        try:
            return original(module, *args, **kwargs)
        finally:
            self.frame = caller

    def _path(self, module: nn.Module) -> str:
        """The module's path: of several the one nearest to where it is called for the first time."""
        here = self.frame.path.split(".") if self.frame else []

        def near(path: str) -> int:
            return next((n for n, (a, b) in enumerate(zip(here, path.split("."), strict=False)) if a != b), len(here))

        return self.paths.setdefault(id(module), max(self.aliases[id(module)], key=near))

    def _arguments(self, module: nn.Module, args: Any, kwargs: Any) -> dict[str, Any]:
        try:
            bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            bound = {}
        return {name: self._values(value) for name, value in bound.items()}

    def _layer(self, original: Any, module: nn.Module, path: str, args: Any, kwargs: Any) -> Any:
        assert self.frame
        call = Call(type(module).__name__, self.frame, self._values(args), self._values(kwargs), module, path)
        before = _versions((args, kwargs))
        with self._quiet(), without_modes():
            result = original(module, *args, **kwargs)
        self._finish(call, result, before, (args, kwargs))
        return result

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        self.silent = True
        try:
            yield
        finally:
            self.silent = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.frame is None or self.silent:
            return func(*args, **kwargs)
        name = str(_NAMES.get(func) or getattr(func, "__name__", func))
        if func is nn.functional.multi_head_attention_forward:
            return self._opened(func, args, kwargs)
        if name == "__get__":
            return self._attribute(func, args)
        if name in ("size", "numel", "nelement"):
            return self._sizes(name, func(*args, **kwargs), args, kwargs)
        if name in _READS and self._reads(args):
            error = self._read(name)
            if name not in _QUESTIONS:
                raise error
            self.questions.append(error)
            return bool(func(*args, **kwargs)) != self.turned
        return self._function(name, func, args, kwargs)

    def _opened(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A function of torch's that no spec has, by the functions that it calls."""
        with replaced(nn.functional, "has_torch_function", lambda _: False), self:
            return func(*args, **kwargs)

    def _attribute(self, func: Any, args: Any) -> Any:
        result = func(*args)
        owner = getattr(func.__self__, "__name__", "")
        if owner == "shape":
            return self._sizes("size", result, args, {})
        if isinstance(result, Tensor) and owner not in ("grad", "_base"):
            name = {"data": "detach"}.get(owner, owner)
            self._finish(Call(name, self._here(), self._values(args), {}), result, {}, args)
        return result

    def _sizes(self, name: str, result: Any, args: Any, kwargs: Any) -> Any:
        """`result`, one size or all, with formulas."""
        value = self._values(args[0])
        if name != "size":
            product: Any = 1
            for size in self._sizes("size", args[0].shape, args[:1], {}):
                product = size * product
            return product
        if isinstance(result, int):
            dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
            return Size(result, SizeOf(value, dim % len(value.shape)))
        return torch.Size([Size(size, SizeOf(value, dim)) for dim, size in enumerate(result)])

    def _reads(self, args: Any) -> bool:
        """Whether one of the tensors depends on an input, or is learned."""
        return any(value.data is None and value.kind != "buffer" for value in values_in(self._values(args)))

    def _read(self, name: str) -> NotRecorded:
        where = f" in {self._here().path}" if self._here().path else ""
        return NotRecorded(
            f"the network reads the numbers of a tensor{where} ({name.strip('_')}), and its course may depend on them",
            "a spec has no branch on values; write it with where, or import the parts on either side",
        )

    def _function(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        structure = (args, kwargs)
        if name.endswith("_") or name == "__setitem__" or name.startswith("__i") or kwargs.get("inplace"):
            self.memory.keep_constants(structure)
        call = Call(name, self._here(), self._values(args), self._values(kwargs), variable=variable())
        before = _versions(structure)
        result = func(*args, **kwargs)
        self._finish(call, result, before, structure)
        return result

    def _finish(self, call: Call, result: Any, before: Mapping[int, tuple[Tensor, int]], given: Any) -> None:
        """Note what a call gave, and what it changed in place."""
        results = list(indexed_tensors(result))
        written = _written(before, [tensor for _, tensor in results])
        new = [(index, tensor) for index, tensor in results if id(tensor) not in before or id(tensor) in written]
        new += [((), tensor) for key, tensor in written.items() if not any(tensor is other for _, other in results)]
        if not new:  # it returned its argument
            return
        self.calls.append(call)
        constant = self._is_constant(call)
        for index, tensor in new:
            value = Value(tuple(map(int, tensor.shape)), tensor.dtype, call, index, "call")
            value.data = tensor.detach() if constant else None
            call.outputs.append(value)
            if self.watch:
                with self._quiet(), without_modes():
                    self.watch(call, len(call.outputs) - 1, tensor)
            if id(tensor) in written:
                self.memory.write(tensor, value)
            else:
                self.memory.bind(tensor, value, call, given)

    def _is_constant(self, call: Call) -> bool:
        if call.module is not None or call.name in _RANDOM or call.plain_name in ("empty", "new_empty", "empty_like"):
            return False
        inputs = list(call.inputs())
        return all(value.data is not None for value in (inputs[1:] if call.name in _CREATIONS else inputs))

    def _emit(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], cell: Cell) -> Value:
        """Record a call that says what a write into shared memory does to another tensor."""
        call = Call(name, self._here(), args, kwargs)
        value = Value(cell.value.shape, cell.value.dtype, call, () if name == "write" else cell.index, "call")
        if cell.live is not None and all(each.data is not None for each in call.inputs()):
            value.data = cell.live
        call.outputs.append(value)
        self.calls.append(call)
        tensor = cell.tensor()
        if self.watch:  # calls are counted as they are seen
            with self._quiet(), without_modes():
                self.watch(call, 0 if tensor is not None else 1, torch.empty(0) if tensor is None else tensor)
        return value

    def _values(self, structure: Any) -> Any:
        """`structure` with values in place of tensors; a tensor never seen is a constant."""
        if isinstance(structure, Tensor):
            return self._value(structure)
        if isinstance(structure, Mapping):
            return {key: self._values(item) for key, item in structure.items()}
        if isinstance(structure, torch.Size):
            return tuple(structure)
        if isinstance(structure, tuple | list):
            items = [self._values(item) for item in structure]
            if hasattr(structure, "_fields"):
                return dict(zip(structure._fields, items, strict=True))
            return tuple(items) if isinstance(structure, tuple) else items
        if isinstance(structure, slice):
            return slice(*(self._values(part) for part in (structure.start, structure.stop, structure.step)))
        if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
            fields = dataclasses.fields(structure)
            return {field.name: self._values(vars(structure)[field.name]) for field in fields}
        return structure

    def _value(self, tensor: Tensor) -> Value:
        cell = self.memory.find(tensor)
        if cell is None:
            value = Value(tuple(tensor.shape), tensor.dtype, data=tensor.detach())
            self.memory.bind(tensor, value)
            return value
        if cell.lost:
            here = self._here().path or type(self.model).__name__
            raise NotRecorded(f"{here} writes into a tensor in place, and reads its memory through another")
        return self.memory.current(cell)

    def _here(self) -> Frame:
        return self.frame or self.frames[0]


def _versions(structure: Any) -> dict[int, tuple[Tensor, int]]:
    return {id(tensor): (tensor, tensor._version) for tensor in tensors_in(structure)}


def _written(before: Mapping[int, tuple[Tensor, int]], results: Sequence[Tensor]) -> dict[int, Tensor]:
    """The arguments that were written into: views of one memory count together, so it is one of them."""
    changed = [tensor for tensor, version in before.values() if tensor._version != version]
    changed.sort(key=lambda tensor: not any(tensor is other for other in results))
    found: dict[int, Tensor] = {}
    for tensor in changed:
        found.setdefault(memory_of(tensor), tensor)
    return {id(tensor): tensor for tensor in found.values()}


def parameters_of(model: nn.Module) -> list[str]:
    """The names of forward's parameters."""
    return list(inspect.signature(model.forward).parameters)


def arguments_for(model: nn.Module, inputs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """`inputs` as `model` takes them: by name where all are parameters of its forward, else in order."""
    parameters = parameters_of(model)
    if all(name in parameters for name in inputs):
        return (), dict(inputs)
    return list(inputs.values()), {}
