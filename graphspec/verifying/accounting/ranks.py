"""How many dims a value has, where onnx's inference does not tell: behind operators of other domains."""

from __future__ import annotations

from collections.abc import Mapping

from graphspec.verifying.accounting.elementwise import FUNCTIONS
from graphspec.verifying.accounting.terms import Term

#: onnxruntime's convolutions and pools over blocks of channels: of pictures, always.
_BLOCKED = "com.microsoft.nchwc::"
_OF_SAME_RANK = frozenset(
    """Affine Linear BatchNormalization InstanceNormalization GroupNormalization LayerNormalization MaxPool AveragePool
    Softmax LogSoftmax ReduceMean ReduceMax ReduceMin ReduceSum ReduceL2 Slice Pad Transpose Concat Resize Cast Split
    CumSum Tile com.microsoft::FusedMatMul""".split()
)
_BROADCASTING = frozenset((*FUNCTIONS, "MatMul", "Equal"))
#: What recurrent layers give: every step, and the last states.
_RECURRENT = {"LSTM": (4, 3, 3), "GRU": (4, 3), "RNN": (4, 3), "com.microsoft::DynamicQuantizeLSTM": (4, 3, 3)}


def rank_of(term: Term, inputs: Mapping[str, int]) -> int | None:
    """The number of dims of a value, those of the model's `inputs` being known by name; None where it is not known."""
    op, array = term.op, term.array
    if array is not None:
        return array.ndim
    if op == "input":
        return inputs.get(str(term.attribute("name")))
    if op.startswith(_BLOCKED):
        return 4
    if op in _RECURRENT:
        return _RECURRENT[op][term.index]
    if op in ("Conv", "ConvTranspose"):
        return rank_of(term.inputs[1], inputs)
    if op in _BROADCASTING:
        return _greatest([rank_of(part, inputs) for part in term.inputs if part.op != "none"])
    if op in _OF_SAME_RANK:
        return rank_of(term.inputs[0], inputs)
    return _arranged(term, inputs)


def _arranged(term: Term, inputs: Mapping[str, int]) -> int | None:
    """Of what has other dims than its input."""
    if term.op == "Flatten":
        return 2
    if term.op == "Reshape":
        return _length(term.inputs[1])
    if term.op == "Expand":
        return _greatest([rank_of(term.inputs[0], inputs), _length(term.inputs[1])])
    if term.op not in ("Squeeze", "Unsqueeze", "Gather") or len(term.inputs) < 2:
        return None
    rank, other = rank_of(term.inputs[0], inputs), term.inputs[1]
    if term.op == "Gather":
        more = rank_of(other, inputs)
        return None if rank is None or more is None else rank + more - 1
    count = None if other.array is None else other.array.size
    return None if rank is None or count is None else rank + (count if term.op == "Unsqueeze" else -count)


def _length(term: Term) -> int | None:
    """How many whole numbers a list of sizes has."""
    if term.array is not None:
        return int(term.array.size)
    if term.op == "Shape":
        first, last = term.attribute("start", 0), term.attribute("end")
        return last - first if isinstance(first, int) and isinstance(last, int) else None
    if term.op == "Reshape" or (term.op == "Unsqueeze" and term.inputs[0].op in ("Squeeze", "Mul")):
        return 1 if term.op == "Unsqueeze" or _length(term.inputs[1]) == 1 else None
    if term.op == "Concat":
        parts = [_length(part) for part in term.inputs]
        return None if None in parts else sum(part for part in parts if part is not None)
    return None


def _greatest(ranks: list[int | None]) -> int | None:
    return None if None in ranks or not ranks else max(rank for rank in ranks if rank is not None)
