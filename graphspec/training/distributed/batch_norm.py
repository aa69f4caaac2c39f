"""BatchNorm over the whole batch, whose samples several processes have."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function

from graphspec.system.torch_private import AnyBatchNorm
from graphspec.training.optim.frozen import Frozen


class _Sum(Function):
    """The sum over processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


class SharedBatchNorm(AnyBatchNorm):
    """BatchNorm whose statistics in training are those of all processes' samples, on any device.

    ``nn.SyncBatchNorm`` is the same for CUDA alone. Parameters and buffers are those of the layer that it stands for.
    """

    @classmethod
    def of(cls, layer: AnyBatchNorm) -> SharedBatchNorm:
        """One with the parameters and buffers of `layer`, in its mode."""
        made = cls(
            layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats, device="meta"
        )
        made._parameters, made._buffers = layer._parameters, layer._buffers
        return made.train(layer.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Shapes were checked when the network was compiled."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        dims = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        count = _Sum.apply(input.new_tensor(float(input.numel() // input.shape[1])))
        mean = _Sum.apply(input.sum(dims)) / count
        centred = input - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(dims)) / count
        self._follow(mean.detach(), variance.detach(), count)
        found = centred * (variance + self.eps).rsqrt().view(shape)
        return found * self.weight.view(shape) + self.bias.view(shape) if self.affine else found

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Move the running statistics; the variance is the unbiased one, as torch has it."""
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        part = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, part)
        self.running_var.lerp_(variance * (count / (count - 1)), part)


def share_batch_norm(module: nn.Module, device: torch.device, frozen: Frozen) -> bool:
    """Put a shared BatchNorm in place of every one of `module` that is in training mode, or will be in a later epoch as
    `frozen` has it; whether there was any.
    """
    found = [
        (name, layer)
        for name, layer in module.named_modules()
        if type(layer) in _PLAIN and (layer.training or frozen.epochs_of(name) is not None)
    ]
    for name, layer in found:
        parent, _, own = name.rpartition(".")
        made = nn.SyncBatchNorm.convert_sync_batchnorm(layer) if device.type == "cuda" else SharedBatchNorm.of(layer)
        setattr(module.get_submodule(parent), own, made)
    return bool(found)


_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
