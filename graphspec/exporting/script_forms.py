"""Modules that ``torch.jit.script`` refuses, in a form that it takes and that computes the same in evaluation."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from graphspec.ops.functions.elementwise import Div, DivScalar
from graphspec.ops.op import Number
from graphspec.system.torch_private import AnyBatchNorm, AnyMaxUnpool, unwrap_optional


def scriptable(module: nn.Module) -> nn.Module:
    """A copy of `module`, which is in eval mode, whose state_dict has the same names, and zeros for absent biases."""
    clone = copy.deepcopy(module)
    for child in list(clone.modules()):
        if parametrize.is_parametrized(child):
            _settle(child)
    for name, child in list(clone.named_modules()):
        if form := next((form for kind, form in _forms().items() if isinstance(child, kind)), None):
            parent, _, leaf = name.rpartition(".")
            setattr(clone.get_submodule(parent), leaf, form(child))
        elif isinstance(child, nn.MultiheadAttention | nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            _fill_biases(child)
    if isinstance(clone, fx.GraphModule):
        _unwrap_weights(clone)
    return clone


def _settle(module: nn.Module) -> None:
    """Put the weights that are computed in place of what they are computed from, in evaluation the same thing.

    torch.nn.utils.parametrize.remove_parametrizations would take the property from the class, which copies share.
    """
    values = {name: weight().detach() for name, weight in module.parametrizations.items()}  # type: ignore[operator, union-attr]
    module.__class__ = type(module).__bases__[0]
    del module.parametrizations
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value, requires_grad=False))


def _forms() -> dict[type[nn.Module], Callable[[Any], nn.Module]]:
    from torchvision.ops import DropBlock2d, DropBlock3d

    dropped = {DropBlock2d: _identity, DropBlock3d: _identity}
    return {
        nn.SyncBatchNorm: Normalized,
        AnyMaxUnpool: Unpool,
        nn.Embedding: _embedding,
        Div: lambda _: Divided(),
        DivScalar: lambda _: DividedByNumber(),
        **dropped,
    }


class Renormed(nn.Module):
    """``Embedding`` with ``max_norm``, which torch applies to the table itself, in place: here to the rows taken."""

    def __init__(self, of: nn.Embedding) -> None:
        super().__init__()
        self.weight = of.weight
        self.max_norm, self.norm_type = float(of.max_norm or 0.0), float(of.norm_type)

    def forward(self, ids: Tensor) -> Tensor:
        """As ``Embedding.forward``; 1e-7 is torch's own, of embedding_renorm_."""
        rows = functional.embedding(ids, self.weight)
        norms = torch.linalg.vector_norm(rows, self.norm_type, -1, True)
        return torch.where(norms > self.max_norm, rows * (self.max_norm / (norms + 1e-7)), rows)


def _embedding(of: nn.Embedding) -> nn.Module:
    return of if of.max_norm is None else Renormed(of)


class Divided(nn.Module):
    """``div``: TorchScript's optimiser gives a quotient of whole numbers their dtype, behind other layers."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        """As ``torch.div``, which divides whole numbers in float32."""
        if not (input.is_floating_point() or other.is_floating_point()):
            return torch.div(input.to(torch.float32), other.to(torch.float32))
        return torch.div(input, other)


class DividedByNumber(nn.Module):
    """``div`` by a number, which may be a size: TorchScript makes no float of that by itself."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        """As ``torch.div``."""
        return torch.div(input, float(other))  # type: ignore[arg-type]


def _identity(_: nn.Module) -> nn.Module:
    return nn.Identity()


class Normalized(nn.Module):
    """``SyncBatchNorm`` in evaluation, which has nothing to synchronise."""

    def __init__(self, of: AnyBatchNorm) -> None:
        super().__init__()
        for name, parameter in of._parameters.items():
            self.register_parameter(name, parameter)
        for name, buffer in of._buffers.items():
            self.register_buffer(name, buffer)
        self.own_statistics, self.eps = of.running_mean is None, of.eps

    def forward(self, x: Tensor) -> Tensor:
        """As ``SyncBatchNorm.forward``."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,  # type: ignore[arg-type]
            self.own_statistics, 0.0, self.eps,
        )  # fmt: skip


class Unpool(nn.Module):
    """``MaxUnpool1d``, ``2d`` and ``3d``: torch's own helper for the output's size confuses the script compiler."""

    def __init__(self, of: AnyMaxUnpool) -> None:
        super().__init__()
        self.dims = int(type(of).__name__[-2])
        sizes: tuple[Any, ...] = (of.kernel_size, of.stride, of.padding)
        self.kernel_size, self.stride, self.padding = (
            [size] * self.dims if isinstance(size, int) else list(size) for size in sizes
        )

    def forward(self, input: Tensor, indices: Tensor, output_size: list[int] | None = None) -> Tensor:
        """As ``MaxUnpoolNd.forward``."""
        size: list[int] = []
        if output_size is not None:
            size = output_size[len(output_size) - self.dims :]
        else:
            for k in range(self.dims):
                whole = (input.size(input.dim() - self.dims + k) - 1) * self.stride[k]
                size.append(whole - 2 * self.padding[k] + self.kernel_size[k])
        if self.dims == 1:
            flat = torch.ops.aten.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [size[0], 1])
            return flat.squeeze(-1)
        if self.dims == 2:
            return torch.ops.aten.max_unpool2d(input, indices, size)
        return torch.ops.aten.max_unpool3d(input, indices, size, self.stride, self.padding)


def _fill_biases(module: nn.Module) -> None:
    """The fast paths of attention ask a bias for its dtype whether there is one or not: add zeros."""
    for part in module.modules():
        if isinstance(part, nn.MultiheadAttention) and part.in_proj_bias is None:
            part.in_proj_bias = _zeros(3 * part.embed_dim, part.out_proj.weight)
        if isinstance(part, nn.Linear | nn.LayerNorm) and part.bias is None and part.weight is not None:
            part.bias = _zeros(part.weight.shape[0], part.weight)


def _zeros(count: int, like: Tensor) -> nn.Parameter:
    return nn.Parameter(torch.zeros(count, dtype=like.dtype), requires_grad=False)


def _unwrap_weights(module: fx.GraphModule) -> None:
    """What attention looked at may be None to the script compiler: say that it is not."""
    for node in list(module.graph.nodes):
        if node.op != "call_function" or node.target is not operator.getitem or node.args[1] != 1:
            continue
        source = node.args[0]
        if source.op == "call_module" and isinstance(module.get_submodule(source.target), nn.MultiheadAttention):
            with module.graph.inserting_after(node):
                sure = module.graph.call_function(unwrap_optional, (node,))
            node.replace_all_uses_with(sure, delete_user_cb=lambda user, sure=sure: user is not sure)
    module.recompile()
