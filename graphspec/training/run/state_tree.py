"""A state (nested dicts, lists, tuples, numbers, tensors) as JSON and named tensors, and back: nothing is pickled."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def pack(state: Any, tensors: dict[str, Tensor], path: str = "state") -> Any:
    """`state` with every tensor moved to `tensors` and everything JSON cannot hold marked.

    Raises ``TypeError`` for a value that is none of None, bool, int, float, str, tensor, list, tuple, dict.
    """
    if isinstance(state, Tensor):
        tensors[path] = state
        return {"$": "tensor", "name": path}
    if isinstance(state, dict):
        rows = [[key, pack(value, tensors, f"{path}.{key}")] for key, value in state.items()]
        return {"$": "dict", "items": rows}
    if isinstance(state, list | tuple):
        rows = [pack(value, tensors, f"{path}.{index}") for index, value in enumerate(state)]
        return {"$": "tuple", "items": rows} if isinstance(state, tuple) else rows
    if state is None or isinstance(state, bool | int | float | str):
        return state
    raise TypeError(f"{path}: a {type(state).__name__} cannot be saved")


def unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    """The state that :func:`pack` was given."""
    if isinstance(packed, list):
        return [unpack(value, tensors) for value in packed]
    if not isinstance(packed, dict):
        return packed
    if packed["$"] == "tensor":
        return tensors[packed["name"]]
    if packed["$"] == "tuple":
        return tuple(unpack(value, tensors) for value in packed["items"])
    return {key: unpack(value, tensors) for key, value in packed["items"]}
