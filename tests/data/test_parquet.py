"""Parquet tables follow the rules of CSV."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec.data import DataSet, load
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.data import DataSpec

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

COLUMNS: dict[str, list[Any]] = {
    "area": [50, 80, 65, 120, 90, 70],
    "town": ["Ulm", "Bonn", "Ulm", "Kiel", "Bonn", "Ulm"],
    "rooms": [2, 3, 2, 5, 3, 3],
    "price": [150.5, 210.0, 180.0, 400.0, 260.0, 200.0],
}


def read(root: Path, columns: Any, target: str = "price", test: Any = None, kind: str = "parquet") -> DataSet:
    dataset = {"type": kind, "file": f"t.{kind}", "target": target}
    if kind == "parquet":
        parquet.write_table(pyarrow.table(columns), root / "t.parquet")
    if test is not None:
        parquet.write_table(pyarrow.table(test), root / "test.parquet")
        dataset["test_file"] = "test.parquet"
    return load(DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0}), root)


@pytest.mark.parametrize("target", ["price", "town"])
def test_the_same_table_in_csv_gives_the_same_samples(target: str, tmp_path: Path) -> None:
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in zip(*COLUMNS.values(), strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    ours, theirs = read(tmp_path, COLUMNS, target), read(tmp_path, None, target, kind="csv")
    assert ours.labels == theirs.labels
    assert torch.equal(ours.train.inputs["features"], theirs.train.inputs["features"])
    assert torch.equal(ours.train.targets[target], theirs.train.targets[target])


def test_types_decide_between_numbers_and_texts(tmp_path: Path) -> None:
    columns = {
        "flag": [True, False],
        "half": pyarrow.array([1.5, -2.0], pyarrow.float32()),
        "code": ["1", "2"],  # texts of digits stay categories, as their type says
        "tag": pyarrow.array(["b", "a"]).dictionary_encode(),
        "y": ["u", "v"],
    }
    assert read(tmp_path, columns, "y").train.inputs["features"].tolist() == [
        [1, 1.5, 1, 0, 0, 1],
        [0, -2, 0, 1, 1, 0],
    ]


def test_a_test_table_of_its_own(tmp_path: Path) -> None:
    other = {"rooms": [1], "price": [100.0], "town": ["Trier"], "area": [40]}
    test = read(tmp_path, COLUMNS, test=other).test.open()
    assert test.inputs["features"].tolist() == [[40, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": [1.0, None], "price": [1.0, 2.0]}, r'row 1, column "a": a missing value is no finite number'),
        ({"a": [1.0, float("inf")], "price": [1.0, 2.0]}, r'row 1, column "a": "inf" is no finite number'),
        ({"a": [[1], [2]], "price": [1.0, 2.0]}, r'column "a" is of type list.*no numbers and no texts'),
        ({"a": [1, 2], "cost": [1.0, 2.0]}, r't\.parquet has no column "price"'),
        ({"a": pyarrow.array([], pyarrow.int64()), "price": pyarrow.array([], pyarrow.float64())}, r"has no rows"),
    ],
)
def test_what_is_wrong_is_said(columns: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        read(tmp_path, columns)


def test_a_column_of_another_type_is_left_out_or_refused(tmp_path: Path) -> None:
    days = pyarrow.array([date(2024, 1, day) for day in range(1, 7)])
    parquet.write_table(pyarrow.table(COLUMNS | {"day": days, "each": [[1]] * 6}), tmp_path / "t.parquet")

    def with_(**more: Any) -> DataSet:
        dataset = {"type": "parquet", "file": "t.parquet", "target": "price"} | more
        return load(DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0}), tmp_path)

    assert with_(drop=["day", "each"]).train.inputs["features"].shape == (6, 5)
    assert with_(columns=["area"]).train.inputs["features"].shape == (6, 1)
    assert with_(columns=["area"], missing="drop").train.inputs["features"].shape == (6, 1)
    for more in ({"drop": ["each"]}, {"drop": ["each"], "missing": "drop"}, {"columns": ["day"]}):
        with pytest.raises(GraphspecError, match=r'column "day" is of type date32.*drop = \["day"\] leaves.*the year'):
            with_(**more)
    with pytest.raises(GraphspecError, match=r'column "day" is of type date32'):
        with_(target="day", drop=["each"])


def test_a_file_that_is_none(tmp_path: Path) -> None:
    spec = DataSpec.model_validate({"dataset": {"type": "parquet", "file": "x.parquet", "target": "y"}})
    with pytest.raises(GraphspecError, match="no-such-file"):
        load(spec, tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and then nothing PAR1")
    with pytest.raises(GraphspecError, match=r"bad-data.*cannot be read as Parquet"):
        load(spec, tmp_path)


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    spec = DataSpec.model_validate({"dataset": {"type": "parquet", "file": "x.parquet", "target": "y"}})
    with pytest.raises(GraphspecError, match=r"needs pyarrow.*pip install 'graphspec\[parquet\]'"):
        load(spec, tmp_path)


def test_one_odd_value_in_a_column_of_numbers_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,price\n1,2\n2,3\nthree,4\n4,5\n")
    with pytest.warns(GraphspecWarning, match=r't\.csv, row 4, column "a": this one value makes a column of texts'):
        assert read(tmp_path, None, kind="csv").train.inputs["features"].shape == (4, 4)
