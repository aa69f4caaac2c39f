"""``pipeline.onnx`` of several inputs: a table's columns by their names, and raw batches of other data sets."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from graphspec import pipeline
from graphspec.data import data_of
from graphspec.diagnostics import GraphspecError

PEOPLE = """
graphspec = 1
[inputs]
sex  = { shape = ["N"], dtype = "int64" }
town = { shape = ["N", 1], dtype = "int64" }
age  = ["N", 1]
rest = ["N", 4]
[layers]
weight = { type = "Embedding", from = "sex", num_embeddings = "${vocabulary.sex}", embedding_dim = 2 }
place  = { type = "Embedding", from = "town", num_embeddings = "${vocabulary.town}", embedding_dim = 3 }
flat   = { type = "flatten", start_dim = 1 }
add    = { type = "cat", from = ["weight", "flat", "age", "rest"], dim = 1 }
linear = { type = "Linear", out_features = 2 }
deck   = { type = "Parameter", shape = [2], init = "ones_" }
logits = { type = "add", from = ["linear", "deck"], broadcast = true }
[data]
dataset    = { type = "csv", file = "people.csv", target = "label", drop = ["id"], missing = "most_frequent" }
transforms = ["StandardScaler"]
[train]
epochs = 1
"""
#: Some are called like layers: like what one gives, like weights.
NAMES = ["id", "sex", "town", "age", "weight", "deck", "label"]
#: Texts that are new, cells that hold nothing, in the notations that tables have for it.
NEW = [
    ["0", "male", "Genf, VD", "40.5", "7", "A", "no"],
    ["1", "other", "Zürich", "", "1.5", "B", "no"],
    ["2", " NA ", "?", "nan", "-3", "\u00a0n/A\t", "yes"],
    ["3", "female", "Chur", "1e2", "12345678.25", "Z", "yes"],
]


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows])


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A run on a table of texts, codes, gaps and numbers, and its export."""
    root = tmp_path_factory.mktemp("people")
    draw = np.random.default_rng(0)
    rows = []
    for k in range(160):
        sex, town = draw.choice(["male", "female"]), draw.choice(["Bern", "Zürich", "Genf, VD", " Basel"])
        age, deck = draw.choice(["", f"{draw.uniform(1, 80):.1f}"], p=[0.1, 0.9]), draw.choice(["A", "B", "C", "NA"])
        label = "yes" if (sex == "female") + draw.random() > 0.8 else "no"
        rows.append([k, sex, town, age, f"{draw.exponential(30):.4f}", deck, label])
    write(root / "people.csv", rows)
    write(root / "new.csv", NEW)
    report = pipeline.train(PEOPLE, run=root / "run", data=root)
    bundle = pipeline.export(report.run, root / "export", formats=["onnx", "pipeline"], data=root)
    return root, report, bundle


def raw_of(rows):
    """The cells of `rows` as Python would give them to the file."""
    cells = dict(zip(NAMES, zip(*rows, strict=True), strict=True))
    number = lambda text: float(text) if text.strip() else np.nan  # noqa: E731
    return {
        name: np.array([number(text) for text in cells[name]]) if name in ("age", "weight") else np.array(cells[name])
        for name in ("sex", "town", "age", "weight", "deck")
    }


@pytest.mark.filterwarnings("ignore")
def test_rows_of_cells_give_what_predict_says_of_the_file_that_has_them(people):
    root, report, bundle = people
    said = pipeline.predict(report.run, [root / "new.csv"])
    for run in (
        onnxruntime.InferenceSession(bundle.path("pipeline"), providers=["CPUExecutionProvider"]).run,
        ReferenceEvaluator(str(bundle.path("pipeline"))).run,
    ):
        label, probabilities = run(["label", "probabilities"], raw_of(NEW))
        assert [bundle.manifest["labels"][k] for k in label] == [each.label for each in said]
        assert np.allclose(probabilities.max(1), [each.probability for each in said], atol=1e-6)


def test_the_manifest_has_an_input_for_each_column(people):
    entries = people[2].manifest["pipeline"]["inputs"]
    assert {entry["name"]: entry["dtype"] for entry in entries} == {
        "sex": "string", "town": "string", "age": "float64", "weight": "float64", "deck": "string",
    }  # fmt: skip
    assert all(entry["shape"] == ["N"] for entry in entries)


