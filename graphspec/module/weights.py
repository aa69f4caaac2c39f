"""Weights from a file into a module; nothing in a file is unpickled but tensors."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import fail, quoted
from graphspec.ops.arguments import dtype_name
from graphspec.system.free_memory import at_most
from graphspec.system.regular_file import require_regular

MOST_SHOWN = 10
#: Where a compiled module notes its constants that are in no state_dict, and in the weights' file (``module.meta``).
GIVEN = "given"
#: What reading a file of torch.save may take: its bytes, its tensors, and what its reader itself needs.
COPIES, SPARE = 3, 1 << 28
_TRAINED_IN = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_tensors(path: Path, at: SpecPath = (), links: bool = True) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a state_dict saved by ``torch.save`` (read with weights_only).

    Without `links` a symbolic link is refused, as in a folder that came along.

    Raises:
        GraphspecError: ``checkpoint-damaged`` where it is neither.
    """
    import safetensors.torch

    try:
        require_regular(path, links=links)
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with at_most(COPIES * path.stat().st_size + SPARE):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError as error:
        raise fail("too-much-memory", f"{quoted(path)} claims more than is in it", at) from error
    except pickle.UnpicklingError as error:
        hint = "save module.state_dict(), or a .safetensors file"
        raise fail("checkpoint-damaged", f"{quoted(path)} holds something other than tensors", at, hint) from error
    except OSError as error:
        raise fail("checkpoint-damaged", f"{quoted(path)} cannot be read: {error.strerror or error}", at) from error
    except Exception as error:  # of a damaged file torch raises whatever its reader trips over
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise fail("checkpoint-damaged", f"{quoted(path)} cannot be read: {reason[:200]}", at) from error
    if not isinstance(state, dict) or not all(map(_is_plain, state.values())):
        message = f"{quoted(path)} is not a state_dict of plain tensors"
        raise fail("checkpoint-damaged", message, at, "save module.state_dict()")
    return state


def _is_plain(value: object) -> bool:
    """Whether `value` is a tensor that holds its numbers, and not quantized, sparse, nested or without any."""
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        return False
    return not (value.is_quantized or value.is_meta or value.is_nested)


def whole_state(module: nn.Module) -> dict[str, Tensor]:
    """What a file of the module's weights holds: its state_dict, and the constants outside it that no spec writes out.

    The tensors are the module's own, and share its memory.
    """
    given = getattr(module, "meta", {}).get(GIVEN, ())
    return {**module.state_dict(), **{name: module.get_buffer(name) for name in given}}


def load_into(module: nn.Module, path: Path, layer: str, at: SpecPath) -> None:
    """Put the file's weights into `module`. Keys that the module has must be there, in its shapes; others are left.

    Raises:
        GraphspecError: ``checkpoint-mismatch`` with the keys that are missing or of another shape.
    """
    state, own = read_tensors(path, at), module.state_dict()
    message = f"layer {quoted(layer)}: the weights in {quoted(path)} are another network's"
    load_weights(module, {key: cast_to(value, own[key]) for key, value in state.items() if key in own}, message, at)


def cast_to(value: Tensor, own: Tensor) -> Tensor:
    """`value` as `own` is, where both are numbers as weights are trained in: half precision or full."""
    return value.to(own.dtype) if fits(value, own) else value


def fits(value: Tensor, own: Tensor) -> bool:
    """Whether `own` can start from `value`: of one shape and dtype, or both in half precision or full."""
    trained = value.dtype in _TRAINED_IN and own.dtype in _TRAINED_IN
    return value.shape == own.shape and (value.dtype == own.dtype or trained)


def load_weights(
    module: nn.Module, weights: Mapping[str, Tensor], message: str = "the weights are another network's",
    at: SpecPath = (),
) -> None:  # fmt: skip
    """Put `weights` into `module`; names, shapes and dtypes must be the module's own.

    Raises:
        GraphspecError: ``checkpoint-mismatch`` with `message`, and with the names that do not fit.
    """
    own = whole_state(module)
    odd = [f"{name} is missing" for name in own if name not in weights]
    odd += [f"{name} is not in the network" for name in weights if name not in own]
    odd += [
        f"{name} is {tuple(weights[name].shape)}, the network has {tuple(value.shape)}"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    odd += [
        f"{name} is {dtype_name(weights[name].dtype)}, the network has {dtype_name(value.dtype)}"
        for name, value in own.items()
        if name in weights and weights[name].dtype != value.dtype
    ]
    if odd:
        more = [f"and {len(odd) - MOST_SHOWN} more"] if len(odd) > MOST_SHOWN else []
        raise fail("checkpoint-mismatch", message, at, notes=[*odd[:MOST_SHOWN], *more])
    kept = module.state_dict().keys()
    module.load_state_dict({name: value for name, value in weights.items() if name in kept})
    for name in own.keys() - kept:
        own[name].copy_(weights[name])
