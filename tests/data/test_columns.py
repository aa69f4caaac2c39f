"""Columns as inputs: numbers and ids by name, vocabularies and missing cells by the training part, dates refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.impute import SimpleImputer

import graphspec
from graphspec.compiler import load
from graphspec.data import DataSet, data_of
from graphspec.data.sources.columns import Columns
from graphspec.diagnostics import GraphspecError, GraphspecWarning

HEADER = "age,colour,town,price\n"
ROWS = [f"{20 + n % 30},{['red', 'green', 'blue'][n % 3]},{['Ulm', 'Bonn'][n % 2]},{n / 2}" for n in range(60)]
IDS = {"colour": {"shape": ["N"], "dtype": "int64"}, "rest": ["N", 3]}
LAYERS = {
    "embed": {"type": "Embedding", "from": "colour", "num_embeddings": "${vocabulary.colour}", "embedding_dim": 2},
    "cat": {"type": "cat", "from": ["embed", "rest"], "dim": 1},
    "fc": {"type": "Linear", "out_features": 1},
}


def spec(root: Path, text: str | None = None, inputs: Any = None, layers: Any = None, **dataset: Any) -> dict[str, Any]:
    (root / "t.csv").write_text(HEADER + "\n".join(ROWS) + "\n" if text is None else text)
    return {
        "graphspec": 1, "inputs": inputs or IDS, "layers": layers or LAYERS,
        "data": {"dataset": {"type": "csv", "file": "t.csv", "target": "price", **dataset}, "validation": 0, "test": 0},
        "train": {"epochs": 1, "loss": "MSELoss", "optimizer": "SGD"},
    }  # fmt: skip


def read(root: Path, *arguments: Any, **dataset: Any) -> DataSet:
    return data_of(spec(root, *arguments, **dataset), root)


def test_an_input_called_like_a_column_takes_it_and_the_rest_is_one_table(tmp_path: Path) -> None:
    data = read(tmp_path)
    assert data.train.inputs["colour"][:3].tolist() == [3, 2, 1]
    assert data.train.inputs["colour"].dtype == torch.int64
    assert data.train.inputs["rest"][:2].tolist() == [[20, 0, 1], [21, 1, 0]]
    assert data.vocabulary == {"colour": 4}


@pytest.mark.parametrize(("shape", "given"), [(["N"], (60,)), (["N", 1], (60, 1))])
def test_a_number_has_the_shape_that_its_input_asks_for(shape: list[Any], given: Any, tmp_path: Path) -> None:
    data = read(tmp_path, None, {"age": shape, "x": ["N", 5]})
    assert data.train.inputs["age"].shape == given
    assert data.train.inputs["x"].shape == (60, 5)


def test_where_every_input_is_a_column_the_others_are_not_used(tmp_path: Path) -> None:
    data = read(tmp_path, None, {"age": ["N", 1], "colour": IDS["colour"]})
    assert list(data.train.inputs) == ["age", "colour"]
    assert data.columns is not None
    assert 'column "town": not used: no input takes it' in data.columns.lines()


def test_a_wide_input_called_like_a_column_is_the_table(tmp_path: Path) -> None:
    assert list(read(tmp_path, None, {"age": ["N", 6]}).train.inputs) == ["features"]


def test_the_vocabulary_is_the_training_parts(tmp_path: Path) -> None:
    rare = HEADER + "\n".join([*ROWS, "1,violet,Ulm,2"]) + "\n"
    made = spec(tmp_path, rare)
    made["data"]["validation"] = 0.9
    data = data_of(made, tmp_path)
    for part in (data.train, data.validation):
        assert part is not None
        assert int(part.inputs["colour"].max()) < data.vocabulary["colour"]
    present = data.train.inputs["colour"].unique().tolist()
    assert present == list(range(1, data.vocabulary["colour"]))


def test_a_text_that_only_the_test_table_has_is_id_0(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(HEADER + "1,violet,Ulm,2\n1,red,Ulm,2\n")
    with pytest.warns(GraphspecWarning, match=r'"violet" is no text of the training table; its id is 0'):
        assert read(tmp_path, test_file="test.csv").test.open().inputs["colour"].tolist() == [0, 3]


def test_layers_are_as_wide_as_the_vocabulary_and_a_spec_keeps_it(tmp_path: Path) -> None:
    network = load(spec(tmp_path), data=tmp_path)
    assert network.module.get_submodule("embed").num_embeddings == 4
    assert network.spec.vocabulary == {"colour": 4}
    assert "[vocabulary]\ncolour = 4\n" in graphspec.spec.dump(network.spec)


def test_a_vocabulary_that_is_written_down_needs_no_data(tmp_path: Path) -> None:
    made = {**spec(tmp_path), "vocabulary": {"colour": 9}}
    assert load(made, data=tmp_path / "nowhere").module.get_submodule("embed").num_embeddings == 9


def test_more_ids_than_the_network_was_made_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r'4 ids for the input "colour", the network was made for 2'):
        graphspec.train({**spec(tmp_path), "vocabulary": {"colour": 2}}, data=tmp_path, run=tmp_path / "run")


def test_a_vocabulary_of_no_input_is_said_with_those_there_are(tmp_path: Path) -> None:
    layers = {**LAYERS, "embed": {**LAYERS["embed"], "num_embeddings": "${vocabulary.color}"}}
    with pytest.raises(GraphspecError, match=r'no variable "vocabulary.color"; did you mean "vocabulary.colour"'):
        graphspec.compile({**spec(tmp_path, None, None, layers), "name": "x"}, data=tmp_path)


def test_texts_are_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r'wrong-dtype.*"colour" holds texts \("red"\).*dtype = "int64"'):
        read(tmp_path, None, {"colour": ["N", 1]})


GAPS = "a,b,c,y\n1,x,p,1\n,x,q,2\n3,,q,3\n3,z,,4\n7,z,q,5\n"
MIXED = {"c": {"shape": ["N"], "dtype": "int64"}, "rest": ["N", "F"]}


def test_missing_numbers_are_the_mean(tmp_path: Path) -> None:
    numbers = np.array([[1], [np.nan], [3], [3], [7]])
    data = read(tmp_path, GAPS, MIXED, target="y", missing="mean")
    expected = SimpleImputer(strategy="mean").fit_transform(numbers)
    assert np.array_equal(data.train.inputs["rest"][:, :1].numpy(), expected.astype(np.float32))


def test_missing_cells_are_the_most_frequent(tmp_path: Path) -> None:
    cells = np.array([["1", "x", "p"], [None, "x", "q"], ["3", None, "q"], ["3", "z", None], ["7", "z", "q"]], object)
    filled = SimpleImputer(missing_values=None, strategy="most_frequent").fit_transform(cells)
    data = read(tmp_path, GAPS, MIXED, target="y", missing="most_frequent")
    assert data.columns is not None
    one_hot = [[float(a), float(b == "x"), float(b == "z")] for a, b, _ in filled.tolist()]
    assert data.train.inputs["rest"].tolist() == one_hot
    assert data.train.inputs["c"].tolist() == [1 + ["p", "q"].index(c) for *_, c in filled.tolist()]
    assert 'column "a": a number; a missing cell is 3' in data.columns.lines()


def test_the_mean_is_the_training_parts(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{n if n % 3 else ''},{n}\n" for n in range(40))
    made = spec(tmp_path, text, {"a": ["N", 1]}, {"fc": {"type": "Linear", "out_features": 1}}, target="y",
                missing="mean")  # fmt: skip
    made["data"]["validation"] = 0.5
    data = data_of(made, tmp_path)
    rows = data.train.targets["y"].flatten()
    assert data.columns is not None
    (column,) = data.columns.alone
    assert column.fill == pytest.approx(float(rows[rows % 3 != 0].mean()))
    assert column.missing == int((rows % 3 == 0).sum())


@pytest.mark.parametrize("missing", ["mean", "most_frequent", "drop"])
@pytest.mark.parametrize("gap", ["", "NA"])
def test_a_row_without_a_target_is_left_out_and_never_filled(gap: str, missing: str, tmp_path: Path) -> None:
    with pytest.warns(GraphspecWarning, match='rows have (no "y"|a missing cell) and are left out'):
        data = read(tmp_path, f"a,y\n1,x\n2,{gap}\n4,z\n", {"a": ["N", 1]}, target="y", missing=missing)
    assert data.labels == {"y": ("x", "z")}
    assert data.train.inputs["a"].flatten().tolist() == [1, 4]


@pytest.mark.parametrize("text", ["a,y\n1,2\n3,\n", "a,y\n1,x\n3,\n"])
def test_a_missing_target_is_refused_with_what_to_write(text: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r"row 3, column .*missing value") as caught:
        read(tmp_path, text, {"a": ["N", 1]}, target="y")
    assert 'missing = "drop"' in caught.value.diagnostics[0].hint


def test_rows_with_missing_cells_are_dropped_and_counted(tmp_path: Path) -> None:
    with pytest.warns(GraphspecWarning, match="3 of 5 rows have a missing cell and are left out"):
        data = read(tmp_path, GAPS, MIXED, target="y", missing="drop")
    assert data.train.targets["y"].flatten().tolist() == [1, 5]


@pytest.mark.parametrize("day", ["2020-01-31", "31.12.2020", "12/31/20", "2020-01-31T10:00:00"])
def test_dates_are_refused_with_what_to_write(day: str, tmp_path: Path) -> None:
    text = f"day,x,y\n{day},1,2\n{day},2,3\n"
    with pytest.raises(GraphspecError, match=r'row 2, column "day".*is a date.*drop = \["day"\].*the year'):
        read(tmp_path, text, {"x": ["N", 2]}, target="y")


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    data = read(tmp_path, None, {"x": ["N", 1]}, columns=["age"])
    assert data.train.inputs["features"].shape == (60, 1)
    with pytest.raises(GraphspecError, match=r'no column "aeg"; did you mean "age"'):
        read(tmp_path, None, {"x": ["N", 1]}, columns=["aeg"])


def test_an_encoding_of_another_time(tmp_path: Path) -> None:
    made = spec(tmp_path, encoding="cp1252")
    (tmp_path / "t.csv").write_bytes((HEADER + "20,grün,Köln,1\n30,rot,Köln,2\n").encode("cp1252"))
    data = data_of({**made, "inputs": {"x": ["N", 4]}}, tmp_path)
    assert data.columns is not None
    assert data.columns.features[1].categories == ("grün", "rot")
    made["data"]["dataset"].pop("encoding")
    with pytest.raises(GraphspecError, match=r'write encoding = "cp1252"'):
        data_of(made, tmp_path)
    made["data"]["dataset"]["encoding"] = "zlib"
    with pytest.raises(GraphspecError, match=r"encoding must be one of utf-8"):
        data_of(made, tmp_path)


def test_64_bits_stay_until_they_are_scaled(tmp_path: Path) -> None:
    text = "t,c,y\n" + "".join(f"{2**53 - n},{'ab'[n % 2]},{n}\n" for n in range(20))
    inputs = {"c": MIXED["c"], "t": ["N", 1]}
    made = spec(tmp_path, text, inputs, target="y")
    made["data"]["transforms"] = ["StandardScaler"]
    with pytest.warns(GraphspecWarning, match="float64 has steps"):
        data = data_of(made, tmp_path)
    scaled = data.batch(20, "train").inputs["t"].flatten()
    assert len(scaled.unique()) == 20
    assert data.train.inputs["t"].dtype == torch.float64


def test_what_was_decided_is_kept_and_read_again(tmp_path: Path) -> None:
    columns = read(tmp_path, GAPS, MIXED, target="y", missing="most_frequent").columns
    assert columns is not None
    assert Columns.from_dict(json.loads(json.dumps(columns.as_dict()))) == columns


def test_a_run_predicts_tables_with_its_own_vocabulary(tmp_path: Path) -> None:
    graphspec.train(spec(tmp_path), data=tmp_path, run=tmp_path / "run")
    (tmp_path / "new.csv").write_text("colour,town,age\nred,Ulm,30\nviolet,Bonn,30\n")
    (tmp_path / "t.csv").unlink()  # nothing is read of the data again
    with pytest.warns(GraphspecWarning, match="its id is 0"):
        found = graphspec.predict(tmp_path / "run", [tmp_path / "new.csv"])
    module = graphspec.Network.open(tmp_path / "run").build().eval()
    rest = torch.tensor([[30.0, 0, 1], [30, 1, 0]])
    expected = module(torch.tensor([3, 0]), rest).tolist()
    assert [each.outputs["output"] for each in found] == expected
