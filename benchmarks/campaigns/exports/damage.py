"""Change one number of an exported ONNX file and ask verify about it: each change has to be noticed.

Run it beside the specs: ``python damage.py``. Every file is written into a temporary folder. Exit code 1 where verify
calls a changed file equal, or the unchanged one different.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper

import graphspec

HERE = Path(__file__).parent
Edit = Callable[[NDArray[np.float32]], None]


def constants(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor that the file holds: initialisers, and the values of Constant nodes."""
    yield from model.graph.initializer
    for node in model.graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.name == "value")


def weight(shape: tuple[int, ...], edit: Edit) -> Callable[[ModelProto], None]:
    """Change the one float tensor of `shape`, or of the reversed shape: a Linear's weight may be kept transposed."""

    def damage(model: ModelProto) -> None:
        for tensor in constants(model):
            array = numpy_helper.to_array(tensor).copy()
            if array.dtype == np.float32 and array.shape in (shape, shape[::-1]):
                edit(array if array.shape == shape else array.T)
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
                return
        raise LookupError(f"no tensor of {shape}")

    return damage


def number(old: float, new: float) -> Callable[[ModelProto], None]:
    """Change the scalar `old` to `new`."""

    def damage(model: ModelProto) -> None:
        for tensor in constants(model):
            array = numpy_helper.to_array(tensor)
            if array.size == 1 and array.dtype == np.float32 and float(array.ravel()[0]) == old:
                tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, new), tensor.name))
                return
        raise LookupError(f"no number {old}")

    return damage


def row(n: int) -> Edit:
    def edit(table: NDArray[np.float32]) -> None:
        table[n] += 1.0

    return edit


def into_unit_0(matrix: NDArray[np.float32]) -> None:
    matrix[0] += 0.5


def out_of_unit_1(matrix: NDArray[np.float32]) -> None:
    matrix[:, 1] = 7.0


def one_percent(at: tuple[int, int]) -> Edit:
    def edit(matrix: NDArray[np.float32]) -> None:
        matrix[at] *= 1.01

    return edit


CASES: dict[str, dict[str, Callable[[ModelProto], None]]] = {
    "35-large-embedding": {f"row {n}": weight((50000, 8), row(n)) for n in (1, 999, 12345, 49999)},
    "36-units-that-are-off": {
        "weights into a unit that is off": weight((8, 16), into_unit_0),
        "weights out of a unit that is off": weight((5, 8), out_of_unit_1),
    },
    "37-limits": {
        "Hardtanh's 100 is 50": number(100.0, 50.0),
        "Hardtanh's -100 is -1000": number(-100.0, -1000.0),
        "ReLU6 is ReLU": number(6.0, 3e38),
    },
    "38-trained-digits": {
        f"logits.weight{list(at)} is 1 % larger": weight((10, 32), one_percent(at)) for at in ((0, 0), (4, 9), (9, 31))
    },
}


def main() -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, damages in CASES.items():
            source: Path = HERE / f"{name}.toml"
            if "[train]" in source.read_text():
                graphspec.train(source, run=work / "run", device="cpu", evaluated=False)
                source = work / "run"
            bundle = graphspec.export(source, work / name, formats=["onnx"])
            whole = onnx.load(bundle.path("onnx"))
            for what, damage in {"unchanged": lambda model: None, **damages}.items():
                model = ModelProto()
                model.CopyFrom(whole)
                damage(model)
                onnx.save(model, work / "changed.onnx")
                passed = graphspec.verify(bundle, file=work / "changed.onnx").passed
                right = passed == (what == "unchanged")
                wrong += not right
                print(f"{name}: {what}: {'equal' if passed else 'different'}{'' if right else '  <- wrong'}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
