"""`graphspec data`: the parts of a data set without the test part."""

from pathlib import Path

import pytest

SPECS = Path(__file__).parents[2] / "specs"


def test_parts_classes_and_transforms(command):
    document = command("data", SPECS / "perceptron.toml", "--json").document
    train, validation = document["parts"]["train"], document["parts"]["validation"]
    assert train["samples"] + validation["samples"] == 455  # of 569; the other fifth is the test part
    assert sum(train["classes"].values()) == train["samples"]
    assert list(train["classes"]) == ["malignant", "benign"]
    assert document["test"] == "sealed"
    assert document["inputs"] == {"features": "30 float32"}
    assert [step["type"] for step in document["transforms"]] == ["Normalize"]  # StandardScaler with its numbers
    assert len(document["transforms"][0]["mean"]) == 30


def test_regression_has_no_classes(command):
    out = command("data", SPECS / "linear_regression.toml").out
    assert "samples" in out
    assert "Class" not in out


def test_a_picture_of_samples(command, tmp_path):
    assert command("data", SPECS / "digits.toml", "--show", "samples.png").code == 0
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("spec", "code"), [("mnist_mlp.toml", "no-data"), ("zoo/lenet5.toml", "no-training"), ("none.toml", "no-such-file")]
)
def test_what_is_not_there_is_refused(command, tmp_path, spec, code):
    ended = command("data", SPECS / spec)
    assert ended.code == 1
    assert f"error[{code}]" in ended.err
    assert list(tmp_path.iterdir()) == []


WORDS = """
graphspec = 1
[inputs]
town = { shape = ["N"], dtype = "int64" }
[layers]
embed = { type = "Embedding", num_embeddings = "${vocabulary.town}", embedding_dim = 2 }
[data]
dataset    = { type = "csv", file = "towns.csv", target = "kind" }
batch_size = 4
[train]
epochs = 1
"""


def test_vocabularies_are_those_of_the_data_that_are_named(command, tmp_path):
    (tmp_path / "words.toml").write_text(WORDS)
    (tmp_path / "elsewhere").mkdir()
    rows = "".join(f"{('Bern', 'Genf', 'Thun')[k % 3]},{'ab'[k % 2]}\n" for k in range(30))
    (tmp_path / "elsewhere" / "towns.csv").write_text(f"town,kind\n{rows}")
    assert command("train", "words.toml", "--data", "elsewhere", "--run", "run").code == 0
    assert "town = 4" in (tmp_path / "run" / "spec.toml").read_text()
