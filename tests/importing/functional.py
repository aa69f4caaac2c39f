"""Networks of one line each: what their forward does with `x`, or with `x` and parts of the network."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Small(nn.Module):
    """`function` of the network and its inputs; `parts` are its modules, parameters and, of plain tensors, buffers."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def _assigned(net: Any, x: Tensor) -> Tensor:
    y = net.fc(x).clone()
    y[:, 2:5] = x[:, :3]
    y[:, -1] = 0.5
    return y


def _every_other(net: Any, x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, ::2] = net.fc(x)[:, ::2]
    y[:, 1::2] += 1
    return y


def _through_a_view(net: Any, x: Tensor) -> Tensor:
    y = net.fc(x)
    head = y.view(-1, 2, 4)[:, 0]
    head.mul_(2)
    return y + head.sum(1, keepdim=True)


def _filled_in_a_loop(net: Any, x: Tensor) -> Tensor:
    found = x.new_zeros(x.shape[0], 3, 8)
    for n in range(3):
        found[:, n] = net.fc(x) * n
    return found


def _masked(net: Any, x: Tensor) -> Tensor:
    y = net.fc(x)
    y[y < 0] = 0.0
    return y


def _of_pieces(net: Any, x: Tensor) -> Tensor:
    y = net.fc(x)
    left, right = y[:, :4], y[:, 4:]
    left.add_(right)
    return y - torch.cat([right, left], 1)


def _carried(net: Any, x: Tensor) -> Tensor:
    state = x.new_zeros(x.shape[0], 8)
    for n in range(x.shape[1]):
        state = torch.tanh(net.fc(x[:, n]) + net.back(state))
    return state


def _equalised(net: Any, x: Tensor) -> Tensor:
    return F.linear(x, net.weight * 0.5, net.bias)


def _standardised(net: Any, x: Tensor) -> Tensor:
    weight = net.conv.weight
    mean, var = weight.mean((1, 2, 3), keepdim=True), weight.var((1, 2, 3), keepdim=True)
    return F.conv2d(x, (weight - mean) / torch.sqrt(var + 1e-5), net.conv.bias, padding=1)


def _rotary(net: Any, x: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * net.cos[: x.shape[1]] + turned * net.sin[: x.shape[1]]


def _transformed(net: Any, x: Tensor) -> Tensor:
    theta = net.fc(x.mean((2, 3))).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, list(x.size()), align_corners=False), align_corners=False)


def _best(net: Any, x: Tensor) -> Tensor:
    values, indices = net.fc(x).topk(3, dim=1)
    return values.softmax(1) * torch.gather(x, 1, indices)


def _left_out(net: Any, x: Tensor) -> Tensor:
    y = net.fc(x)
    if not net.training:
        return y
    kept = 0.75 + torch.rand((x.shape[0], 1), dtype=x.dtype)
    return y.div(0.75) * kept.floor_()


def _warned(net: Any, x: Tensor) -> Tensor:
    if (x > 1e9).any():
        warnings.warn("these are large numbers", stacklevel=2)
    return x * 2


class _Residual(nn.Module):
    """A block with a projection where `projected`."""

    def __init__(self, projected: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.projection = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)) if projected else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(torch.relu(self.first(x)))
        return y + (x if self.projection is None else self.projection(x))


def _residuals() -> nn.Sequential:
    return nn.Sequential(_Residual(True), _Residual(False))


def _parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape))


def _linear() -> nn.Linear:
    return nn.Linear(8, 8)


