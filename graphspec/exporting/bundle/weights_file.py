"""The weights alone, as safetensors: state_dict keys are the layers' names."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from graphspec.module.weights import whole_state


def write_weights(module: nn.Module, path: Path) -> None:
    """Save `module`'s state_dict to `path`. Tied tensors are written once under each of their keys."""
    from safetensors.torch import save_file

    save_file({key: value.detach().cpu().contiguous().clone() for key, value in whole_state(module).items()}, path)