def test_the_lines_of_the_readme_say_the_class_of_a_row_of_the_training_part(people, tmp_path):
    _, _, bundle = people
    section = (bundle.folder / "README.md").read_text().split("## pipeline.onnx")[1]
    (tmp_path / "read.py").write_text(section.split("```python\n")[1].split("```")[0])
    (tmp_path / "pipeline.onnx").write_bytes(bundle.path("pipeline").read_bytes())
    done = subprocess.run([sys.executable, "read.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("yes", "no")
    assert bundle.manifest["pipeline"]["example"]["sex"] in ("male", "female")


def test_it_is_verified_again_with_unknown_texts_and_missing_cells(people):
    report = pipeline.verify(people[2])
    cases = {each.case for runtime in report.runtimes for each in runtime.comparisons}
    assert report.passed
    assert {"every text", "unknown texts, missing cells", "real data"} <= cases


TEXTS = """
graphspec = 1
[inputs]
text = { shape = ["N", "T"], dtype = "int64" }
[layers]
embed  = { type = "Embedding", num_embeddings = 50, embedding_dim = 4 }
mean   = { type = "mean", dim = 1 }
logits = { type = "Linear", out_features = 8 }
[data]
dataset   = "python_docstrings"
tokenizer = { type = "WordLevel", vocab_size = 50, max_length = 8 }
[train]
epochs = 1
[export]
formats = ["onnx", "pipeline"]
"""


def test_a_tokenizer_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(GraphspecError) as caught:
        pipeline.export(TEXTS, tmp_path / "export")
    (found,) = caught.value.diagnostics
    assert found.message == "ONNX has no tokenizer, and raw samples are texts"
    assert "tokenizer.json" in found.hint


@pytest.mark.filterwarnings("ignore")
def test_a_column_called_like_an_output_is_refused(people, tmp_path):
    root = people[0]
    text = (root / "people.csv").read_text(encoding="utf-8").replace("weight", "probabilities", 1)
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    with pytest.raises(GraphspecError, match='cannot call an input "probabilities"'):
        pipeline.export(PEOPLE, tmp_path / "export", formats=["pipeline"], data=tmp_path)


BOTH = """
graphspec = 1
[inputs]
image = ["N", 3, 8, 8]
table = ["N", 2]
[layers]
conv = { type = "Conv2d", from = "image", out_channels = 2, kernel_size = 3 }
flat = "Flatten"
both = { type = "cat", from = ["flat", "table"], dim = 1 }
out  = { type = "Linear", out_features = 3 }
[data]
dataset    = { type = "npz", file = "both.npz", targets = ["kind"] }
transforms = [{ type = "Resize", size = [8, 8] }, { type = "Normalize", mean = [0.5], std = [0.25] }, "StandardScaler"]
[train]
epochs = 1
"""


@pytest.mark.filterwarnings("ignore")
def test_an_image_and_a_table_go_in_as_the_data_set_holds_them(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (60, 3, 12, 10), dtype=np.uint8)
    table = draw.normal(1e6, 1.0, (60, 2))
    np.savez(tmp_path / "both.npz", image=images, table=table, kind=np.arange(60) % 3)
    report = pipeline.train(BOTH, run=tmp_path / "run", data=tmp_path)
    bundle = pipeline.export(report.run, tmp_path / "export", formats=["pipeline"], data=tmp_path)
    assert [entry["dtype"] for entry in bundle.manifest["pipeline"]["inputs"]] == ["uint8", "float64"]
    session = onnxruntime.InferenceSession(bundle.path("pipeline"), providers=["CPUExecutionProvider"])
    _, found = session.run(None, {"image": images.transpose(0, 2, 3, 1), "table": table})
    data = data_of(BOTH, tmp_path)
    rows = data.samples("test")
    (_, wanted) = session.run(None, {"image": rows.inputs["image"].permute(0, 2, 3, 1).numpy(),
                                     "table": rows.inputs["table"].double().numpy()})  # fmt: skip
    said = pipeline.predict(report.run, data=tmp_path, count=len(rows))
    assert found.shape == (60, 3)
    assert np.allclose(wanted.max(1), [each.probability for each in said], atol=1e-5)
