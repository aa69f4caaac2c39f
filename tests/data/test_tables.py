"""CSV tables and .npz arrays: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphspec.compiler import Network
from graphspec.data import DataSet, load
from graphspec.data.binding import bind
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

HOUSES = """area,town,rooms,price
50,Ulm,2,150.5
80,Bonn,3,210
65,Ulm,2,180
120,Kiel,5,400
90,Bonn,3,260
70,Ulm,3,200
"""


def read(root: Path, dataset: dict[str, Any], **more: Any) -> DataSet:
    return load(DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0, **more}), root)


def table(root: Path, text: str = HOUSES, target: str = "price", **more: Any) -> DataSet:
    (root / "t.csv").write_text(text)
    return read(root, {"type": "csv", "file": "t.csv", "target": target, **more})


def test_numbers_stay_and_texts_become_one_hot(tmp_path: Path) -> None:
    data = table(tmp_path)
    assert data.train.inputs["features"][:2].tolist() == [[50, 0, 0, 1, 2], [80, 1, 0, 0, 3]]
    assert data.train.targets["price"].flatten().tolist() == [150.5, 210, 180, 400, 260, 200]
    assert data.classes is None


def test_a_target_of_texts_is_a_class(tmp_path: Path) -> None:
    data = table(tmp_path, target="town")
    assert data.classes == ("Bonn", "Kiel", "Ulm")
    assert data.train.targets["town"].tolist() == [2, 0, 2, 1, 0, 2]
    assert data.train.inputs["features"].shape == (6, 3)


def test_numbers_are_classes_on_request(tmp_path: Path) -> None:
    data = table(tmp_path, target="rooms", classes=True)
    assert data.classes == ("2", "3", "5")
    assert data.train.targets["rooms"].tolist() == [0, 1, 0, 2, 1, 1]


def test_a_test_table_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("price,area,town,rooms\n100,40,Trier,1\n")
    test = table(tmp_path, test_file="test.csv").test.open()
    assert test.inputs["features"].tolist() == [[40, 0, 0, 0, 1]]
    assert test.targets["price"].tolist() == [[100]]


def test_statistics_are_the_training_parts(tmp_path: Path) -> None:
    rows = "x,y\n" + "".join(f"{i},{2 * i}\n" for i in range(50))
    (tmp_path / "t.csv").write_text(rows)
    spec = {"dataset": {"type": "csv", "file": "t.csv", "target": "y"}, "transforms": ["StandardScaler"], "test": 0.4}
    data = load(DataSpec.model_validate(spec), tmp_path)
    assert data.transforms[0]["mean"] == [pytest.approx(data.train.inputs["features"].double().mean().item())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"has no rows"),
        ("area,price\n", r"has no rows"),
        ("area,price\n1,2,3\n", r"row 2: 3 fields, the header has 2"),
        ("area,price\n1,2\n,3\n", r'row 3, column "area": a missing value'),
        ("area,price\n1,2\nnan,3\n", r'row 3, column "area": "nan" is no finite number'),
        ("area,cost\n1,2\n", r'no column "price"'),
        ("area,price,price\n1,2,3\n", r"names a column twice"),
        ("price\n1\n", r'no column besides "price"'),
        (",".join(map(str, range(20_000))) + "\n", r"20,000 columns"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        table(tmp_path, text)


def test_files_stay_below_the_root(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match="outside"):
        read(tmp_path, {"type": "csv", "file": "../t.csv", "target": "y"})
    with pytest.raises(GraphspecError, match=r"no-such-file.*does not exist"):
        read(tmp_path, {"type": "npz", "file": "x.npz"})


def arrays(root: Path, targets: tuple[str, ...] = ("y",), **fields: Any) -> DataSet:
    np.savez(root / "a.npz", **fields)
    return read(root, {"type": "npz", "file": "a.npz", "targets": list(targets)})


def test_arrays_by_name(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    data = arrays(tmp_path, image=images, age=np.array([[1.0], [2.0]]), y=np.array([1, 0]))
    assert {name: value.dtype for name, value in data.train.inputs.items()} == {
        "image": torch.uint8,
        "age": torch.float32,
    }
    assert data.classes == ("0", "1")
    assert torch.equal(data.train.inputs["image"], torch.from_numpy(images))


def test_float_targets_are_regressed(tmp_path: Path) -> None:
    data = arrays(tmp_path, x=np.zeros((3, 2)), y=np.array([1.0, 2.0, 3.0]))
    assert (data.classes, data.train.targets["y"].shape) == (None, (3, 1))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"x": np.zeros((3, 2))}, r'no array "y"'),
        ({"y": np.zeros(3)}, r"no input"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, r"differ in their number of samples: x 3, y 4"),
        ({"x": np.zeros((3, 2)), "y": np.array(["a", "b", "c"])}, r"no array of numbers"),
        ({"x": np.array([None, 1, 2]), "y": np.zeros(3)}, r"cannot be read as arrays"),
        ({"x": np.array([[1.0], [np.nan]]), "y": np.zeros(2)}, r'"x" of the training part is not finite at row 1'),
        ({"x": np.zeros((2, 1)), "y": np.array([0, -1])}, r'"y" is -1 at row 1'),
        ({"x": np.zeros((2, 1)), "y": np.array([[0, 1], [-1, 1]])}, r'"y" is -1 at row 1'),
    ],
)
def test_what_is_wrong_with_arrays_is_said(fields: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        arrays(tmp_path, **fields)


def test_an_npy_file_is_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(GraphspecError, match="holds one array"):
        read(tmp_path, {"type": "npz", "file": "a.npy"})


@pytest.mark.parametrize(
    ("shape", "wanted", "hint"),
    [
        ((8, 8, 3), [3, 8, 8], "the channels stand last, they go first"),
        ((8, 6, 1), [1, "H", "W"], "the channels stand last"),
        ((1, 8, 8), [64], 'the layer "Flatten"'),
        ((3, 9, 9), [3, 8, 8], "a Resize"),
    ],
)
def test_images_of_another_shape_are_refused_with_what_helps(
    shape: Any, wanted: Any, hint: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((6, *shape), np.uint8), y=np.arange(6) % 2)
    spec = {"graphspec": 1, "inputs": {"image": ["N", *wanted]}, "layers": {"relu": "ReLU"}}
    data = {"dataset": {"type": "npz", "file": "a.npz"}, "validation": 0, "test": 0}
    with pytest.raises(GraphspecError, match=hint):
        bind(Network.open({**spec, "data": data}).shaped, read(tmp_path, data["dataset"]))
