"""The layers whose sizes follow from those of their input without a choice, so that a few numbers show the rule.

Everything else is run on symbolic sizes, with all its branches. `tests/shapes/test_unbranched.py` runs each layer of
these tables at many sizes, 1 among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy

from graphspec.ops import Op
from graphspec.ops.backbones import ORIGINS, is_backbone
from graphspec.ops.op import Sizes
from graphspec.shapes.call import Types
from graphspec.shapes.dims import SizeExpr
from graphspec.shapes.shaped import ValueRef

#: Modules; functions say it themselves (:attr:`Op.sizes`). Every size that comes out is a number, one that goes in, or
#: a product of such, whichever dims are dynamic. Sizes that must agree do so as formulas, since each is given a number
#: of its own.
ANYWHERE = frozenset(
    (
        # element by element
        "AlphaDropout CELU Dropout Dropout1d Dropout2d Dropout3d ELU FeatureAlphaDropout GELU Hardshrink Hardsigmoid "
        "Hardswish Hardtanh Identity LeakyReLU LogSigmoid Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus "
        "Softshrink Softsign Tanh Tanhshrink Threshold StochasticDepth "
        # along dims, which keep their sizes or go
        "Softmax LogSoftmax Softmin Softmax2d BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm FrozenBatchNorm2d "
        "LayerNorm RMSNorm CosineSimilarity PairwiseDistance "
        # products over the last dims
        "Linear Bilinear Embedding MLP MultiheadAttention "
        "Transformer TransformerEncoderLayer TransformerDecoderLayer GRUCell LSTMCell RNNCell "
        # dims exchanged, joined, put in
        "Permute Flatten Parameter Buffer"
    ).split()
)
#: What they do to one sample does not depend on how many there are: for a dynamic dim 0 alone.
EACH_SAMPLE = frozenset(
    [
        *(
            f"{kind}{rank}d"
            for rank in (1, 2, 3)
            for kind in (
                "Conv ConvTranspose AvgPool MaxPool LPPool AdaptiveAvgPool AdaptiveMaxPool MaxUnpool InstanceNorm "
                "CircularPad ConstantPad ReflectionPad ReplicationPad ZeroPad"
            ).split()
        ),
        *(
            "FractionalMaxPool2d FractionalMaxPool3d ChannelShuffle PixelShuffle PixelUnshuffle Upsample "
            "UpsamplingBilinear2d UpsamplingNearest2d Fold Unfold DropBlock2d DropBlock3d LocalResponseNorm "
            "SqueezeExcitation EmbeddingBag"
        ).split(),
    ]
)
#: They act on the dim that they name, and pass the others on.
ON_ONE_DIM = frozenset(["Unflatten", "GLU"])
#: Each of these tables by what functions call it.
_TABLES: Mapping[Sizes, frozenset[str]] = {
    "anywhere": ANYWHERE, "each_sample": EACH_SAMPLE, "on_one_dim": ON_ONE_DIM,
}  # fmt: skip


def sizes_of(op: Op) -> Sizes:
    """What is known of the sizes that the layer gives."""
    return op.sizes or next((kind for kind, names in _TABLES.items() if op.name in names), "")


def is_unbranched(op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types) -> bool:
    """Whether the layer's sizes follow without a choice, with dynamic dims where these inputs have them."""
    if op.origin not in ("torch", "torch.nn", "torchvision.ops", "leaf", *ORIGINS.values()):
        return False  # a class of that name from elsewhere
    values = [ref for value in operands.values() for ref in _values(value)]
    places = {place for ref in values for place, dim in enumerate(types[ref].shape) if isinstance(dim, sympy.Expr)}
    sized = any(isinstance(item, SizeExpr) for value in operands.values() for item in _items(value))
    if sizes_of(op) == "anywhere" or not (places or sized):
        return True
    if sized:
        return False
    if sizes_of(op) == "on_one_dim":
        rank = len(types[values[0]].shape)
        return not {dim % rank for dim in _acted_on(op, {**arguments, **operands})} & places
    return places == {0} and (sizes_of(op) == "each_sample" or is_backbone(op))


def batch_of(op: Op, types: Types) -> sympy.Symbol | None:
    """The dynamic dim 0 of a layer that treats each sample by itself, if it is nowhere else."""
    if not (op.name in EACH_SAMPLE and op.origin == "torch.nn") and not is_backbone(op):
        return None
    first = {kind.shape[0] for kind in types.values() if kind.shape}
    rest = {free for kind in types.values() for dim in kind.shape[1:] for free in sympy.sympify(dim).free_symbols}
    (batch, *others) = first
    return batch if not others and isinstance(batch, sympy.Symbol) and batch not in rest else None


def _acted_on(op: Op, given: Mapping[str, Any]) -> list[int]:
    """The dims that the layer acts on, as it names them."""
    name = "dims" if "dims" in given else "dim"
    return _items(given[name] if name in given else {**op.arguments, **op.options}[name].default)


def _items(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else [value]


def _values(value: Any) -> Iterator[ValueRef]:
    yield from (item for item in _items(value) if isinstance(item, ValueRef))
