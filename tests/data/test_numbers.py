"""What a number in the data is to the network: no dtype loses it, and what cannot be taken is refused by its column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from graphspec.data import DataSet, load
from graphspec.data.checks import check_samples
from graphspec.data.samples import Samples
from graphspec.data.sources.cells import Notation, Profile, number, whole
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.data import DataSpec
from graphspec.spec.model import InputSpec

WHOLE = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")
DTYPES = (*WHOLE, "float16", "float32", "float64", ">f8", ">i4")


def read(root: Path, dataset: dict[str, Any], dtypes: dict[str, str] | None = None, **more: Any) -> DataSet:
    spec = DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0, **more})
    taken = {"x": "float32"} if dtypes is None else dtypes
    inputs = {name: InputSpec.model_validate({"shape": ("N", "F"), "dtype": dtype}) for name, dtype in taken.items()}
    return load(spec, root, inputs=inputs)


def arrays(root: Path, x: np.ndarray, dtypes: dict[str, str] | None = None, **more: Any) -> DataSet:
    np.savez(root / "a.npz", x=x, y=np.arange(len(x)) % 2)
    return read(root, {"type": "npz", "file": "a.npz"}, dtypes, **more)


def table(root: Path, text: str, dtypes: dict[str, str] | None = None, target: str = "y", **more: Any) -> DataSet:
    (root / "t.csv").write_text(text, encoding="utf-8")
    dataset = {"type": "csv", "file": "t.csv", "target": target, **more.pop("dataset", {})}
    return read(root, dataset, dtypes, **more)


def numbers(dtype: str, *shape: int) -> np.ndarray:
    """Numbers that `dtype` holds exactly."""
    return (np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, (12, *shape))).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_table_of_any_dtype_is_scaled_as_scikit_learn_does(tmp_path: Path, dtype: str) -> None:
    x = numbers(dtype, 3)
    batch = arrays(tmp_path, x, transforms=["StandardScaler"]).batch(12, "train").inputs["x"]
    expected = StandardScaler().fit_transform(x.astype(np.float64))
    assert batch.dtype == torch.float32
    np.testing.assert_allclose(batch.numpy(), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_images_of_any_dtype_are_normalised(tmp_path: Path, dtype: str) -> None:
    x = numbers(dtype, 2, 4, 4)
    step = {"type": "Normalize", "mean": [3.0, 50.0], "std": [2.0, 7.0]}
    batch = arrays(tmp_path, x, transforms=[step]).batch(12, "train").inputs["x"]
    raw = x.astype(np.float64) / (255 if dtype == "uint8" else 1)
    expected = (raw - np.array([3, 50]).reshape(1, 2, 1, 1)) / np.array([2, 7]).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(batch.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_ten_digits_are_kept_until_they_are_scaled(tmp_path: Path) -> None:
    """Seconds since 1970 differ by less than one step of float32."""
    seconds = 1_700_000_000 + np.arange(50)
    for data in (
        table(tmp_path, "time,y\n" + "".join(f"{t},1.5\n" for t in seconds), transforms=["StandardScaler"]),
        arrays(tmp_path, seconds[:, None], transforms=["StandardScaler"]),
        arrays(tmp_path, seconds[:, None].astype(np.float64), transforms=["StandardScaler"]),
    ):
        (batch,) = data.batch(50, "train").inputs.values()
        expected = (np.arange(50) - 24.5) / np.arange(50).std()
        np.testing.assert_allclose(batch[:, 0], expected, rtol=1e-6)
        order = data.batches("train").order(0)[:32]
        first = next(data.batches("train").shuffled(0))
        np.testing.assert_allclose(first.inputs[next(iter(first.inputs))][:, 0], expected[order], rtol=1e-6)


@pytest.mark.parametrize("numbers", [2**53 + np.arange(30), 2**60 + np.arange(30) * 256])
def test_digits_that_64_bits_cannot_keep_are_said(tmp_path: Path, numbers: np.ndarray) -> None:
    with pytest.warns(GraphspecWarning, match=r'the column "id" differs by .*: float64 has steps of'):
        table(tmp_path, "id,y\n" + "".join(f"{n},{i}\n" for i, n in enumerate(numbers)), transforms=["StandardScaler"])
    with pytest.warns(GraphspecWarning, match=r"float64 has steps of"):
        arrays(tmp_path, numbers[:, None], transforms=["StandardScaler"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,y\nred,1\nred ,2\nblue,3\n", r'"red" and "red " are different texts in the column "a"'),
        ("a,y\nNew York,1\nnew  york,2\n", r"are different texts"),
        ("a,y\n1,yes\n2,Yes\n3,no\n", r'"Yes" and "yes" are different texts in the column "y"'),
        ("a,y\n1,0\n2,1\n3,1.0\n", r'the target "y" is 0 or 1, and is read as numbers; classes = true'),
        ("a,y\n1,-1\n2,1\n", r"is -1 or 1, and is read as numbers"),
    ],
)
def test_what_may_be_meant_otherwise_is_said(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.warns(GraphspecWarning, match=expected):
        table(tmp_path, text)


@pytest.mark.parametrize("target", ["y", "time"])
def test_digits_that_float32_cannot_keep_are_named_with_their_column(tmp_path: Path, target: str) -> None:
    text = "time,y\n" + "".join(f"{1_700_000_000 + t},{t / 7}\n" for t in range(50))
    with pytest.warns(
        GraphspecWarning, match=r'"time" differs by 14\.4 .* float32 has steps of 2e\+02.*StandardScaler'
    ):
        table(tmp_path, text, target=target)


def test_a_number_beyond_float32_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r'the column "a" is as large as 1e\+300, float32 ends at 3\.4e\+38'):
        table(tmp_path, "a,y\n1e300,1\n2,3\n")


def test_a_constant_column_is_not_blown_up_by_rounding(tmp_path: Path) -> None:
    text = "a,b,y\n" + "".join(f"0.1,{i % 3},1.5\n" for i in range(30))
    (batch,) = table(tmp_path, text, transforms=["StandardScaler"]).batch(30, "train").inputs.values()
    assert batch[:, 0].abs().max() < 1e-6


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "bool"])
def test_whole_numbers_go_to_inputs_of_whole_numbers(tmp_path: Path, dtype: str) -> None:
    text = "a,b,y\n1,0,u\n0,1,v\n"
    (tokens,) = table(tmp_path, text, {"tokens": dtype}).train.inputs.values()
    assert tokens.tolist() == [[1, 0], [0, 1]]
    assert not tokens.is_floating_point()


INTO_WHOLE = {
    "decimals": ("a,b,y\n1,0.5,u\n2,1,v\n", "int64", {}, r'column "b" is 0\.5 at row 0, .* "tokens" takes int64'),
    "texts": ("a,b,y\n1,s,u\n2,t,v\n", "int64", {}, r'column "b" is one-hot, 2 features .* takes int64'),
    "too large": ("a,b,y\n1,2,u\n2,300,v\n", "int8", {}, r'column "b" is 300 at row 1, .* takes int8'),
    "negative": ("a,b,y\n1,2,u\n2,-3,v\n", "uint8", {}, r'the column "b" is -3 at row 1, .* takes uint8'),
    "no truth value": ("a,b,y\n1,0,u\n2,1,v\n", "bool", {}, r'the column "a" is 2 at row 1, .* takes bool'),
    "scaled": ("a,b,y\n1,2,u\n2,3,v\n", "int64", {"transforms": ["StandardScaler"]}, r"make decimals .* int64"),
}  # fmt: skip


@pytest.mark.parametrize("case", INTO_WHOLE)
def test_what_an_input_of_whole_numbers_cannot_take_is_refused(tmp_path: Path, case: str) -> None:
    text, dtype, more, expected = INTO_WHOLE[case]
    with pytest.raises(GraphspecError, match=rf"wrong-dtype.*{expected}"):
        table(tmp_path, text, {"tokens": dtype}, **more)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.array([[1.0, 2.5], [1, 1]]), r'"x" at 1 is 2\.5 at row 0'),
        (np.zeros((2, 1, 4, 4), np.uint8), r'"x" arrives as floats'),
    ],
)
def test_arrays_that_an_input_of_whole_numbers_cannot_take_are_refused(tmp_path: Path, x: Any, expected: str) -> None:
    with pytest.raises(GraphspecError, match=rf"wrong-dtype.*{expected}"):
        arrays(tmp_path, x, {"tokens": "int64"})


def test_uint64_beyond_int64_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r'"x" .* is as large as 18446744073709551615'):
        arrays(tmp_path, np.full((2, 1), 2**64 - 1, np.uint64))


def test_whole_tables_among_several_inputs_are_scaled_and_tokens_are_not(tmp_path: Path) -> None:
    """The network's dtypes say which is which."""
    x, t = numbers("int64", 3), numbers("int64", 2)
    np.savez(tmp_path / "a.npz", x=x, t=t, y=np.arange(12) % 2)
    data = read(
        tmp_path, {"type": "npz", "file": "a.npz"}, {"x": "float32", "t": "int64"}, transforms=["StandardScaler"]
    )
    batch = data.batch(12, "train").inputs
    np.testing.assert_allclose(
        batch["x"].numpy(), StandardScaler().fit_transform(x.astype(float)), rtol=2e-6, atol=1e-6
    )
    assert torch.equal(batch["t"], torch.from_numpy(t))


