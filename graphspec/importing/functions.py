"""The table of functions: how torch's calls are written in the vocabulary.

A row is torch's names (without underscores: ``add_`` and ``__add__`` are ``add``, ``__iadd__`` is ``iadd``), the type
in the vocabulary, and the order of the call's parameters by the vocabulary's names; ``*`` takes all that follow as a
list, a name in brackets is left out. What the vocabulary has under torch's name, with torch's parameters, needs no row.
"""

from __future__ import annotations

from graphspec.ops import Op
from graphspec.ops.op import parameters_of as op_parameters

_ROWS = """
add radd iadd | add          | input other alpha
sub isub subtract | sub          | input other alpha
rsub | rsub         | input other alpha
mul rmul imul multiply | mul          | input other
div truediv itruediv true_divide divide idiv | div  | input other rounding_mode
relu |              | input [inplace]
silu |              | input [inplace]
gelu |              | input approximate
clamp clip | clamp        | input min max
clamp_min | clamp        | input min
clamp_max | clamp        | input max
mean sum amax amin var norm |              | input dim keepdim
cat concat concatenate | cat          | tensors dim
split split_with_sizes | split        | tensor split_size_or_sections dim
flatten |              | input start_dim end_dim
permute |              | input *dims
transpose swapaxes swapdims | transpose    | input dim0 dim1
squeeze |              | input dim
flip |              | input *dims
interpolate |              | input size scale_factor mode align_corners recompute_scale_factor antialias
pad |              | input pad mode value
leaky_relu | LeakyReLU    | input negative_slope [inplace]
elu | ELU          | input alpha [inplace]
celu | CELU         | input alpha [inplace]
selu | SELU         | input [inplace]
relu6 | ReLU6        | input [inplace]
hardtanh | Hardtanh     | input min_val max_val [inplace]
hardswish | Hardswish    | input [inplace]
hardsigmoid | Hardsigmoid  | input [inplace]
mish | Mish         | input [inplace]
softplus | Softplus     | input beta threshold
logsigmoid log_sigmoid | LogSigmoid   | input
hardshrink | Hardshrink | input lambd
softshrink | Softshrink | input lambd
tanhshrink | Tanhshrink | input
threshold | Threshold | input threshold value [inplace]
softmin | Softmin | input dim [_stacklevel] dtype
pairwise_distance | PairwiseDistance | x1 x2 p eps keepdim
lp_pool1d | LPPool1d | input norm_type kernel_size stride ceil_mode
lp_pool2d | LPPool2d | input norm_type kernel_size stride ceil_mode
lp_pool3d | LPPool3d | input norm_type kernel_size stride ceil_mode
feature_alpha_dropout | FeatureAlphaDropout | input p [training] [inplace]
softsign | Softsign     | input
glu | GLU          | input dim
dropout | Dropout      | input p [training] [inplace]
dropout1d | Dropout1d    | input p [training] [inplace]
dropout2d feature_dropout | Dropout2d    | input p [training] [inplace]
dropout3d | Dropout3d    | input p [training] [inplace]
alpha_dropout | AlphaDropout | input p [training] [inplace]
adaptive_avg_pool1d | AdaptiveAvgPool1d | input output_size
adaptive_avg_pool2d | AdaptiveAvgPool2d | input output_size
adaptive_avg_pool3d | AdaptiveAvgPool3d | input output_size
adaptive_max_pool1d | AdaptiveMaxPool1d | input output_size return_indices
adaptive_max_pool2d | AdaptiveMaxPool2d | input output_size return_indices
adaptive_max_pool3d | AdaptiveMaxPool3d | input output_size return_indices
avg_pool1d | AvgPool1d    | input kernel_size stride padding ceil_mode count_include_pad
avg_pool2d | AvgPool2d | input kernel_size stride padding ceil_mode count_include_pad divisor_override
avg_pool3d | AvgPool3d | input kernel_size stride padding ceil_mode count_include_pad divisor_override
max_pool1d max_pool1d_with_indices | MaxPool1d    | input kernel_size stride padding dilation ceil_mode return_indices
max_pool2d max_pool2d_with_indices | MaxPool2d    | input kernel_size stride padding dilation ceil_mode return_indices
max_pool3d max_pool3d_with_indices | MaxPool3d    | input kernel_size stride padding dilation ceil_mode return_indices
pixel_shuffle | PixelShuffle | input upscale_factor
pixel_unshuffle | PixelUnshuffle | input downscale_factor
channel_shuffle | ChannelShuffle | input groups
local_response_norm | LocalResponseNorm | input size alpha beta k
fold | Fold         | input output_size kernel_size dilation padding stride
nan_to_num | | input nan posinf neginf
logit special_logit | logit | input eps
sinc special_sinc | sinc | input
xlogy special_xlogy | xlogy | input other
hypot | | input other
cosine_similarity | CosineSimilarity | x1 x2 dim eps
stochastic_depth | StochasticDepth | input p mode [training]
expand broadcast_to | expand | input *size
floordiv floor_divide ifloordiv | floor_divide | input other
mod remainder imod | remainder | input other
and bitwise_and iand | bitwise_and | input other
or bitwise_or ior | bitwise_or | input other
xor bitwise_xor ixor | bitwise_xor | input other
pow ipow | pow | input exponent
matmul imatmul mv dot vdot mm linalg_matmul | matmul | input other
maximum fmax | maximum | input other
minimum fmin | minimum | input other
chunk | | input chunks dim
expm1 special_expm1 | expm1 | input
sigmoid special_expit | sigmoid | input
log1p special_log1p | log1p | input
tile | | input *dims
einsum | | equation *operands
gumbel_softmax | | logits tau hard [eps] dim
searchsorted | | sorted_sequence input [out_int32] right [side] [sorter]
softmax log_softmax | | input dim [_stacklevel] dtype
argmax argmin prod | | input dim keepdim
im2col | Unfold | input kernel_size dilation padding stride
"""


