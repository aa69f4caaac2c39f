"""Layers whose weights are values: computed, shared, or made by another part of the network."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function

#: One number for every dim; TorchScript takes no list as a default.
_ONE: list[int] = (1,)  # type: ignore[assignment]
_ZERO: list[int] = (0,)  # type: ignore[assignment]


@function("linear", sizes="anywhere")
class Linear(nn.Module):
    """input weightᵀ + bias, with weight, out × in, given as a value."""

    def forward(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.linear(input, weight, bias)


@function("conv1d", sizes="each_sample")
class Conv1d(nn.Module):
    """The cross-correlation of input with weight, given as a value: out × in / groups × k."""

    def forward(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: list[int] = _ONE,
        padding: list[int] = _ZERO,
        dilation: list[int] = _ONE,
        groups: int = 1,
    ) -> Tensor:
        return F.conv1d(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


@function("conv2d", sizes="each_sample")
class Conv2d(nn.Module):
    """The cross-correlation of input with weight, given as a value: out × in / groups × k × k."""

    def forward(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: list[int] = _ONE,
        padding: list[int] = _ZERO,
        dilation: list[int] = _ONE,
        groups: int = 1,
    ) -> Tensor:
        return F.conv2d(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


@function("conv3d", sizes="each_sample")
class Conv3d(nn.Module):
    """The cross-correlation of input with weight, given as a value: out × in / groups × k × k × k."""

    def forward(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: list[int] = _ONE,
        padding: list[int] = _ZERO,
        dilation: list[int] = _ONE,
        groups: int = 1,
    ) -> Tensor:
        return F.conv3d(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


@function("conv_transpose1d", sizes="each_sample")
class ConvTranspose1d(nn.Module):
    """The transposed convolution of input with weight, given as a value: in × out / groups × k."""

    def forward(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: list[int] = _ONE,
        padding: list[int] = _ZERO,
        output_padding: list[int] = _ZERO,
        groups: int = 1,
        dilation: list[int] = _ONE,
    ) -> Tensor:
        return F.conv_transpose1d(
            input,
            weight,
            bias,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            groups=groups,
            dilation=dilation,
        )


@function("conv_transpose2d", sizes="each_sample")
class ConvTranspose2d(nn.Module):
    """The transposed convolution of input with weight, given as a value: in × out / groups × k × k."""

    def forward(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: list[int] = _ONE,
        padding: list[int] = _ZERO,
        output_padding: list[int] = _ZERO,
        groups: int = 1,
        dilation: list[int] = _ONE,
    ) -> Tensor:
        return F.conv_transpose2d(
            input,
            weight,
            bias,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            groups=groups,
            dilation=dilation,
        )


@function("conv_transpose3d", sizes="each_sample")
class ConvTranspose3d(nn.Module):
    """The transposed convolution of input with weight, given as a value: in × out / groups × k × k × k."""

    def forward(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: list[int] = _ONE,
        padding: list[int] = _ZERO,
        output_padding: list[int] = _ZERO,
        groups: int = 1,
        dilation: list[int] = _ONE,
    ) -> Tensor:
        return F.conv_transpose3d(
            input,
            weight,
            bias,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            groups=groups,
            dilation=dilation,
        )


@function("batch_norm", sizes="each_sample", example={"training": True})
class BatchNorm(nn.Module):
    """Channels normalised by running_mean and running_var, or with training = true by those of the batch."""

    def forward(
        self,
        input: Tensor,
        running_mean: Tensor | None = None,
        running_var: Tensor | None = None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-05,
    ) -> Tensor:
        return F.batch_norm(
            input,
            running_mean,
            running_var,
            weight,
            bias,
            training=training,
            momentum=momentum,
            eps=eps,
        )


@function("instance_norm", sizes="each_sample")
class InstanceNorm(nn.Module):
    """Each channel of each sample normalised by its own mean and variance."""

    def forward(
        self, input: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05
    ) -> Tensor:
        return F.instance_norm(input, None, None, weight, bias, eps=eps)


@function("layer_norm", sizes="anywhere")
class LayerNorm(nn.Module):
    """The last dims normalised together, × weight + bias."""

    def forward(
        self,
        input: Tensor,
        normalized_shape: list[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-05,
    ) -> Tensor:
        return F.layer_norm(input, normalized_shape, weight, bias, eps=eps)


@function("rms_norm", sizes="anywhere")
class RMSNorm(nn.Module):
    """The last dims divided by their root mean square, × weight."""

    def forward(
        self, input: Tensor, normalized_shape: list[int], weight: Tensor | None = None, eps: float | None = None
    ) -> Tensor:
        return F.rms_norm(input, normalized_shape, weight, eps=eps)


@function("group_norm", sizes="each_sample")
class GroupNorm(nn.Module):
    """Groups of channels normalised together, × weight + bias."""

    def forward(
        self,
        input: Tensor,
        num_groups: int,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-05,
    ) -> Tensor:
        return F.group_norm(input, num_groups, weight, bias, eps=eps)


@function("embedding", sizes="anywhere")
class Embedding(nn.Module):
    """The rows of weight that input names."""

    def forward(self, input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
        return F.embedding(input, weight, padding_idx=padding_idx)


@function("prelu", sizes="anywhere")
class PReLU(nn.Module):
    """input, the negative part × weight, one for all or one a channel."""

    def forward(self, input: Tensor, weight: Tensor) -> Tensor:
        return F.prelu(input, weight)
