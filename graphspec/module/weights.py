"""A layer's weights from a file that the spec names; nothing in it is unpickled but tensors."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import fail, quoted

MOST_SHOWN = 5


def read_tensors(path: Path, at: SpecPath = ()) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a state_dict saved by ``torch.save`` (read with weights_only).

    Raises:
        GraphspecError: ``checkpoint-damaged`` where it is neither.
    """
    import safetensors.torch

    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        hint = "save module.state_dict(), or a .safetensors file"
        raise fail("checkpoint-damaged", f"{quoted(path)} holds something other than tensors", at, hint) from error
    except Exception as error:  # of a damaged file torch raises whatever its reader trips over
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise fail("checkpoint-damaged", f"{quoted(path)} cannot be read: {reason[:200]}", at) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise fail("checkpoint-damaged", f"{quoted(path)} is not a state_dict", at, "save module.state_dict()")
    return state


def load_into(module: nn.Module, path: Path, layer: str, at: SpecPath) -> None:
    """Put the file's weights into `module`. Keys that the module has must be there, in its shapes; others are left.

    Raises:
        GraphspecError: ``checkpoint-mismatch`` with the keys that are missing or of another shape.
    """
    state = read_tensors(path, at)
    own = module.state_dict()
    odd = [f"{key} is missing" for key in own if key not in state]
    odd += [
        f"{key} is {tuple(state[key].shape)} in the file, {tuple(value.shape)} in the layer"
        for key, value in own.items()
        if key in state and state[key].shape != value.shape
    ]
    if odd:
        more = [f"and {len(odd) - MOST_SHOWN} more"] if len(odd) > MOST_SHOWN else []
        message = f"layer {quoted(layer)}: the weights in {quoted(path)} are another network's"
        raise fail("checkpoint-mismatch", message, at, notes=[*odd[:MOST_SHOWN], *more])
    module.load_state_dict({key: state[key] for key in own})