def _rows() -> dict[str, tuple[str, list[str]]]:
    table = {}
    for line in _ROWS.strip().splitlines():
        names, kind, parameters = (part.strip() for part in line.split("|"))
        for name in names.split():
            table[name] = (kind or name, parameters.split())
    return table


def parameters_of(op: Op) -> list[str]:
    """The parameters of a function of the vocabulary, which has torch's own in torch's order."""
    return list(op_parameters(op.factory.forward))


#: Names that torch has beside the one that the vocabulary takes, with the same parameters.
ALIASES = {
    **{f"arc{name}": f"a{name}" for name in "cos sin tan cosh sinh tanh tan2".split()},
    **{f"special_{name}": name for name in "erf erfc exp2 softmax log_softmax logsumexp round".split()},
    "absolute": "abs", "negative": "neg", "fix": "trunc", "greater": "gt", "greater_equal": "ge", "less": "lt",
    "less_equal": "le", "not_equal": "ne", "unsafe_chunk": "chunk", "unsafe_split": "split",
    "unsafe_split_with_sizes": "split", "upsample_nearest": "upsample",
}  # fmt: skip
#: torch's name → the type in the vocabulary, and its parameters in order.
FUNCTIONS = _rows()
#: What gives its argument's numbers, as far as a spec goes.
SAME = frozenset("contiguous clone alias view_as_real_ requires_grad_ to_dense float_ cpu positive pin_memory".split())
#: Every call that gives the same elements in another shape: it is written with the shape that came out.
RESHAPES = frozenset("view reshape unflatten view_as reshape_as ravel".split())

#: Calls with weights: the layer, and the call's parameters in order.
WEIGHTED: dict[str, tuple[str, list[str]]] = {
    **{f"conv{n}d": (f"Conv{n}d", "input weight bias stride padding dilation groups".split()) for n in (1, 2, 3)},
    **{
        f"conv_transpose{n}d": (
            f"ConvTranspose{n}d", "input weight bias stride padding output_padding groups dilation".split(),
        )
        for n in (1, 2, 3)
    },
    "linear": ("Linear", "input weight bias".split()),
    "layer_norm": ("LayerNorm", "input normalized_shape weight bias eps".split()),
    "rms_norm": ("RMSNorm", "input normalized_shape weight eps".split()),
    "group_norm": ("GroupNorm", "input num_groups weight bias eps".split()),
    "batch_norm": ("BatchNorm", "input running_mean running_var weight bias training momentum eps".split()),
    "embedding": ("Embedding", "input weight padding_idx max_norm norm_type scale_grad_by_freq sparse".split()),
    "prelu": ("PReLU", "input weight".split()),
    "instance_norm": (
        "InstanceNorm", "input running_mean running_var weight bias use_input_stats momentum eps".split(),
    ),
}  # fmt: skip
