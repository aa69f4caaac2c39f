"""Tensors as the bytes of a safetensors file."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """`tensors` as a safetensors file. Tied tensors are written out once for each name."""
    import safetensors.torch

    seen: set[int] = set()
    separate: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        shared = value.untyped_storage().data_ptr() in seen
        separate[name] = value.clone() if shared else value
        seen.add(value.untyped_storage().data_ptr())
    return safetensors.torch.save(separate)