_LARGE = torch.randn(3, 5, 5)[torch.arange(2100) % 3]
_ROW = (torch.arange(16)[:, None] - torch.arange(16)).abs()
_DISTANCES = (_ROW[:, None, :, None] * 16 + _ROW[None, :, None, :]).reshape(256, 256)
_PAIRS = torch.arange(64).view(8, 8) % 9
_POSITIONS = torch.arange(16.0)[:, None] / 10 ** (torch.arange(8.0) / 4)
#: What each does, and the network with the kind of its input: "line" N × 8, "image" N × 3 × 8 × 8, "ids" N × 5,
#: "sequence" N × 5 × 8.
CASES: dict[str, tuple[Small, str]] = {
    "slices are assigned": (Small(_assigned, fc=_linear()), "line"),
    "every other number is assigned": (Small(_every_other, fc=_linear()), "line"),
    "a view is written into": (Small(_through_a_view, fc=_linear()), "line"),
    "rows are filled in a loop": (Small(_filled_in_a_loop, fc=_linear()), "line"),
    "numbers are assigned where a mask holds": (Small(_masked, fc=_linear()), "line"),
    "pieces are written into": (Small(_of_pieces, fc=_linear()), "line"),
    "a state is carried through a loop": (Small(_carried, fc=_linear(), back=_linear()), "sequence"),
    "the weight is scaled before use": (Small(_equalised, weight=_parameter(4, 8), bias=_parameter(4)), "line"),
    "the weight is standardised before use": (Small(_standardised, conv=nn.Conv2d(3, 4, 3)), "image"),
    "a parameter is a scalar": (Small(lambda net, x: x * net.scale.exp(), scale=_parameter()), "line"),
    "a buffer holds whole numbers": (Small(lambda net, x: x[:, net.order], order=torch.tensor([3, 1, 0])), "line"),
    "positions are cut": (Small(lambda net, x: x + net.table[: x.shape[1]], table=_POSITIONS), "sequence"),
    "positions are learned and looked up": (
        Small(lambda net, x: net.fc(x) + net.embed(torch.arange(x.shape[1])), fc=_linear(), embed=nn.Embedding(5, 8)),
        "sequence",
    ),
    "positions are turned": (Small(_rotary, cos=_POSITIONS.cos(), sin=_POSITIONS.sin()), "sequence"),
    "an image is transformed by what is learned": (Small(_transformed, fc=nn.Linear(3, 6)), "image"),
    "the best are gathered": (Small(_best, fc=_linear()), "line"),
    "numbers stand on the left": (Small(lambda net, x: 1 - x + 2 / (1 + x.abs()) + 3 * x), "line"),
    "whole numbers are divided": (Small(lambda net, x: x // 2 + x % 3), "ids"),
    "powers and roots": (Small(lambda net, x: (x**2 + 1) ** 0.5 + x.pow(3) - torch.sqrt(x.abs())), "line"),
    "conditions and limits": (Small(lambda net, x: torch.where((x > 0) & ~(x > 1), x, 0.5).clamp(max=0.9)), "line"),
    "all is reduced": (Small(lambda net, x: (x - x.mean()) / (x.std() + x.max() - x.min() + x.sum())), "line"),
    "along dims": (Small(lambda net, x: torch.cat([torch.var_mean(x, 1)[0], x.amax(1), x.max(1)[0]])), "line"),
    "lengths of vectors": (
        Small(lambda net, x: x / torch.linalg.vector_norm(x, dim=1, keepdim=True) + torch.linalg.vector_norm(x, 1)),
        "line",
    ),
    "by mean and deviation": (
        Small(lambda net, x: (lambda std, mean: (x - mean) / std)(*torch.std_mean(x, 1, keepdim=True))), "line",
    ),
    "sorted and summed up": (Small(lambda net, x: x.sort(dim=1, descending=True)[0].cumsum(1) + x.argsort(1)), "line"),
    "ids are laid out": (Small(lambda net, x: F.one_hot(x, 16).float() @ net.weight, weight=_parameter(16, 4)), "ids"),
    "casts to and fro": (Small(lambda net, x: (x.double() * 2).to(x.dtype) + (x > 0).long().float()), "line"),
    "dims are moved": (Small(lambda net, x: x.movedim(1, -1).transpose(1, 2).flip(1).permute(0, 3, 1, 2).mT), "image"),
    "rolled, padded and repeated": (
        Small(lambda net, x: F.pad(torch.roll(x, (1, -1), (2, 3)), (1, 2)).repeat(1, 2, 1, 1)), "image",
    ),
    "windows of an image": (Small(lambda net, x: F.fold(F.unfold(x, 2, stride=2), (8, 8), 2, stride=2)), "image"),
    "windows of a sequence": (Small(lambda net, x: x.unfold(1, 3, 1).mean(-1)), "sequence"),
    "resized to another's size": (
        Small(lambda net, x: F.interpolate(net.conv(x), size=x.shape[2:], mode="bilinear"), conv=nn.Conv2d(3, 3, 3, 2)),
        "image",
    ),
    "resized to one size for both": (Small(lambda net, x: F.interpolate(x, size=4)), "image"),
    "distances": (
        Small(lambda net, x: F.pairwise_distance(x, x.flip(1), p=1.0, keepdim=True) + torch.cdist(x, x.abs())),
        "sequence",
    ),
    "shrunken and cut": (
        Small(lambda net, x: torch.hstack([F.softshrink(x, 0.3), F.hardshrink(x), F.tanhshrink(x), F.softmin(x, 1),
                                           F.threshold(x, 0.1, 2.0)])),
        "line",
    ),
    "pooled by a norm": (Small(lambda net, x: F.lp_pool2d(x, 2.0, 2)), "image"),
    "resized by a factor": (Small(lambda net, x: F.interpolate(x, scale_factor=2, mode="nearest")), "image"),
    "a mask of minus infinity is made inside": (
        Small(lambda net, x: (x @ x.mT + torch.triu(torch.full((5, 5), float("-inf")), 1)).softmax(-1)), "sequence",
    ),
    "a warning depends on numbers, and nothing else": (Small(_warned), "line"),
    "places are learned for each pair": (
        Small(lambda net, x: x @ net.bias[:, net.index].mean(0), bias=_parameter(2, 9), index=_PAIRS),
        "line",
    ),
    "a large table has few different rows": (Small(lambda net, x: ((x @ x.mT)[:, None] + _LARGE).amax(1)), "sequence"),
    "places of a large grid are relative to each other": (
        Small(lambda net, x: x + net.bias[_DISTANCES].sum(), bias=_parameter(256)), "line",
    ),
    "limits are tensors": (
        Small(lambda net, x: net.fc(x).clamp(net.low, net.high).clamp(min=net.least),
              fc=_linear(), low=torch.tensor(-0.5), high=torch.tensor(float("inf")), least=_parameter(8)),
        "line",
    ),
    "a negative padding cuts off": (Small(lambda net, x: net.pad(x), pad=nn.ZeroPad2d((-1, 1, -2, 1))), "image"),
    "norms by functions without a bias": (
        Small(
            lambda net, x: F.batch_norm(
                F.group_norm(x, 3, net.group.weight, net.group.bias), None, None, net.batch.weight, None, True
            ),
            group=nn.GroupNorm(3, 3, bias=False), batch=nn.BatchNorm2d(3, track_running_stats=False, bias=False),
        ),
        "image",
    ),
    "whole samples are left out in training": (Small(_left_out, fc=_linear()), "line"),
    "sums are written by letters": (Small(lambda net, x: torch.einsum("nch,nth->nct", x, x)), "sequence"),
    "attention by torch's function": (
        Small(lambda net, x: F.scaled_dot_product_attention(x, x, x, is_causal=True)), "sequence",
    ),
    "attention by the function behind torch's layer": (
        Small(
            lambda net, x: F.multi_head_attention_forward(
                x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), 8, 2, None, net.bias, None, None, False, 0.0,
                net.out.weight, net.out.bias, use_separate_proj_weight=True, q_proj_weight=net.q.weight,
                k_proj_weight=net.k.weight, v_proj_weight=net.v.weight, need_weights=False,
            )[0],
            q=nn.Linear(8, 8, False), k=nn.Linear(8, 8, False), v=nn.Linear(8, 8, False), out=nn.Linear(8, 8),
            bias=_parameter(24),
        ),
        "sequence",
    ),
    "numbers are put where an index says": (
        Small(lambda net, x: x + net.table.index_put((net.order,), net.rows).sum(0),
              table=_parameter(4, 8), rows=_parameter(2, 8), order=torch.tensor([2, 0])),
        "line",
    ),
    "gates of two halves": (Small(lambda net, x: F.glu(net.fc(x)) * F.silu(x[:, :4]), fc=_linear()), "line"),
    "norms by functions": (
        Small(lambda net, x: F.layer_norm(x, (8,), net.scale) + F.normalize(x, dim=1) + x.norm(dim=1, keepdim=True),
              scale=_parameter(8)),
        "line",
    ),
    "a list of numbers becomes a tensor": (Small(lambda net, x: x * torch.tensor([1.0, 2.0] * 4)), "line"),
    "outer products": (Small(lambda net, x: (x[:, :, None] * x[:, None, :]).flatten(1)), "line"),
    "pooled": (Small(lambda net, x: F.avg_pool2d(F.max_pool2d(x, 2), 2) + x.mean((2, 3))[..., None, None]), "image"),
    "numbers are put in order before they are summed up": (
        Small(lambda net, x: F.adaptive_avg_pool2d(net.norm(x.movedim(1, -1)).movedim(-1, 1).contiguous(), 1),
              norm=nn.LayerNorm(3)),
        "image",
    ),
    "an empty tensor is filled part by part": (Small(lambda net, x: _filled(net, x), fc=_linear()), "line"),
    "products of rows": (
        Small(lambda net, x: x[:, None] * torch.outer(net.w, net.w) + torch.mv(net.m, net.w) + torch.dot(net.w, net.w),
              w=_parameter(8), m=_parameter(8, 8)),
        "line",
    ),
    "sums of products": (
        Small(lambda net, x: torch.inner(x, net.m) + torch.tensordot(x, net.m, 1),
              m=_parameter(8, 8)),
        "line",
    ),
    "side by side": (
        Small(lambda net, x: torch.hstack([torch.fliplr(x), torch.flipud(x)]) + torch.vstack([x, x]).sum()), "line",
    ),
    "steps from one to the next": (Small(lambda net, x: torch.diff(x, dim=1) + torch.frac(x)[:, 1:]), "line"),
    "a number to the power": (Small(lambda net, x: 2**x + x.new_tensor([1.0, 2.0]).sum() * x), "line"),
    "all and any of all": (Small(lambda net, x: x * (x > -9).all() + x * (x > 9).any()), "line"),
    "norms of vectors": (
        Small(lambda net, x: torch.linalg.norm(x, dim=2) + torch.linalg.norm(x, 1, 2) + F.logsigmoid(x).sum(2)),
        "sequence",
    ),
    "pooled to the input's own height": (
        Small(lambda net, x: F.adaptive_avg_pool2d(x, (None, 4)) + F.max_pool2d(x, (1, 2), return_indices=True)[0]
              + F.lp_pool2d(x.abs(), 2, (1, 2))), "image",
    ),
    "a row as large as another": (
        Small(lambda net, x: torch.broadcast_to(net.w, x.shape) * x, w=_parameter(8)), "line",
    ),
    "middles and shares": (
        Small(lambda net, x: x.median(1)[0] * x.median() + torch.quantile(x, 0.3, dim=1) + x.quantile(0.5)
              + torch.kthvalue(x, 2, dim=1).values),
        "line",
    ),
    "the greatest so far": (
        Small(lambda net, x: x.cummax(1)[0] + torch.cummin(x, 1).values
              + torch.cummax(x, 1).indices),
        "line",
    ),
    "numbers in place of what is none": (
        Small(lambda net, x: torch.nan_to_num((x / 0).log(), nan=0.5, posinf=2.0) + torch.logit(x.sigmoid(), 1e-3)
              + torch.nansum(x.sqrt(), 1, keepdim=True) + torch.sinc(x).round(decimals=1)),
        "line",
    ),
    "curves of two": (
        Small(lambda net, x: torch.xlogy(x, x.abs()) + torch.hypot(x, net.w) + torch.heaviside(x, net.w),
              w=_parameter(8)),
        "line",
    ),
    "diagonals": (
        Small(lambda net, x: x @ torch.diag(net.w) + x @ torch.diag_embed(net.w, 1)[:8, :8] + torch.diag(net.m),
              w=_parameter(8), m=_parameter(8, 8)),
        "line",
    ),
    "counted and put into buckets": (
        Small(lambda net, x: torch.bucketize(x, torch.tensor([-0.5, 0.5])).float() + torch.count_nonzero(x > 0)
              + torch.index_fill(x, 1, torch.tensor([0, 2]), 0.5) + torch.aminmax(x, dim=1, keepdim=True)[0]),
        "line",
    ),
    "compared with infinity": (Small(lambda net, x: x * (x.log() == float("-inf")) + (x < float("inf"))), "line"),
    "put into their order, and near enough": (
        Small(lambda net, x: torch.searchsorted(net.edges, x).float() + torch.searchsorted(x.cumsum(1), x, right=True)
              + torch.isclose(x, x * 1.001, rtol=0.01), edges=torch.arange(8.0)),
        "line",
    ),
    "reduced where an index puts them": (
        Small(lambda net, x: x.scatter_reduce(1, net.order.expand(x.shape[0], 3), x[:, :3], "mean", include_self=False)
              .scatter_reduce(1, net.order.expand(x.shape[0], 3), x[:, 3:6], reduce="amax"),
              order=torch.tensor([[3, 1, 3]])),
        "line",
    ),
    "put where a mask holds, one after another": (
        Small(lambda net, x: net.fc(x).masked_scatter(x > 0, x), fc=_linear()), "line",
    ),
    "one of several is drawn": (
        Small(lambda net, x: F.gumbel_softmax(net.fc(x), 0.5) if net.training else (net.fc(x) / 0.5).softmax(-1),
              fc=_linear()),
        "line",
    ),
    "sums with products": (
        Small(lambda net, x: torch.addmv(x.sum(0), net.m, net.w, beta=0.5) + torch.addr(net.m, net.w, net.w)[:1]
              + torch.addbmm(net.m, net.m[None], net.m[None], alpha=2)[:1] + torch.kron(net.w[:2], net.w[:4]),
              m=_parameter(8, 8), w=_parameter(8)),
        "line",
    ),
    "as large as each other": (
        Small(lambda net, x: torch.stack(torch.broadcast_tensors(x[:, None], net.m)).sum(0), m=_parameter(8, 8)),
        "line",
    ),
    "vectors across": (
        Small(lambda net, x: torch.cross(x[..., :3], x[..., 3:6], dim=-1) + torch.linalg.cross(x[..., :3], x[..., 5:])),
        "sequence",
    ),
    "turned by a quarter": (
        Small(lambda net, x: torch.rot90(x, 1, (2, 3)) + torch.rot90(x, 2, (2, 3)) - x.rot90(-1, [2, 3])), "image",
    ),
    "pieces by count": (
        Small(lambda net, x: x.tensor_split(3, 1)[0] + torch.dstack([x, x])[:, :3, 1] + F.mse_loss(x, x * 2)), "line",
    ),
    "pieces by where they begin": (
        Small(lambda net, x: torch.tensor_split(x, indices=(1, 3), dim=1)[1] + x.hsplit(4)[0]), "line",
    ),
    "torch's other names of a function": (
        Small(
            lambda net, x: torch.mm(x, net.w) + torch.arctan2(x, x.absolute()) * torch.greater(x, 0)
            + x.fix().negative() + torch.special.erf(x).unsafe_chunk(2, 1)[0].repeat(1, 2)
            + torch.linalg.matmul(x, net.w),
            w=nn.Parameter(torch.randn(8, 8)),
        ),
        "line",
    ),
    "the method where": (Small(lambda net, x: (x * 2).where(x > 0, x.new_zeros(())) + x.where(x < 1, x * 3)), "line"),
    "errors, degrees and a trace": (
        Small(lambda net, x: F.l1_loss(x, x * 2) + torch.deg2rad(x).rad2deg() + net.w.mul(2).trace(),
              w=nn.Parameter(torch.randn(3, 3))),
        "line",
    ),
    "stages that no forward uses": (
        Small(lambda net, x: net.stage(x), stage=_residuals(), unused=_residuals(), more=_residuals()), "line",
    ),
    "gradients are stopped": (Small(lambda net, x: net.fc(x).detach() + x, fc=_linear()), "line"),
    "noise in training": (Small(lambda net, x: x + torch.randn_like(x) if net.training else x), "line"),
    "channels are shuffled": (
        Small(lambda net, x: net.conv(x).view(x.shape[0], 2, 3, 8, 8).transpose(1, 2).reshape(x.shape[0], -1, 8, 8),
              conv=nn.Conv2d(3, 6, 1)),
        "image",
    ),
}  # fmt: skip


def _copied(net: Any, x: Tensor) -> Tensor:
    y = torch.empty_like(x).copy_(net.row)
    y[:, 2:4] = net.row[:, :2]
    z = x.new_empty(x.shape[0], 8)
    z.copy_(net.row)
    return y + x * z


def _filled(net: Any, x: Tensor) -> Tensor:
    y = torch.empty(x.shape[0], 12)
    y[:, :8] = net.fc(x)
    y[:, 8:] = x[:, :4]
    return y


_ROW_OF_8 = torch.randn(1, 8)
#: What is as large as the batch where that is 1, as in the sample of this import, and spreads over a larger one.
OF_ONE = {
    "added": Small(lambda net, x: x + net.row, row=_ROW_OF_8),
    "copied and assigned": Small(_copied, row=_ROW_OF_8),
    "repeated": Small(lambda net, x: x.repeat(2, 1)),
    "put in order": Small(lambda net, x: x.view(len(x), 2, 4).transpose(0, 1).contiguous().view(2, -1, 4).sum(0)),
}


#: Networks that no spec can say, the kind of input, and what is said.
REFUSED: dict[str, tuple[Small, str, str]] = {
    "a number is read": (Small(lambda net, x: x * x.sum().item()), "line", r"reads the numbers of a tensor .*item"),
    "a list is read": (Small(lambda net, x: x * x.sum().tolist()), "line", "reads the numbers of a tensor"),
    "a branch on numbers": (Small(lambda net, x: x if bool((x > 0).any()) else -x), "line", "reads the numbers"),
    "numpy takes over": (Small(lambda net, x: torch.from_numpy(x.numpy() * 2)), "line", "reads the numbers"),
    "complex numbers": (Small(lambda net, x: torch.fft.fft(x).real), "line", "vocabulary has no fft_fft"),
    "as many as hold": (Small(lambda net, x: x[x > 0]), "line", "indexing by a mask|depends on sizes"),
    "a loop over the batch": (Small(lambda net, x: torch.stack([row * 2 for row in x])), "line", "depends on sizes"),
    "nothing is done": (Small(lambda net, x: net.part(x), part=nn.Identity()), "line", "gives back what it is given"),
    "numbers are drawn in evaluation": (Small(lambda net, x: x + torch.rand(8)), "line", "rand|is another"),
}  # fmt: skip
