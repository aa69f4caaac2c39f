"""Operations of a recorded pass in C, each with torch's own bits, and the proof that it has them."""

from __future__ import annotations

import ctypes
import enum
import functools
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Node

from graphspec.system.shared_library import EXACT, BuildError, shared_library
from graphspec.system.torch_private import log_softmax, log_softmax_backward

_SOURCE = Path(__file__).parent / "operations.c"
#: By what torch says of the processor: the length of its vectors, and Sleef's functions for these.
_LANES = {"AVX512": (16, "Sleef_expf16_u10", "Sleef_logf16_u10"), "AVX2": (8, "Sleef_expf8_u10", "Sleef_logf8_u10")}
#: Torch has its sums for AVX2 only.
_LANES_OF_SUMS = 8
#: So few results agree by chance, once or twice; how often they are asked for.
_FEW, _DRAWS = 1 << 12, 10
#: Elements from which on torch's kernels take several threads, which may sum in another order.
_ONE_THREAD = 1 << 15
#: Elements from which on a product takes so long that the call does not matter.
_LARGE_PRODUCT = 1 << 20
_ATEN = torch.ops.aten

#: What each node of a recording gives; its arguments are nodes too.
Values = dict[Any, Any]
#: A tensor: which of a node's results.
Key = tuple[Node, int]


class Kind(enum.IntEnum):
    """``enum kind`` of operations.c."""

    PRODUCT = 0
    RELU = 1
    THRESHOLD_BACKWARD = 2
    TANH_BACKWARD = 3
    SIGMOID_BACKWARD = 4
    SUM = 5
    LOG_SOFTMAX = 6
    LOG_SOFTMAX_BACKWARD = 7
    NLL = 8
    NLL_BACKWARD = 9


class Call(NamedTuple):
    """An operation of operations.c with its arguments and the numbers that it goes by."""

    kind: Kind
    arguments: tuple[Any, ...]
    size: tuple[int, ...]


class _Operation(ctypes.Structure):
    """``struct operation`` of operations.c."""

    _fields_ = [
        ("kind", ctypes.c_int64),
        ("arguments", ctypes.c_int64 * 3),
        ("results", ctypes.c_int64 * 2),
        ("size", ctypes.c_int64 * 5),
    ]


@functools.cache
def _found() -> ctypes.CDLL | str:
    """operations.c with torch's own products, exponentials and logarithms, or why it cannot be had."""
    found = _LANES.get(capability := torch.backends.cpu.get_cpu_capability())
    if found is None:
        return f"there are no kernels in C for a processor with {capability}"
    lanes, *names = found
    try:
        theirs = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        functions = [ctypes.cast(theirs[name], ctypes.c_void_p) for name in ("sgemm_", *names)]
        library = shared_library(_SOURCE, (*EXACT, f"-DLANES={lanes}"))
    except BuildError as error:
        return str(error)
    except (OSError, AttributeError):
        return "this torch lacks the functions that the kernels in C call"
    library.use(*functions)
    library.run.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
    return library


def library() -> ctypes.CDLL | None:
    """operations.c, ready to be called; None where it cannot be had."""
    found = _found()
    return None if isinstance(found, str) else found


def obstacle() -> str:
    """Why operations.c cannot be had; empty where it can."""
    found = _found()
    return found if isinstance(found, str) else ""


def call_of(node: Node, values: Values) -> Call | None:
    """`node` as an operation in C; None where there is none, or its tensors are not as that reads them."""
    rule = _RULES.get(node.target)
    call = rule(node, values) if rule is not None else None
    if call is None:
        return None
    labels = (call.arguments[1],) if call.kind in (Kind.NLL, Kind.NLL_BACKWARD) else ()
    dtypes = {each: torch.int64 if each in labels else torch.float32 for each in call.arguments}
    fits = all(values[each].dtype == dtype and values[each].is_contiguous() for each, dtype in dtypes.items())
    return call if fits else None


def _product(node: Node, values: Values) -> Call | None:
    bias: list[Any]
    *bias, a, b = node.args
    if node.kwargs or values[node].numel() >= _LARGE_PRODUCT or (bias and values[bias[0]].ndim != 1):
        return None
    (a, across_a), (b, across_b) = _straight(a), _straight(b)
    rows, columns = values[node].shape
    if rows == columns == 1:
        return None  # not a product to torch, but a sum
    common = values[a].shape[0 if across_a else 1]
    return Call(Kind.PRODUCT, (a, b, *bias), (rows, columns, common, across_a, across_b))


def _straight(node: Any) -> tuple[Any, bool]:
    """A matrix and whether it is to be read across."""
    return (node.args[0], True) if node.target is torch.t else (node, False)


def _each(kind: Kind, node: Node, values: Values) -> Call | None:
    """An operation on each element alone, without a threshold other than 0."""
    tensors, numbers = _split(node)
    size = values[node].numel()
    if any(numbers) or size >= _ONE_THREAD or any(values[each].numel() != size for each in tensors):
        return None
    return Call(kind, tensors, (size,))