NUMBERS = {
    "1": 1, " 2.5 ": 2.5, "-.5": -0.5, "+3": 3, "4.": 4, "1e3": 1000, "1E-2": 0.01, "0": 0, "0.25": 0.25,
    "1_2": None, "0x10": None, "1 2": None, "inf": None, "nan": None, "": None, "12,5": None, "٣": None, "1.2.3": None,
}  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_what_a_number_is(text: str) -> None:
    found, expected = number(Notation().plain(text)), NUMBERS[text]
    assert np.isnan(found) if expected is None else found == expected


@pytest.mark.parametrize(
    ("notation", "text", "expected"),
    [
        (Notation(decimal=","), "12,5", 12.5),
        (Notation(decimal=","), "12.5", None),
        (Notation(thousands=","), "1,600.5", 1600.5),
        (Notation(thousands=","), "1,60", None),
        (Notation(decimal=",", thousands="."), "1.234.567,5", 1234567.5),
        (Notation(thousands="'"), "1'600", 1600),
        (Notation(thousands=" "), "1 600", 1600),
        (Notation(thousands=","), "12", 12),
    ],
)
def test_numbers_in_another_notation(notation: Notation, text: str, expected: float | None) -> None:
    found = number(notation.plain(text))
    assert np.isnan(found) if expected is None else found == expected


