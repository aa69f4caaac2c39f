"""Every layer type of the vocabulary, written with as little as it can be: its shapes are those of a real run."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import graphspec
from graphspec.ops import lookup, names
from graphspec.ops.inferred import INFERRED
from graphspec.shapes.shaped import ShapedGraph, TensorType

LINE, SIGNAL, IMAGE, VOLUME = "N 8", "N 8 L", "N 8 H W", "N 8 16 H W"
SEQUENCE, IDS = "N T 8", "N T :int64"
SQUARE = "N 8 16 16"
#: Layer type → its inputs and the arguments that cannot be left out. Sizes in capitals are dynamic dims.
TABLE: dict[str, tuple[list[str] | dict[str, str], dict[str, Any]]] = {
    **{f"{kind}Pool1d": ([SIGNAL], {"kernel_size": 2}) for kind in ("Avg", "Max")},
    **{f"{kind}Pool2d": ([IMAGE], {"kernel_size": 2}) for kind in ("Avg", "Max")},
    **{f"{kind}Pool3d": ([VOLUME], {"kernel_size": 2}) for kind in ("Avg", "Max")},
    **{f"Adaptive{kind}Pool1d": ([SIGNAL], {"output_size": 3}) for kind in ("Avg", "Max")},
    **{f"Adaptive{kind}Pool2d": ([IMAGE], {"output_size": 3}) for kind in ("Avg", "Max")},
    **{f"Adaptive{kind}Pool3d": ([VOLUME], {"output_size": 3}) for kind in ("Avg", "Max")},
    "LPPool1d": ([SIGNAL], {"norm_type": 2.0, "kernel_size": 2}),
    "LPPool2d": ([IMAGE], {"norm_type": 2.0, "kernel_size": 2}),
    "LPPool3d": ([VOLUME], {"norm_type": 2.0, "kernel_size": 2}),
    "FractionalMaxPool2d": ([SQUARE], {"kernel_size": 2, "output_size": 5}),
    "FractionalMaxPool3d": (["N 8 16 16 16"], {"kernel_size": 2, "output_size": 5}),
    "MaxUnpool1d": (["N 8 4", "N 8 4 :int64"], {"kernel_size": 2}),
    "MaxUnpool2d": (["N 8 4 4", "N 8 4 4 :int64"], {"kernel_size": 2}),
    "MaxUnpool3d": (["N 8 4 4 4", "N 8 4 4 4 :int64"], {"kernel_size": 2}),
    **{f"{kind}1d": ([SIGNAL], {"out_channels": 4, "kernel_size": 3}) for kind in ("Conv", "ConvTranspose")},
    **{f"{kind}2d": ([IMAGE], {"out_channels": 4, "kernel_size": 3}) for kind in ("Conv", "ConvTranspose")},
    **{f"{kind}3d": ([VOLUME], {"out_channels": 4, "kernel_size": 3}) for kind in ("Conv", "ConvTranspose")},
    **{f"{kind}Pad1d": ([SIGNAL], {"padding": 1}) for kind in ("Circular", "Reflection", "Replication", "Zero")},
    **{f"{kind}Pad2d": ([IMAGE], {"padding": 1}) for kind in ("Circular", "Reflection", "Replication", "Zero")},
    **{f"{kind}Pad3d": ([VOLUME], {"padding": 1}) for kind in ("Circular", "Reflection", "Replication", "Zero")},
    "ConstantPad1d": ([SIGNAL], {"padding": 1, "value": 0.5}),
    "ConstantPad2d": ([IMAGE], {"padding": [1, 2, 0, 3], "value": 0.5}),
    "ConstantPad3d": ([VOLUME], {"padding": 1, "value": 0.5}),
    **{f"{kind}1d": ([SIGNAL], {}) for kind in ("BatchNorm", "InstanceNorm", "Dropout")},
    **{f"{kind}2d": ([IMAGE], {}) for kind in ("BatchNorm", "InstanceNorm", "Dropout", "Softmax")},
    **{f"{kind}3d": ([VOLUME], {}) for kind in ("BatchNorm", "InstanceNorm", "Dropout")},
    "SyncBatchNorm": ([IMAGE], {}),
    "GroupNorm": ([IMAGE], {"num_groups": 2}),
    "LayerNorm": ([SEQUENCE], {}),
    "RMSNorm": ([SEQUENCE], {}),
    "LocalResponseNorm": ([IMAGE], {"size": 3}),
    "ChannelShuffle": ([IMAGE], {"groups": 2}),
    "PixelShuffle": ([IMAGE], {"upscale_factor": 2}),
    "PixelUnshuffle": ([SQUARE], {"downscale_factor": 2}),
    "Upsample": ([IMAGE], {"scale_factor": 2.0}),
    "UpsamplingBilinear2d": ([IMAGE], {"scale_factor": 2.0}),
    "UpsamplingNearest2d": ([IMAGE], {"size": 5}),
    "Fold": (["N 8 9"], {"output_size": [4, 4], "kernel_size": 2}),
    "Unfold": ([SQUARE], {"kernel_size": 2}),
    "Flatten": ([SQUARE], {}),
    "Unflatten": ([LINE], {"dim": 1, "unflattened_size": [2, 4]}),
    "Linear": ([SEQUENCE], {"out_features": 5}),
    "Bilinear": (["N 8", "N 6"], {"out_features": 5}),
    "Embedding": ([IDS], {"num_embeddings": 10, "embedding_dim": 4}),
    "EmbeddingBag": (["N 7 :int64"], {"num_embeddings": 10, "embedding_dim": 4}),
    "CosineSimilarity": (["N 8", "N 8"], {}),
    "PairwiseDistance": (["N 8", "N 8"], {}),
    **{name: ([SEQUENCE], {"hidden_size": 5}) for name in ("GRU", "LSTM", "RNN")},
    **{name: ([LINE], {"hidden_size": 5}) for name in ("GRUCell", "LSTMCell", "RNNCell")},
    "MultiheadAttention": ([SEQUENCE] * 3, {"num_heads": 2, "batch_first": True}),
    "Transformer": ([SEQUENCE] * 2, {"nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1,
                                     "dim_feedforward": 4, "batch_first": True}),
    "TransformerEncoderLayer": ([SEQUENCE], {"nhead": 2, "dim_feedforward": 4, "batch_first": True}),
    "TransformerDecoderLayer": ([SEQUENCE] * 2, {"nhead": 2, "dim_feedforward": 4, "batch_first": True}),
    "Threshold": ([LINE], {"threshold": 0.5, "value": 0.0}),
    **{name: ([SEQUENCE], {"dim": 1}) for name in ("Softmax", "LogSoftmax", "Softmin")},
    **dict.fromkeys(
        "AlphaDropout CELU Dropout ELU FeatureAlphaDropout GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh Identity "
        "LeakyReLU LogSigmoid Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh "
        "Tanhshrink abs neg exp log sqrt rsqrt square sin cos erf relu sigmoid tanh reciprocal floor round sign gelu "
        "silu normalize ceil trunc exp2 expm1 log2 log10 log1p tan asin acos atan sinh cosh asinh acosh atanh erfc "
        "isnan isinf isfinite tril triu contiguous detach zeros_like ones_like randn_like rand_like bernoulli sort "
        "argsort diagonal diag_embed nan_to_num logit sinc gumbel_softmax".split(),
        (["N H 8"], {}),
    ),
    **dict.fromkeys(
        "add sub mul div maximum minimum eq ne lt le gt ge floor_divide remainder fmod atan2 logaddexp pow xlogy hypot "
        "heaviside".split(),
        (["N H", "N H"], {}),
    ),
    **dict.fromkeys("addcmul addcdiv lerp".split(), (["N H", "N H", "N H"], {})),
    **{f"bitwise_{name}": (["N H :int64", "N H :int64"], {}) for name in ("and", "or", "xor")},
    "bitwise_not": (["N H :int64"], {}),
    "masked_fill": (["N H", "N H :bool"], {"value": "-inf"}),
    "logical_xor": (["N H :bool", "N H :bool"], {}),
    "logical_and": (["N H :bool", "N H :bool"], {}),
    "logical_or": (["N H :bool", "N H :bool"], {}),
    "logical_not": (["N H :bool"], {}),
    "where": (["N H :bool", "N H", "N H"], {}),
    "clamp": ([LINE], {"min": 0.2}),
    "to": ([LINE], {"dtype": "int64"}),
    "cat": (["N H 8", "N W 8"], {"dim": 1}),
    "stack": (["N H", "N H"], {"dim": 1}),
    "split": (["N 8 H"], {"split_size_or_sections": [3, 5], "dim": 1}),
    "chunk": (["N 8 H"], {"chunks": 2, "dim": 1}),
    "unbind": (["N 4 H"], {"dim": 1}),
    "reshape": (["N H 8"], {"shape": ["${a.shape[0]}", "${a.shape[1] * 2}", 4]}),
    "flatten": (["N H W"], {"start_dim": 1}),
    "permute": (["N H W"], {"dims": [0, 2, 1]}),
    "transpose": (["N H W"], {"dim0": 1, "dim1": 2}),
    "squeeze": (["N 1 W"], {"dim": 1}),
    "unsqueeze": (["N W"], {"dim": 1}),
    "expand": (["1 4 8"], {"size": [3, 4, 8]}),
    "expand_as": (["1 8", "N 8"], {}),
    "flip": (["N W"], {"dims": [1]}),
    "roll": (["N W"], {"shifts": [1], "dims": [1]}),
    "narrow": (["N H"], {"dim": 1, "start": 2, "length": 3}),
    "select": (["N H"], {"dim": 1, "index": 0}),
    "slice": (["N 8 W"], {"dim": 1, "start": 1, "end": 6}),
    "index_select": (["N 8", "H :int64"], {"dim": 1}),
    "gather": (["N 8 H", "N 3 H :int64"], {"dim": 1}),
    "take_along_dim": (["N 8 H", "N 3 1 :int64"], {"dim": 1}),
    **{name: (["N 8 H", "N 3 H :int64", "N 3 H"], {"dim": 1}) for name in ("scatter", "scatter_add")},
    **{name: (["N 8 H", "8 :int64", "N 8 H"], {"dim": 1}) for name in ("index_add", "index_copy")},
    "index_fill": (["N 8 H", "3 :int64"], {"dim": 1, "value": 0.5}),
    "bucketize": (["N 8 H", "5"], {}),
    "searchsorted": (["N 5", "N H"], {}),
    "scatter_reduce": (["N 8 H", "N 3 H :int64", "N 3 H"], {"dim": 1, "reduce": "amax"}),
    "masked_scatter": (["N H", "N H :bool", "N H"], {}),
    "broadcast_tensors": (["N 1 H", "N 8 1"], {}),
    "isclose": (["N H", "N H"], {}),
    "kron": (["N H", "3 W"], {}),
    "cross": (["N 3 H", "N 3 H"], {"dim": 1}),
    "quantile": (["N H W"], {"q": 0.3, "dim": 1}),
    "slice_scatter": (["N 8 H", "N 3 H"], {"dim": 1, "start": 2, "end": 5}),
    "select_scatter": (["N 8 H", "N H"], {"dim": 1, "index": 2}),
    "one_hot": ([IDS], {"num_classes": 8}),
    **{name: (["N 8 H"], {"k": 3, "dim": 1}) for name in ("topk", "kthvalue")},
    "repeat": (["N H 8"], {"repeats": [2, 1, 3]}),
    "tile": (["N H 8"], {"dims": [2, 3]}),
    "repeat_interleave": (["N H 8"], {"repeats": 3, "dim": 1}),
    "unfold": (["N H 8"], {"dimension": 1, "size": 3, "step": 2}),
    "meshgrid": (["H", "W"], {}),
    "full_like": (["N H 8"], {"fill_value": 2}),
    **{name: (["N H 8"], {"size": ["${a.shape[1]}", 3]}) for name in ("new_zeros", "new_ones")},
    "new_full": (["N H 8"], {"size": ["${a.shape[1]}", 3], "fill_value": 2}),
    "grid_sample": (["N 8 H W", "N 5 L 2"], {}),
    "affine_grid": (["N 2 3"], {"size": ["${a.shape[0]}", 3, 5, 7]}),
    "linear": ([SEQUENCE, "5 8", "5"], {}),
    "conv1d": ([SIGNAL, "4 8 3", "4"], {}),
    "conv2d": ([IMAGE, "4 8 3 3", "4"], {"padding": 1}),
    "conv3d": ([VOLUME, "4 8 3 3 3", "4"], {"stride": [1, 2, 2]}),
    "conv_transpose1d": ([SIGNAL, "8 4 3", "4"], {"stride": 2}),
    "conv_transpose2d": ([IMAGE, "8 4 3 3", "4"], {}),
    "conv_transpose3d": ([VOLUME, "8 4 3 3 3", "4"], {}),
    "batch_norm": ([IMAGE, "8", "8", "8", "8"], {}),
    "instance_norm": ([IMAGE, "8", "8"], {}),
    "layer_norm": ([SEQUENCE, "8", "8"], {}),
    "rms_norm": ([SEQUENCE, "8"], {}),
    "group_norm": ([IMAGE, "8", "8"], {"num_groups": 2}),
    "embedding": ([IDS, "10 4"], {}),
    "prelu": ([IMAGE, "8"], {}),
    "addmm": (["5", "N 8", "8 5"], {}),
    "addmv": (["N", "N 8", "8"], {}),
    "addbmm": (["H W", "N H 8", "N 8 W"], {}),
    "addr": (["N H", "N", "H"], {}),
    "baddbmm": (["N H W", "N H 8", "N 8 W"], {}),
    "cdist": (["N H 8", "N W 8"], {}),
    "interpolate": (["N 8 H W"], {"size": [5, 6]}),
    "pad": (["N H"], {"pad": [1, 2]}),
    "matmul": (["N H 8", "N 8 W"], {}),
    "bmm": (["N H 8", "N 8 W"], {}),
    "einsum": (["N H 8", "N W 8"], {"equation": "nhc,nwc->nhw"}),
    "scaled_dot_product_attention": (["N 2 T 4"] * 3, {}),
    **{
        name: (["N H W"], {"dim": 1})
        for name in (
            "softmax log_softmax argmax argmin prod cumsum cumprod any all max min median cummax cummin"
        ).split()
    },
    **{
        name: (["N H W"], {"dim": [1, 2]})
        for name in "mean sum amax amin var std var_mean std_mean norm logsumexp nansum count_nonzero".split()
    },
    "arange": ([], {"end": 7}),
    **{name: ([], {"size": [2, 3]}) for name in ("zeros", "ones")},
    "full": ([], {"size": [2, 3], "fill_value": 2}),
    "eye": ([], {"n": 3, "m": 4}),
    "linspace": ([], {"start": -1.0, "end": 1.0, "steps": 5}),
    "Parameter": ([], {"shape": [2, 3]}),
    "Buffer": ([], {"data": [[1.0, 2.0], [3.0, 4.0]]}),
    "StochasticDepth": ([LINE], {"p": 0.1, "mode": "row"}),
    "DropBlock2d": ([SQUARE], {"p": 0.1, "block_size": 3}),
    "DropBlock3d": (["N 8 16 16 16"], {"p": 0.1, "block_size": 3}),
    "FrozenBatchNorm2d": ([IMAGE], {}),
    "SqueezeExcitation": ([IMAGE], {"squeeze_channels": 2}),
    "MLP": ([SEQUENCE], {"hidden_channels": [5, 3]}),
    "Permute": (["N H W"], {"dims": [0, 2, 1]}),
}  # fmt: skip
#: The variants of functions in which one operand is a number.
SCALARS: dict[str, tuple[list[str], dict[str, Any]]] = {
    **{
        name: ([LINE], {"other": 2.0})
        for name in "add sub mul div eq ne lt le gt ge floor_divide remainder fmod".split()
    },
    **{f"bitwise_{name}": (["N 8 :int64"], {"other": 3}) for name in ("and", "or", "xor")},
    "pow": ([LINE], {"exponent": 2.0}),
    "lerp": ([LINE, LINE], {"weight": 0.3}),
    "where": (["N 8 :bool", LINE], {"other": 2.0}),
    "scatter": (["N 8 H", "N 3 H :int64"], {"dim": 1, "value": 2.0}),
    "interpolate": (["N 8 H W"], {"scale_factor": 2.0}),
    "split": ([LINE], {"split_size_or_sections": 3, "dim": 1}),
}
#: Layers that other tests' files or installed packages register are not of the vocabulary.
CORE = [name for name in names() if lookup(name).origin in ("torch", "torch.nn", "torchvision.ops", "leaf")]


def shaped(name: str, inputs: list[str], arguments: dict[str, Any]) -> ShapedGraph:
    """One layer of that type on those inputs."""
    declared = {}
    for letter, text in zip("abc", inputs, strict=False):
        sizes, _, dtype = text.partition(":")
        shape = [int(size) if size.isdigit() else size for size in sizes.split()]
        declared[letter] = {"shape": shape, "dtype": dtype or "float32"}
    layers: dict[str, Any] = {"y": {"type": name, "from": list(declared), **arguments}}
    if not declared:
        # a network has an input; the layer under test takes none
        declared = {"a": {"shape": ["N", 8]}}
        del layers["y"]["from"]
        layers["rest"] = {"type": "ReLU", "from": "a"}
        spec = {"outputs": {"value": "y", "other": "rest"}}
        return graphspec.shape(graphspec.load({"graphspec": 1, "inputs": declared, "layers": layers, **spec}))
    return graphspec.shape(graphspec.load({"graphspec": 1, "inputs": declared, "layers": layers}))


def sample(kind: TensorType, sizes: dict[str, int]) -> Tensor:
    """A value of that type, with numbers for the dynamic dims."""
    shape = concrete(kind, sizes)
    if kind.dtype == torch.bool:
        return torch.rand(shape) > 0.5
    return torch.randint(0, 8, shape) if kind.dtype == torch.int64 else torch.rand(shape) * 0.8 + 0.1


def concrete(kind: TensorType, sizes: dict[str, int]) -> list[int]:
    return [
        dim if isinstance(dim, int) else int(dim.subs({symbol: sizes[str(symbol)] for symbol in dim.free_symbols}))
        for dim in kind.shape
    ]


def flat(value: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    if isinstance(value, Tensor):
        yield index, value
    for number, item in enumerate(value if isinstance(value, list | tuple) else ()):
        yield from flat(item, (*index, number))


def check(graph: ShapedGraph) -> None:
    """The layer's inferred types are those of a real run, at three random sizes."""
    layer = next(layer for layer in graph.layers if layer.name == "y")
    chance = random.Random(zlib.crc32(layer.type.encode()))
    module = graphspec.build(graph).eval()
    for _ in range(3):
        sizes = {"N": chance.randint(1, 4), **{dim: chance.randint(6, 20) for dim in "LHWT"}}
        inputs = {name: sample(kind, sizes) for name, kind in graph.inputs.items()}
        torch.manual_seed(0)
        if layer.op.is_leaf:
            found = {(): module(**inputs)["value"]}
        else:
            options = {name: value for name, value in layer.operands.items() if name in layer.op.options}
            operands = [inputs[name] for name in inputs if layer.op.ports]
            many = layer.op.ports and layer.op.ports[0].many
            ports = dict(zip([port.name for port in layer.op.ports], [operands] if many else operands, strict=False))
            found = dict(flat(module.get_submodule("y")(**ports, **runnable(options, sizes))))
        assert found.keys() == layer.outputs.keys()
        for index, value in found.items():
            assert list(value.shape) == concrete(layer.outputs[index], sizes)
            assert value.dtype == layer.outputs[index].dtype
        module(**inputs)


