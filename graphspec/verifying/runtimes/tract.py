"""tract, an inference engine in Rust. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from .tensors import Arrays, Run


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as tract runs it."""
    import tract

    with _without_backtrace():
        model = tract.onnx().load(path).into_model().into_runnable()

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        with _without_backtrace():
            return [value.to_numpy() for value in model.run(list(inputs.values()))]  # it renames its outputs

    return run


@contextmanager
def _without_backtrace() -> Iterator[None]:
    """What went wrong, without the forty frames of Rust and Python that follow."""
    try:
        yield
    except Exception as error:
        raise type(error)(str(error).partition("Stack backtrace:")[0].strip()) from None