def test_whole_numbers_have_all_their_digits() -> None:
    assert [whole(text) for text in ("9007199254740993", "-3", "2.0", "1e3", "2.5", "x")] == [
        9007199254740993, -3, 2, 1000, None, None,
    ]  # fmt: skip


def test_a_profile_counts_what_cells_are() -> None:
    assert Profile.of(["1", "02139", "NA", "x", "", "-inf", "0.5"], Notation()) == Profile(2, (1,), (2, 4), (5,), (3,))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["02139", "2139", "00501"], ("00501", "02139", "2139")),
        (["9007199254740992", "9007199254740993"], ("9007199254740992", "9007199254740993")),
        (["10", "9", "2.0", "2"], ("2", "9", "10")),
        (["1_2", "12"], ("12", "1_2")),
    ],
)
@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_labels_are_as_they_are_written(tmp_path: Path, labels: list[str], expected: tuple[str, ...]) -> None:
    data = table(
        tmp_path, "a,y\n" + "".join(f"{i}.5,{label}\n" for i, label in enumerate(labels)), dataset={"classes": True}
    )
    assert data.classes == expected


def test_labels_of_a_parquet_table_have_all_their_digits(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": [0.5, 1.5], "y": [2**53, 2**53 + 1]}), tmp_path / "t.parquet")
    data = read(tmp_path, {"type": "parquet", "file": "t.parquet", "target": "y", "classes": True})
    assert data.classes == ("9007199254740992", "9007199254740993")


ODD_CELLS = {
    **{
        f"missing {text!r}": (f"a,y\n1,2\n{text},3\n4,5\n5,6\n", r't\.csv, row 3, column "a": .* is no finite number')
        for text in ("NA", "N/A", "?", "nan", "NULL", "None", "-", "--", "inf", '""')
    },
    "missing target": ("a,y\n1,2\n2,NA\n4,5\n", r'row 3, column "y": "NA" is no finite number'),
    "decimal comma": ('a,y\n"1,5",2\n2,3\n', r'row 2, column "a": "1,5" is no number.*; write decimal = ","$'),
    "decimal comma in the target": ('a,y\n1,"12,50"\n2,"3,5"\n', r'row 2, column "y": "12,50" .*decimal = ","'),
    "thousands": ('a,y\n"1,600.5",2\n900,3\n', r'row 2, column "a": "1,600\.5" .*; write thousands = ","'),
    "thousands or decimals": ('a,y\n"1,600",2\n900,3\n', r'write thousands = ",", or decimal = "," if'),
    "apostrophes": ("a,y\n1'600,2\n900,3\n", r'write thousands = "\'"'),
    "semicolons": ("a;b;y\n1;2;3\n", r'has one column, "a;b;y": its delimiter is ";"; write delimiter = ";"'),
    "tabs": ("a\tb\ty\n1\t2\t3\n", r'its delimiter is "\\t"; write delimiter = "\\t"'),
    "nothing there": ("a,y\n,2\n,3\n", r'the column "a" has no value; drop = \["a"\] leaves it out'),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD_CELLS)
def test_a_cell_that_is_no_number_is_named(tmp_path: Path, case: str) -> None:
    text, expected = ODD_CELLS[case]
    with pytest.raises(GraphspecError, match=expected):
        table(tmp_path, text)


def test_a_table_of_another_notation_is_read(tmp_path: Path) -> None:
    text = "a;b;y\n1.600,5;x;3\n900,25;z;4,5\n"
    data = table(tmp_path, text, dataset={"delimiter": ";", "decimal": ",", "thousands": "."})
    assert data.train.inputs["features"].tolist() == [[1600.5, 1, 0], [900.25, 0, 1]]
    assert data.train.targets["y"].tolist() == [[3], [4.5]]


WORTH_A_WORD = {
    "counts the rows": ("n", lambda i: i, r'the column "n" counts the rows.*drop = \["n"\]'),
    "counts from one": ("n", lambda i: i + 1, r'the column "n" counts the rows'),
    "counts in another order": ("n", lambda i: i * 7 % 30, r'the column "n" counts the rows'),
    "a nameless index": ("", lambda i: i, r'the column without a name, "", counts the rows.*drop = \[""\]'),
    "another text each": ("n", lambda i: f"name {i}", r'the column "n" has another text in every row'),
    "codes": ("n", lambda i: f"{i % 3:02}", r'row 2, column "n": "00" begins with 0, so the column is read as codes'),
    "mostly numbers": ("n", lambda i: "many" if i == 4 else i % 5, r'row 6, column "n": this one value makes .*"many"'),
    "some texts": ("n", lambda i: "many" if i % 9 == 4 else i % 5, r'row 6, column "n": it and 2 more make .*"many"'),
    "empty texts": ("n", lambda i: "" if i in (2, 5) else "xyz"[i % 3], r'row 4, column "n": 2 cells are empty'),
    "a missing text": ("n", lambda i: "NA" if i == 2 else "xyz"[i % 3], r'row 4, column "n": a cell is "NA"'),
}  # fmt: skip


@pytest.mark.parametrize("case", WORTH_A_WORD)
def test_a_column_that_may_not_be_meant_is_said(tmp_path: Path, case: str) -> None:
    name, cell, expected = WORTH_A_WORD[case]
    with pytest.warns(GraphspecWarning, match=expected):
        table(tmp_path, f"{name},b,y\n" + "".join(f"{cell(i)},{i % 4 + 0.5},{i % 7}\n" for i in range(30)))


def test_a_first_line_of_numbers_is_said(tmp_path: Path) -> None:
    with pytest.warns(
        GraphspecWarning, match=r"the first line is read as the columns' names, and holds numbers: 1, 2, 3"
    ):
        table(tmp_path, "1,2,3\n4,5,6\n", target="3")


def test_columns_are_left_out_on_request(tmp_path: Path) -> None:
    text = ",b,y\n" + "".join(f"{i},{i % 4},{i % 7}\n" for i in range(30))
    data = table(tmp_path, text, dataset={"drop": [""]})
    assert data.train.inputs["features"].shape == (30, 1)
    with pytest.raises(GraphspecError, match='has no column "bb"; did you mean "b"'):
        table(tmp_path, text, dataset={"drop": ["bb"]})
    with pytest.raises(GraphspecError, match="drop must be a list of columns"):
        table(tmp_path, text, dataset={"drop": "b"})


def test_an_input_of_float64_gets_its_64_bits_in_every_batch(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.float64).reshape(12, 2) / 1024 + 1e9
    data = arrays(tmp_path, x, {"x": "float64"})
    found = data.batch(12, "train").inputs["x"]
    assert found.dtype == torch.float64
    assert sorted(found[:, 0].tolist()) == x[:, 0].tolist()


def test_labels_that_the_loss_ignores_one_and_all_are_refused() -> None:
    with pytest.raises(GraphspecError, match=r'every label of "y" in the training part is one that the loss ignores'):
        check_samples(
            Samples({"x": torch.zeros(3, 1)}, {"y": torch.full((3, 2), 255)}), {"y": ("a", "b")}, "training", {255}
        )
