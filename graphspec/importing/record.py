"""What a network does in one forward pass: every layer and function it calls, with what goes in and what comes out.

Nothing is traced: the network runs as it is, and a ``TorchFunctionMode`` and a patched ``Module.__call__`` write down
what it calls. So its control flow is that of a real run; what depends on the sizes shows in a second recording.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from graphspec.importing.leaves import leaf_type
from graphspec.importing.place import PLACE
from graphspec.importing.sizes import Size, SizeOf
from graphspec.system.torch_private import replaced, without_modes


class NotRecorded(Exception):
    """The network does what no spec can say."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclasses.dataclass(eq=False)
class Value:
    """One tensor that the network saw.

    `origin` is the call that gave it (`index` deep in its result), or nothing: then it is the input, parameter or
    buffer called `name`, or, without a name, a constant. `data` are the numbers of what depends on no input.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    origin: Call | None = None
    index: tuple[int, ...] = ()
    kind: str = "constant"
    name: str = ""
    data: Tensor | None = None


@dataclasses.dataclass(eq=False)
class Frame:
    """One call of one module that is no layer itself: `path` names it, `arguments` what its forward was given."""

    path: str
    caller: Frame | None
    arguments: dict[str, Any]
    module: nn.Module

    def stack(self) -> Iterator[Frame]:
        """This frame and those around it, from inside out."""
        frame: Frame | None = self
        while frame:
            yield frame
            frame = frame.caller


@dataclasses.dataclass(eq=False)
class Call:
    """One call: of the layer at `path`, or of a function in `frame`. `args` hold :class:`Value` and :class:`Size`."""

    name: str
    frame: Frame
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    module: nn.Module | None = None
    path: str = ""
    outputs: list[Value] = dataclasses.field(default_factory=list)
    result: Any = None
    place: str = dataclasses.field(default_factory=PLACE.get)

    def inputs(self) -> Iterator[Value]:
        """Every value that goes in."""
        return values_in((self.args, self.kwargs))


@dataclasses.dataclass(frozen=True)
class Recording:
    """One forward pass: its calls in order, and what came out, with values in place of tensors."""

    calls: list[Call]
    inputs: dict[str, Value]
    result: Any
    frames: list[Frame]


def values_in(structure: Any) -> Iterator[Value]:
    """Every value in nested tuples, lists, dicts and slices."""
    if isinstance(structure, Value):
        yield structure
    elif isinstance(structure, Mapping):
        yield from (value for item in structure.values() for value in values_in(item))
    elif isinstance(structure, tuple | list):
        yield from (value for item in structure for value in values_in(item))
    elif isinstance(structure, slice):
        yield from values_in((structure.start, structure.stop, structure.step))


#: They read the numbers in a tensor, on which the network's course may then depend.
_READS = frozenset(
    "item tolist numpy equal allclose is_nonzero __bool__ __int__ __float__ __index__ __contains__".split()
)
_RANDOM = frozenset("bernoulli bernoulli_ uniform_ normal_ rand randn randint rand_like randn_like randperm".split())
#: They take no number of their argument, only its size, dtype or device.
_CREATIONS = frozenset("new_zeros new_ones new_full new_tensor zeros_like ones_like full_like".split())


class Recorder(TorchFunctionMode):
    """Inside this mode the calls of `model` are written down. `watch` sees each tensor that a call gives."""

    def __init__(self, model: nn.Module, watch: Callable[[Call, int, Tensor], None] | None = None) -> None:
        super().__init__()
        self.model = model
        self.watch = watch
        self.paths: dict[int, str] = {}
        for path, module in model.named_modules():  # each module once, under its first path
            self.paths.setdefault(id(module), path)
        self.known: dict[int, tuple[weakref.ref[Tensor], Value]] = {}
        self.by_storage: dict[int, list[weakref.ref[Tensor]]] = {}
        self.stale: set[int] = set()
        self.calls: list[Call] = []
        self.frames: list[Frame] = []
        self.frame: Frame | None = None
        self.silent = False
        self._name_tensors()

    def _name_tensors(self) -> None:
        for kind, tensors in (("parameter", self.model.named_parameters), ("buffer", self.model.named_buffers)):
            for name, tensor in tensors():
                self._bind(tensor, Value(tuple(tensor.shape), tensor.dtype, kind=kind, name=name))

    def run(self, inputs: Mapping[str, Tensor]) -> Recording:
        """One forward pass of the network."""
        named = {name: Value(tuple(x.shape), x.dtype, kind="input", name=name) for name, x in inputs.items()}
        for name, tensor in inputs.items():
            self._bind(tensor, named[name])
        positional, keywords = arguments_for(self.model, inputs)
        original = nn.Module.__call__

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self.silent or id(module) not in self.paths:
                return original(module, *args, **kwargs)
            return self._module(original, module, args, kwargs)

        with replaced(nn.Module, "__call__", call), torch.no_grad(), self:
            result = self.model(*positional, **keywords)
        return Recording(self.calls, named, self._values(result), self.frames)

    def _module(self, original: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
        path = self.paths[id(module)]
        if self.frame is not None and leaf_type(module):
            return self._layer(original, module, path, args, kwargs)
        caller = self.frame
        self.frame = Frame(path, caller, self._arguments(module, args, kwargs), module)
        self.frames.append(self.frame)
        try:
            return original(module, *args, **kwargs)
        finally:
            self.frame = caller

    def _arguments(self, module: nn.Module, args: Any, kwargs: Any) -> dict[str, Any]:
        try:
            bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            bound = {}
        return {name: self._values(value) for name, value in bound.items()}

    def _layer(self, original: Any, module: nn.Module, path: str, args: Any, kwargs: Any) -> Any:
        assert self.frame
        call = Call(type(module).__name__, self.frame, self._values(args), self._values(kwargs), module, path)
        before = self._versions((args, kwargs))
        with self._quiet(), without_modes():
            result = original(module, *args, **kwargs)
        self._finish(call, result, before)
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
        name = getattr(func, "__name__", str(func))
        if name == "__get__":
            return self._attribute(func, args)
        if name in ("size", "numel", "nelement"):
            return self._sizes(name, func(*args, **kwargs), args, kwargs)
        if name in _READS:
            self._check_read(name, args)
        return self._function(name, func, args, kwargs)

    def _attribute(self, func: Any, args: Any) -> Any:
        result = func(*args)
        owner = getattr(func.__self__, "__name__", "")
        if owner == "shape":
            return self._sizes("size", result, args, {})
        if isinstance(result, Tensor) and owner in ("T", "mT", "data"):
            self._finish(Call({"data": "detach"}.get(owner, owner), self._here(), self._values(args), {}), result, {})
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

    def _check_read(self, name: str, args: Any) -> None:
        for value in values_in(self._values(args)):
            if value.data is None and value.kind != "buffer":
                where = f" in {self._here().path}" if self._here().path else ""
                raise NotRecorded(
                    f"the network reads the numbers of a tensor{where} ({name.strip('_')}), "
                    "and its course may depend on them",
                    "a spec has no branch on values; write it with where, or import the parts on either side",
                )

    def _function(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        structure = (args, kwargs)
        writes = name.endswith("_") or name == "__setitem__" or name.startswith("__i")
        given = self._values(args, name == "__setitem__"), self._values(kwargs)
        if writes:
            self._keep_constants(structure)
        before = self._versions(structure)
        call = Call(name, self._here(), *given)
        result = func(*args, **kwargs)
        self._finish(call, result, before)
        return result

    def _keep_constants(self, structure: Any) -> None:
        for tensor in tensors_in(structure):
            value = self._lookup(tensor)
            if value and value.data is not None:
                value.data = value.data.clone()

    def _versions(self, structure: Any) -> dict[int, tuple[Tensor, int]]:
        return {id(tensor): (tensor, tensor._version) for tensor in tensors_in(structure)}

    def _finish(self, call: Call, result: Any, before: Mapping[int, tuple[Tensor, int]]) -> None:
        """Note what a call gave, and what it changed in place."""
        written = {key: tensor for key, (tensor, version) in before.items() if tensor._version != version}
        known = call.name in _CREATIONS or all(v.data is not None for v in call.inputs())
        constant = call.module is None and call.name not in _RANDOM and known
        if constant and not any(True for _ in call.inputs()) and call.name in ("empty", "new_empty"):
            constant = False
        found = False
        for index, tensor in indexed_tensors(result):
            if id(tensor) in before and id(tensor) not in written:
                continue  # it returned its argument
            found = True
            self._give(call, index, tensor, constant)
        for key, tensor in written.items():
            if not any(key == id(other) for _, other in indexed_tensors(result)):
                found = True
                self._give(call, (), tensor, constant)
            self._outdate(tensor)
        if found:
            self.calls.append(call)

    def _give(self, call: Call, index: tuple[int, ...], tensor: Tensor, constant: bool) -> None:
        value = Value(tuple(map(int, tensor.shape)), tensor.dtype, call, index, "call")
        value.data = tensor.detach() if constant else None
        call.outputs.append(value)
        self._bind(tensor, value)
        if self.watch:
            with self._quiet(), without_modes():
                self.watch(call, len(call.outputs) - 1, tensor)

    def _outdate(self, written: Tensor) -> None:
        """Every other tensor over the same memory holds other numbers now than the recording says."""
        for ref in self.by_storage.get(_memory(written), ()):
            other = ref()
            if other is not None and other is not written:
                self.stale.add(id(other))

    def _bind(self, tensor: Tensor, value: Value) -> None:
        self.known[id(tensor)] = (weakref.ref(tensor), value)
        self.stale.discard(id(tensor))
        self.by_storage.setdefault(_memory(tensor), []).append(weakref.ref(tensor))

    def _lookup(self, tensor: Tensor) -> Value | None:
        ref, value = self.known.get(id(tensor), (None, None))
        return value if ref is not None and ref() is tensor else None

    def _values(self, structure: Any, stale: bool = False) -> Any:
        """`structure` with values in place of tensors; a tensor never seen is a constant."""
        if isinstance(structure, Tensor):
            value = self._lookup(structure)
            if value is None:
                value = Value(tuple(structure.shape), structure.dtype, data=structure.detach())
                self._bind(structure, value)
            if id(structure) in self.stale and not stale:
                here = self._here().path or type(self.model).__name__
                raise NotRecorded(f"{here} writes into a tensor in place, and reads it through another view")
            return value
        if isinstance(structure, Mapping):
            return {key: self._values(item) for key, item in structure.items()}
        if isinstance(structure, torch.Size):
            return tuple(structure)
        if isinstance(structure, tuple | list):
            items = [self._values(item, stale and n == 0) for n, item in enumerate(structure)]
            return tuple(items) if isinstance(structure, tuple) else items
        if isinstance(structure, slice):
            return slice(*(self._values(part) for part in (structure.start, structure.stop, structure.step)))
        if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
            fields = dataclasses.fields(structure)
            return {field.name: self._values(vars(structure)[field.name]) for field in fields}
        return structure

    def _here(self) -> Frame:
        assert self.frame
        return self.frame


def _memory(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return id(tensor)


def tensors_in(structure: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists and dicts."""
    if isinstance(structure, Tensor):
        yield structure
    elif isinstance(structure, Mapping):
        yield from (tensor for item in structure.values() for tensor in tensors_in(item))
    elif isinstance(structure, tuple | list):
        yield from (tensor for item in structure for tensor in tensors_in(item))


def indexed_tensors(result: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Every tensor in a result, with the path of indices that leads to it."""
    if isinstance(result, Tensor):
        yield index, result
    elif isinstance(result, tuple | list):
        for number, item in enumerate(result):
            yield from indexed_tensors(item, (*index, number))


def parameters_of(model: nn.Module) -> list[str]:
    """The names of forward's parameters."""
    return list(inspect.signature(model.forward).parameters)


def arguments_for(model: nn.Module, inputs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """`inputs` as `model` takes them: by name where all are parameters of its forward, else in order."""
    parameters = parameters_of(model)
    if all(name in parameters for name in inputs):
        return (), dict(inputs)
    return list(inputs.values()), {}