def _sum(node: Node, values: Values) -> Call | None:
    (tensor,), how = _split(node)
    value = values[tensor]
    if how != [[0], True] or value.ndim != 2 or value.numel() >= _ONE_THREAD:
        return None
    rows, columns = value.shape
    if columns == 1:
        return None  # summed along memory, in yet another order
    block = 4 * _LANES_OF_SUMS if columns >= _LANES_OF_SUMS else 4
    return Call(Kind.SUM, (tensor,), (rows, columns, columns // block * block))


def _of_rows(kind: Kind, how: list[Any], node: Node, values: Values) -> Call | None:
    """An operation on each row of a matrix alone."""
    tensors, others = _split(node)
    value = values[node]
    if others != how or value.ndim != 2 or value.numel() >= _ONE_THREAD:
        return None
    return Call(kind, tensors, tuple(value.shape))


def _nll(kind: Kind, node: Node, values: Values) -> Call | None:
    """The mean over labels that all weigh the same, or its gradient."""
    *gradient, output, label, weight, reduction, ignored = node.args[:-1] if kind is Kind.NLL_BACKWARD else node.args
    if weight is not None or reduction != 1 or values[output].ndim != 2:
        return None
    size = (*values[output].shape, ignored)
    return Call(kind, (gradient[0], label, node.args[-1]) if gradient else (output, label), size)


def _split(node: Node) -> tuple[tuple[Node, ...], list[Any]]:
    """Tensors and other arguments."""
    return tuple(each for each in node.args if isinstance(each, Node)), [
        each for each in node.args if not isinstance(each, Node)
    ]


_RULES: dict[Any, Callable[[Node, Values], Call | None]] = {
    torch.mm: _product,
    torch.addmm: _product,
    torch.relu: functools.partial(_each, Kind.RELU),
    _ATEN.threshold_backward.default: functools.partial(_each, Kind.THRESHOLD_BACKWARD),
    _ATEN.tanh_backward.default: functools.partial(_each, Kind.TANH_BACKWARD),
    _ATEN.sigmoid_backward.default: functools.partial(_each, Kind.SIGMOID_BACKWARD),
    torch.sum: _sum,
    log_softmax: functools.partial(_of_rows, Kind.LOG_SOFTMAX, [1, False]),
    log_softmax_backward: functools.partial(_of_rows, Kind.LOG_SOFTMAX_BACKWARD, [1, torch.float32]),
    _ATEN.nll_loss_forward.default: functools.partial(_nll, Kind.NLL),
    _ATEN.nll_loss_backward.default: functools.partial(_nll, Kind.NLL_BACKWARD),
}


class Run:
    """Operations one after the other, as a function of the tensors `given` that gives those `wanted`."""

    def __init__(self, library: ctypes.CDLL, given: list[Key], memory: dict[Key, Tensor], wanted: list[Tensor]) -> None:
        self.__name__ = "run"  # what torch.fx calls it
        places = {key: place for place, key in enumerate([*given, *memory])}
        self._library, self._places, self._memory, self._wanted = library, places, memory, wanted
        self._addresses = (ctypes.c_void_p * len(places))(*[0] * len(given), *(t.data_ptr() for t in memory.values()))
        self._operations: list[_Operation] = []

    def add(self, call: Call, arguments: Sequence[Key], node: Node) -> None:
        """One more operation, of which the results are those of `node`."""
        places = [self._places[key] for key in arguments]
        results = [self._places.get((node, number), -1) for number in range(2)]
        self._operations.append(_Operation(call.kind, _row(places, 3), _row(results, 2), _row(call.size, 5)))

    def ready(self) -> Run:
        """This, callable."""
        table = (_Operation * len(self._operations))(*self._operations)
        self._arguments = table, len(table), self._addresses
        return self

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """The results, in the memory that they always have. Raises ``IndexError`` for a label that is no class."""
        copies = []  # which must live until the call has ended
        for place, tensor in enumerate(tensors):
            if not tensor.is_contiguous():
                tensor = tensor.contiguous()
                copies.append(tensor)
            self._addresses[place] = tensor.data_ptr()
        if not self._library.run(*self._arguments):
            raise IndexError("a target is out of bounds: it is no class of the output")
        return self._wanted


def _row(numbers: Sequence[int], length: int) -> Any:
    return (ctypes.c_int64 * length)(*numbers, *[-1] * (length - len(numbers)))


def proven(library: ctypes.CDLL, node: Node, call: Call, batches: Sequence[Values]) -> bool:
    """Whether `call` gives what `node` gave on every one of `batches`, to the last bit.

    A few numbers may agree by chance: where there are no more, they have to on other draws too.
    """
    few = sum(result.numel() for result in results_of(batches[0][node])) < _FEW
    draw = torch.Generator().manual_seed(0)
    drawn = (_redrawn(node, call, batches[0], draw) for _ in range(_DRAWS if few else 0))
    return all(same(library, node, call, values) for values in itertools.chain(batches, drawn))


def _redrawn(node: Node, call: Call, values: Values, draw: torch.Generator) -> Values:
    """Other numbers of several magnitudes for `node`, and what torch makes of them; labels stay."""
    fresh = dict(values)
    for each in dict.fromkeys(call.arguments):
        if (shape := values[each].shape) and values[each].is_floating_point():
            magnitude = torch.rand(shape, generator=draw) * 4 - 3
            fresh[each] = torch.randn(shape, generator=draw) * 10**magnitude
    given = [
        fresh[each.args[0]].t() if isinstance(each, Node) and each.target is torch.t else each for each in node.args
    ]
    function: Any = node.target
    fresh[node] = function(*(fresh[each] if isinstance(each, Node) else each for each in given))
    return fresh


def same(library: ctypes.CDLL, node: Node, call: Call, values: Values) -> bool:
    """Whether `call` gives what `node` gave, to the last bit."""
    expected = results_of(values[node])
    given: list[Key] = list(dict.fromkeys((each, 0) for each in call.arguments))
    found = {(node, number): torch.empty_like(value) for number, value in enumerate(expected)}
    run = Run(library, given, found, list(found.values()))
    run.add(call, [(each, 0) for each in call.arguments], node)
    return all(map(torch.equal, expected, run.ready()(*(values[each] for each, _ in given))))


def results_of(value: Any) -> tuple[Tensor, ...]:
    """The tensors that an operation gave."""
    return value if isinstance(value, tuple) else (value,)