def runnable(options: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """Options with sizes known only at run time as numbers."""

    def number(value: Any) -> Any:
        if hasattr(value, "dim") and not isinstance(value, int | float | str):
            return concrete(TensorType((value.dim,)), sizes)[0]
        return [number(item) for item in value] if isinstance(value, list) else value

    return {name: number(value) for name, value in options.items()}


@pytest.mark.parametrize("name", CORE)
def test_inferred_shapes_are_those_of_a_real_run(name: str) -> None:
    inputs, arguments = TABLE[name]
    check(shaped(name, list(inputs), arguments))


@pytest.mark.parametrize("name", [name for name in CORE if lookup(name).scalar])
def test_an_operand_may_be_a_number(name: str) -> None:
    check(shaped(name, *SCALARS[name]))


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
@pytest.mark.parametrize(("number", "dtype"), [(2, "int64"), (2.0, "float32"), (0.5, "float32")])
def test_a_whole_number_leaves_integers_whole(name: str, number: float, dtype: str) -> None:
    """As in torch: token ids may be shifted and still be looked up."""
    found = shaped(name, [IDS], {"other": number})
    (kind,) = found.output_types.values()
    assert str(kind.dtype) == f"torch.{dtype}"
    check(found)


@pytest.mark.parametrize("name", CORE)
def test_what_follows_from_the_input_need_not_be_written(name: str) -> None:
    written = TABLE[name][1].keys()
    assert not written & INFERRED.keys()
    op = lookup(name)
    required = {key for key, entry in {**op.arguments, **op.options}.items() if entry.required}
    assert required - written <= INFERRED.keys()


def test_every_op_has_an_entry() -> None:
    assert TABLE.keys() == set(CORE)
