"""Recorded calls as lines of a spec: one row a function, see :mod:`graphspec.importing.functions`."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from graphspec.importing.functions import FUNCTIONS, RESHAPES, SAME, WEIGHTED
from graphspec.importing.leaves import constructor, leaf_type
from graphspec.importing.pair import Open, Pair, dynamic
from graphspec.importing.record import Call, NotRecorded, Value, values_in
from graphspec.importing.sizes import Computed, Formula
from graphspec.importing.step import Step
from graphspec.ops import Op, UnknownOp, lookup
from graphspec.ops.inferred import inferred


class NotInVocabulary(NotRecorded):
    """The vocabulary lacks a function."""


class Lowering:
    """Lowers the calls of one network; `same` says which value a value stands for."""

    def __init__(self, model: nn.Module, pairs: Sequence[Pair]) -> None:
        self.modules = dict(model.named_modules())
        self.pairs = list(pairs)
        self.stands_for: dict[Value, Value] = {}
        self.second: dict[Value, Value] = {}
        for pair in self.pairs:
            self.second.update(zip(pair.first.outputs, pair.second.outputs, strict=True))
        #: values that are random, with the share of ones before they are divided by it
        self.noise: dict[Value, float] = {}
        self.owned = self._owned()
        self.lacking: Counter[str] = Counter()

    def steps(self) -> list[Step]:
        """Every line, in execution order.

        Raises:
            NotInVocabulary: with the names of all functions that the vocabulary lacks.
        """
        found: list[Step] = []
        for pair in self.pairs:
            if pair.first.module is None and pair.constant:
                continue
            try:
                found += self._call(pair)
            except NotInVocabulary as error:
                self.lacking[str(error)] += 1
        if self.lacking:
            raise NotInVocabulary("; ".join(self.lacking), "graphspec ops lists what a spec can say")
        return found

    def value(self, value: Value) -> Value:
        """The value that holds these numbers first."""
        while value in self.stands_for:
            value = self.stands_for[value]
        return value

    def _owned(self) -> dict[Call, str]:
        """The calls whose weights are all of one module's own and used nowhere else: they are that layer."""
        uses: Counter[str] = Counter()
        calls: dict[Call, str] = {}
        for pair in self.pairs:
            call = pair.first
            if call.module is not None:
                continue
            own = [value for value in call.inputs() if value.kind in ("parameter", "buffer")]
            uses.update({value.name for value in own})
            paths = {value.name.rpartition(".")[0] for value in own}
            name = call.name.strip("_")
            if name in WEIGHTED and own and len(paths) == 1 and self._whole(paths.copy().pop(), own, name):
                calls[call] = paths.pop()
        counts = Counter(calls.values())
        return {
            call: path
            for call, path in calls.items()
            if all(uses[v.name] == counts[path] for v in call.inputs() if v.kind in ("parameter", "buffer"))
        }

    def _whole(self, path: str, own: Sequence[Value], function: str) -> bool:
        """Whether the module at `path` has no tensors but these, by the names that the layer gives them."""
        module = self.modules.get(path)
        if module is None or not path:
            return False
        names = {value.name.rpartition(".")[2] for value in own}
        direct = {name for name, _ in module.named_parameters(recurse=False)}
        direct |= {name for name, _ in module.named_buffers(recurse=False)} - {"num_batches_tracked"}
        has_state = any(True for child in module.children() for _ in (*child.parameters(), *child.buffers()))
        if (
            function == "batch_norm"
            and "running_mean" in direct
            and "num_batches_tracked" not in dict(module.named_buffers(recurse=False))
        ):
            return False
        return names == direct and names <= {"weight", "bias", "running_mean", "running_var"} and not has_state

    def _call(self, pair: Pair) -> Iterator[Step]:
        call = pair.first
        if call.module is not None:
            yield self._layer(pair)
            return
        name = call.name.strip("_")
        if call in self.owned:
            yield self._weighted(pair, name)
            return
        if name == "new_empty":
            return
        if any(value in self.noise for value in call.inputs()):
            yield from _drawn(self, pair)
            return
        special = _SPECIAL.get(name)
        if special:
            yield from special(self, pair)
        elif name in SAME:
            self._alias(pair)
        elif name in RESHAPES:
            yield self._reshape(pair)
        elif name in FUNCTIONS:
            yield self._function(pair, *FUNCTIONS[name])
        elif name in WEIGHTED and self._known(name):
            yield self._function(pair, name, WEIGHTED[name][1])
        else:
            raise self._lacks(pair)

    def _known(self, name: str) -> bool:
        try:
            lookup(name)
        except UnknownOp:
            return False
        return True

    def _lacks(self, pair: Pair, what: str = "") -> NotInVocabulary:
        where = pair.first.place or pair.first.path or pair.first.frame.path or "the network"
        return NotInVocabulary(f"the vocabulary has no {what or pair.first.name.strip('_')} (in {where})")

    def _alias(self, pair: Pair) -> None:
        value = next(pair.first.inputs())
        for output in pair.first.outputs:
            self.stands_for[output] = value

    def step(
        self, pair: Pair, kind: str, sources: Mapping[str, Any], args: Mapping[str, Any] | None = None,
        outputs: Sequence[tuple[str, Value]] | None = None, **more: Any,
    ) -> Step:  # fmt: skip
        """A line in the scope of the call, with what came out under the vocabulary's names."""
        op = lookup(kind)
        if outputs is None:
            outputs = [(selector(op, value.index), value) for value in pair.first.outputs]
        kept = {name: value for name, value in (args or {}).items() if not _is_default(op, name, value)}
        for name, value in kept.items():
            if _has_open(value):
                where = pair.first.path or pair.first.frame.path or "the network"
                raise NotRecorded(
                    f"{where}: {name} of {pair.first.name.strip('_')} is another number at another size, "
                    "and it is not computed from sizes"
                )
        shapes = {port: self.value(v).shape for port, v in sources.items() if isinstance(v, Value) and v.shape}
        if (shapes and "input" in kept) or shapes:
            guess = _inferred(op, shapes)
            kept = {name: value for name, value in kept.items() if name not in guess or not _equal(guess[name], value)}
        return Step(kind, pair.first.frame, dict(sources), kept, list(outputs), call=pair.first, **more)

    def _layer(self, pair: Pair) -> Step:
        """The call of a module that is a layer."""
        call = pair.first
        module = call.module
        assert module
        op = leaf_type(module)
        assert op
        args, kwargs = pair.args()
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        sources = {name: value for name, value in bound.items() if any(True for _ in values_in(value))}
        options = {name: value for name, value in bound.items() if name not in sources and name in op.options}
        ports = [port.name for port in op.ports]
        if any(name not in ports for name in sources):  # a forward with names of its own
            sources = dict(zip(ports, sources.values(), strict=False))
        stateful = any(True for _ in (*module.parameters(), *module.buffers()))
        return self.step(pair, op.name, sources, constructor(op, module) | options, path=call.path, stateful=stateful)

    def _weighted(self, pair: Pair, name: str) -> Step:
        """A function whose weights are one module's own, as that layer."""
        kind, parameters = WEIGHTED[name]
        bound = self._bound(pair, parameters)
        path = self.owned[pair.first]
        module = self.modules[path]
        weight, bias = bound.pop("weight", None), bound.pop("bias", None)
        source = bound.pop("input")
        rank = len(source.shape)
        if kind in ("BatchNorm", "InstanceNorm"):
            kind = f"{kind}{max(1, rank - 2)}d"
            tracks = bound.pop("running_mean", None) is not None
            args = {"affine": weight is not None, "track_running_stats": tracks, "eps": bound["eps"]}
            args["momentum"] = getattr(module, "momentum", bound.get("momentum", 0.1))
        else:
            args = {key: value for key, value in bound.items() if key in lookup(kind).arguments}
            args |= _from_weight(kind, weight, bias, args, pair)
        args = {key: _short(kind, key, value) for key, value in args.items()}
        return self.step(pair, kind, {"input": source}, args, path=path, stateful=True)

    def _function(self, pair: Pair, kind: str, parameters: Sequence[str]) -> Step:
        op = lookup_or(kind, lambda: self._lacks(pair, kind))
        bound = self._bound(pair, parameters)
        ports = {port.name: port for port in op.ports}
        sources: dict[str, Any] = {}
        args: dict[str, Any] = {}
        for name, value in bound.items():
            if value is None:
                continue
            if name in ports and any(True for _ in values_in(value)):
                number = _number(value) if op.scalar and op.scalar[0] == name else None
                if number is None:
                    sources[name] = value
                else:
                    args[name] = number
            elif name in op.arguments or name in op.options or (op.scalar and name == op.scalar[0]):
                args[name] = _short(op.name, name, _without_value(value, lambda: self._lacks(pair)))
            elif not _is_nothing(name, value):
                raise self._lacks(pair, f"{pair.first.name.strip('_')} with {name} = {value}")
        missing = [port.name for port in op.ports if port.required and port.name not in sources]
        if missing and not (op.scalar and missing == [op.scalar[0]] and missing[0] in args):
            raise self._lacks(pair, f"{pair.first.name.strip('_')} of a number")
        if op.broadcasts and not args.keys() & {"other"}:
            shapes = [self.value(v).shape for v in sources.values()]
            if any(shape != shapes[0] for shape in shapes):
                args["broadcast"] = True
        if "dim" in op.options and op.options["dim"].required and "dim" not in args:
            args["dim"] = list(range(len(sources["input"].shape)))
            if op.options["dim"].annotation is int:
                raise self._lacks(pair, f"{kind} over all dims")
        return self.step(pair, kind, sources, args)

    def _reshape(self, pair: Pair) -> Step:
        """The shape that came out; a dim that follows from the others is -1."""
        value, second = pair.first.outputs[0], pair.second.outputs[0]
        source = next(pair.first.inputs())
        open_dims = [n for n, is_dynamic in enumerate(dynamic(value, second)) if is_dynamic]
        shape: list[Any] = list(value.shape)
        if len(open_dims) == 1:
            shape[open_dims[0]] = -1
        elif len(open_dims) > 1:
            args, kwargs = pair.args()
            given = kwargs.get("shape", kwargs.get("size", args[1:]))
            given = list(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else list(given)
            if len(given) != len(shape):
                raise NotRecorded(f"{pair.first.frame.path}: a reshape to several sizes that are not known")
            for dim in open_dims:
                shape[dim] = given[dim]
        return self.step(pair, "reshape", {"input": source}, {"shape": shape})

    def _bound(self, pair: Pair, parameters: Sequence[str]) -> dict[str, Any]:
        """The call's arguments by the table's names."""
        args, kwargs = pair.args()
        found: dict[str, Any] = {}
        rest = list(args)
        for name in parameters:
            if not rest:
                break
            if name.startswith("*"):
                listed = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
                found[name[1:]] = listed
                rest = []
            else:
                found[name] = rest.pop(0)
        if rest:
            raise self._lacks(pair, f"{pair.first.name.strip('_')} with {len(args)} arguments")
        known = {name.strip("*[]") for name in parameters}
        for key, value in kwargs.items():
            key = _KEYWORDS.get(key, key)
            if key in known:
                found[key] = value
            elif not _is_nothing(key, value):
                raise self._lacks(pair, f"{pair.first.name.strip('_')} with {key} = {value}")
        return {
            name: value for name, value in found.items() if not name.startswith("[") and f"[{name}]" not in parameters
        }


_KEYWORDS = {"axis": "dim", "keepdims": "keepdim", "tensor": "tensor", "split_size": "split_size_or_sections"}
#: What a parameter that is left out means, where an op has no such argument.
_NOTHING: dict[str, tuple[Any, ...]] = {
    "alpha": (1,), "rounding_mode": (None,), "dtype": (None,), "dropout_p": (0.0,), "scale": (None,),
    "enable_gqa": (False,),
    "scale_factor": (None,), "recompute_scale_factor": (None, False), "antialias": (False,), "out": (None,),
    "training": (True, False), "max_norm": (None,), "sparse": (False,), "norm_type": (2.0,), "return_indices": (False,),
    "memory_format": (torch.preserve_format, torch.contiguous_format, torch.channels_last), "copy": (False,),
    "non_blocking": (False,),
    "device": (None,), "inplace": (True, False), "size_average": (None,), "_stacklevel": (3, 5),
    "use_input_stats": (True, False),
}  # fmt: skip


def _is_nothing(name: str, value: Any) -> bool:
    return value is None or value in _NOTHING.get(name, ()) or name == "device"


def lookup_or(kind: str, error: Callable[[], Exception]) -> Op:
    """The vocabulary's entry, or the error."""
    try:
        return lookup(kind)
    except UnknownOp:
        raise error() from None


def selector(op: Op, index: tuple[int, ...]) -> str:
    """How a spec names one value of a layer."""
    if not index or index == next(iter(op.values.values()), None):
        return ""
    return next((name for name, path in op.values.items() if path == index), ".".join(map(str, index)))


def _inferred(op: Op, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    try:
        return inferred(op, shapes)
    except (IndexError, TypeError):
        return {}


def _equal(a: Any, b: Any) -> bool:
    return a == b or (isinstance(a, list) and a == [b])


def _is_default(op: Op, name: str, value: Any) -> bool:
    parameter = op.arguments.get(name) or op.options.get(name)
    if parameter is None and op.scalar and name == op.scalar[0]:
        return False
    if name == "stride" and "Pool" in op.name:
        return False
    return parameter is not None and not parameter.required and _same(parameter.default, value)


def _same(default: Any, value: Any) -> bool:
    if isinstance(default, tuple | list) and not isinstance(value, tuple | list):
        return all(item == value for item in default)
    return (type(default) is type(value) and bool(default == value)) or (
        default == value and not isinstance(value, Formula)
    )


def _short(kind: str, name: str, value: Any) -> Any:
    """A list of equal numbers as one, where the argument takes one."""
    if isinstance(value, tuple | list) and name in _SCALARS and value and all(item == value[0] for item in value):
        return value[0]
    return list(value) if isinstance(value, tuple) else value


_SCALARS = frozenset("kernel_size stride padding dilation output_size output_padding upscale_factor".split())


def _has_open(value: Any) -> bool:
    if isinstance(value, Open):
        return True
    if isinstance(value, Computed):
        return _has_open(value.left) or _has_open(value.right)
    return isinstance(value, tuple | list) and any(map(_has_open, value))


def _number(value: Any) -> Any:
    """The number in a constant without dims, which a spec writes as one."""
    if (isinstance(value, Value) and value.data is not None and value.shape == () and value.kind == "constant") or (
        isinstance(value, Value) and value.kind == "call" and value.data is not None and value.shape == ()
    ):
        assert value.data is not None
        number = value.data.item()
        return number if math.isfinite(number) else None
    return None


def _without_value(value: Any, error: Callable[[], Exception]) -> Any:
    number = _number(value)
    if number is not None:
        return number
    if any(True for _ in values_in(value)):
        raise error()
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return value


def _from_weight(kind: str, weight: Value, bias: Value | None, args: Mapping[str, Any], pair: Pair) -> dict[str, Any]:
    """The constructor's arguments that the weight's shape holds."""
    if weight is None:
        return {"elementwise_affine": False}
    shape = list(weight.shape)
    if kind.startswith("ConvTranspose"):
        return {"out_channels": shape[1] * args.get("groups", 1), "kernel_size": shape[2:], "bias": bias is not None}
    if kind.startswith("Conv"):
        return {"out_channels": shape[0], "kernel_size": shape[2:], "bias": bias is not None}
    if kind == "Linear":
        return {"out_features": shape[0], "bias": bias is not None}
    if kind == "Embedding":
        return {"num_embeddings": shape[0], "embedding_dim": shape[1]}
    if kind == "LayerNorm":
        return {"bias": bias is not None}
    if kind == "PReLU":
        return {"num_parameters": shape[0]}
    return {}


def _index(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """``x[…]``: a chain of selections, a line each."""
    (source, given), _ = pair.args()
    items = list(given) if isinstance(given, tuple) else [given]
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if not any(item is Ellipsis for item in items):
        items.append(Ellipsis)
    steps: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    dim = 0
    for item in items:
        if item is Ellipsis:
            dim += len(source.shape) - used
        elif item is None:
            steps.append(("unsqueeze", {}, {"dim": dim}))
            dim += 1
        elif isinstance(item, bool):
            raise lowering._lacks(pair, "indexing by a bool")
        elif isinstance(item, slice):
            if item != slice(None) and (item.start, item.stop, item.step) != (0, None, None):
                steps.append(
                    ("slice", {}, {"dim": dim, "start": item.start or 0, "end": item.stop, "step": item.step or 1})
                )
            dim += 1
        elif isinstance(item, Value):
            if len(item.shape) != 1 or item.dtype not in (torch.int64, torch.int32):
                raise lowering._lacks(pair, f"indexing by {len(item.shape)} dims of {item.dtype}")
            steps.append(("index_select", {"index": item}, {"dim": dim}))
            dim += 1
        elif isinstance(item, int | Formula):
            steps.append(("select", {}, {"dim": dim, "index": item}))
        else:
            raise lowering._lacks(pair, f"indexing by {type(item).__name__}")
    if not steps:
        lowering._alias(pair)
        return
    value = source
    for n, (kind, sources, args) in enumerate(steps):
        last = n == len(steps) - 1
        output = pair.first.outputs[0] if last else Value((-1,), source.dtype, pair.first, (), "call")
        yield lowering.step(pair, kind, {"input": value} | sources, args, [("", output)])
        value = output


def _rdiv(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """number / x: what torch computes, a reciprocal and a product."""
    (source, number), _ = pair.args()
    inner = Value(source.shape, pair.first.outputs[0].dtype, pair.first, (), "call")
    yield lowering.step(pair, "reciprocal", {"input": source}, {}, [("", inner)])
    yield lowering.step(pair, "mul", {"input": inner}, {"other": number})


def _to(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """A conversion; to the dtype that it has already it is nothing."""
    source, output = next(pair.first.inputs()), pair.first.outputs[0]
    if source.dtype == output.dtype:
        lowering._alias(pair)
        return
    yield lowering.step(pair, "to", {"input": source}, {"dtype": str(output.dtype).removeprefix("torch.")})


def _transposed(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    source = next(pair.first.inputs())
    rank = len(source.shape)
    yield lowering.step(pair, "transpose", {"input": source}, {"dim0": rank - 2, "dim1": rank - 1})


def _squeeze(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    args, kwargs = pair.args()
    if len(args) == 2 or "dim" in kwargs:
        yield lowering._function(pair, *FUNCTIONS["squeeze"])
    else:
        yield lowering._reshape(pair)


def _norm(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    bound = lowering._bound(pair, ["input", "p", "dim", "keepdim", "[out]", "dtype"])
    if bound.get("p", 2) == "fro":
        bound["p"] = 2.0
    dim = bound.get("dim")
    dims = list(range(len(bound["input"].shape))) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    args = {"dim": dims, "p": float(bound.get("p") or 2.0), "keepdim": bound.get("keepdim", False)}
    yield lowering.step(pair, "norm", {"input": bound["input"]}, args)


def _reduce(kind: str) -> Callable[[Lowering, Pair], Iterator[Step]]:
    def lower(lowering: Lowering, pair: Pair) -> Iterator[Step]:
        bound = lowering._bound(pair, ["input", "dim", "keepdim", "dtype"])
        dim = bound.get("dim")
        dims = list(range(len(bound["input"].shape))) if dim is None else [dim] if isinstance(dim, int) else list(dim)
        value = bound["input"]
        if bound.get("dtype") not in (None, value.dtype):
            raise lowering._lacks(pair, f"{kind} with dtype")
        yield lowering.step(
            pair,
            kind,
            {"input": value},
            {"dim": dims[0] if len(dims) == 1 else dims, "keepdim": bound.get("keepdim", False)},
        )

    return lower


def _softmax(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    kind = pair.first.name.strip("_")
    bound = lowering._bound(pair, FUNCTIONS[kind][1])
    source, dtype = bound["input"], bound.get("dtype")
    if dtype is not None and dtype != source.dtype:
        inner = Value(source.shape, dtype, pair.first, (), "call")
        yield lowering.step(pair, "to", {"input": source}, {"dtype": str(dtype).removeprefix("torch.")}, [("", inner)])
        source = inner
    yield lowering.step(pair, kind, {"input": source}, {"dim": bound["dim"]})


def _rsub(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """number - x: the same bits as -x + number."""
    (source, number), _ = pair.args()
    if isinstance(number, Value):
        raise lowering._lacks(pair)
    inner = Value(source.shape, pair.first.outputs[0].dtype, pair.first, (), "call")
    yield lowering.step(pair, "neg", {"input": source}, {}, [("", inner)])
    yield lowering.step(pair, "add", {"input": inner}, {"other": number})


def _cat(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """Of one value it is that value."""
    bound = lowering._bound(pair, FUNCTIONS["cat"][1])
    if len(bound["tensors"]) == 1:
        lowering.stands_for[pair.first.outputs[0]] = bound["tensors"][0]
        return
    yield lowering._function(pair, *FUNCTIONS["cat"])


def _pad(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """By nothing it is its input."""
    if not any(lowering._bound(pair, FUNCTIONS["pad"][1])["pad"]):
        lowering._alias(pair)
        return
    yield lowering._function(pair, *FUNCTIONS["pad"])


def _interpolate(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """To a size a function, by a factor the layer Upsample."""
    bound = lowering._bound(pair, FUNCTIONS["interpolate"][1])
    if bound.get("scale_factor") is None or bound.get("antialias"):
        yield lowering._function(pair, *FUNCTIONS["interpolate"])
        return
    source = bound.pop("input")
    yield lowering.step(pair, "Upsample", {"input": source}, {k: v for k, v in bound.items() if v not in (None, False)})


def _masked_fill(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """where(mask, number, x)."""
    source, mask, number = pair.args()[0]
    number = _number(number) if isinstance(number, Value) else number
    if not isinstance(number, int | float):
        raise lowering._lacks(pair)
    filling = Value((), source.dtype, data=torch.tensor(number, dtype=source.dtype))
    yield lowering.step(pair, "where", {"condition": mask, "input": filling, "other": source}, {"broadcast": True})


def _repeat(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """Dims of size 1 many times: expand."""
    args, _ = pair.args()
    source = args[0]
    counts = list(args[1]) if len(args) == 2 and isinstance(args[1], tuple | list) else list(args[1:])
    extra = len(counts) - len(source.shape)
    sizes = [1] * extra + list(source.shape)
    if any(count != 1 and size != 1 for count, size in zip(counts, sizes, strict=True)):
        raise lowering._lacks(pair)
    yield lowering.step(
        pair, "expand", {"input": source},
        {"size": [-1 if n >= extra and count == 1 else count for n, count in enumerate(counts)]},
    )  # fmt: skip


def _drawn(lowering: Lowering, pair: Pair) -> Iterator[Step]:
    """Noise that leaves whole samples out, as every residual network's drop path has it: StochasticDepth."""
    call = pair.first
    name = call.name.strip("_")
    values = [value for value in call.inputs() if value in lowering.noise]
    args, _ = pair.args()
    if name == "bernoulli" and call.name.endswith("_") and len(args) == 2:
        lowering.noise[call.outputs[0]] = float(args[1])
    elif name in ("div", "idiv", "itruediv") and values and args[1] == lowering.noise[values[0]]:
        lowering.noise[call.outputs[0]] = lowering.noise[values[0]]
    elif name == "mul" and len(values) == 1:
        source = next(value for value in call.inputs() if value not in lowering.noise)
        keep = lowering.noise[values[0]]
        rate = next((p for p in (round(1 - keep, 12), 1 - keep) if 1.0 - p == keep), None)
        if rate is None or math.prod(values[0].shape) != source.shape[0]:
            raise lowering._lacks(pair, "random numbers")
        yield lowering.step(pair, "StochasticDepth", {"input": source}, {"p": rate, "mode": "row"})
    else:
        raise lowering._lacks(pair, "random numbers")


_SPECIAL: dict[str, Callable[[Lowering, Pair], Iterator[Step]]] = {
    "getitem": _index, "rdiv": _rdiv, "rtruediv": _rdiv, "T": _transposed, "mT": _transposed, "t": _transposed,
    "squeeze": _squeeze, "norm": _norm, "mean": _reduce("mean"), "sum": _reduce("sum"), "softmax": _softmax,
    "log_softmax": _softmax, "rsub": _rsub, "cat": _cat, "concat": _cat, "concatenate": _cat, "pad": _pad,
    "interpolate": _interpolate, "masked_fill": _masked_fill, "repeat": _repeat, "bernoulli": _drawn,
    **dict.fromkeys(["to", "type", "float", "half", "bfloat16", "double", "long", "int", "bool", "type_as"], _to),
}  # fmt: skip
