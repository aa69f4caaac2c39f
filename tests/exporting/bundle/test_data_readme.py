"""The bundle's README on the data: its Python, run on raw samples, gives what training saw and what the classes are."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import graphspec

IRIS = """
graphspec = 1
name = "iris"
[inputs]
x = ["N", 4]
[layers]
fc1  = { type = "Linear", out_features = 16 }
relu = "ReLU"
fc2  = { type = "Linear", out_features = 3 }
[data]
dataset    = "iris"
transforms = ["StandardScaler"]
[train]
epochs    = 20
loss      = "CrossEntropyLoss"
optimizer = { type = "Adam", lr = 0.02 }
metrics   = ["accuracy"]
[export]
formats = ["onnx"]
"""


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris")
    (folder / "iris.toml").write_text(IRIS)
    report = graphspec.train(folder / "iris.toml", run=folder / "run", device="cpu")
    return graphspec.export(report.run, folder / "export")


def text_of(bundle):
    return (bundle.folder / "README.md").read_text(encoding="utf-8")


def test_classes_and_numbers_of_every_transform_are_named(iris):
    (scaler,) = iris.manifest["transforms"]
    text = text_of(iris)
    assert "0 setosa, 1 versicolor, 2 virginica" in text
    assert f"mean {scaler['mean']}, std {scaler['std']}" in text


def test_the_snippet_classifies_raw_rows_as_well_as_the_network_does(iris, tmp_path):
    from sklearn.datasets import load_iris

    rows = load_iris()
    np.save(tmp_path / "rows.npy", rows.data.astype(np.float32))
    snippet = re.search(r"## Python, onnxruntime\n\n```python\n(.*?)```", text_of(iris), re.S).group(1)
    assert snippet.count("np.zeros(") == 1
    code = re.sub(r"np\.zeros\(.*?float32\)", f'np.load("{tmp_path / "rows.npy"}")', snippet)
    done = subprocess.run([sys.executable, "-c", code], cwd=iris.folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"'(\w+)'", done.stdout)
    assert np.mean([rows.target_names[k] == name for k, name in zip(rows.target, said, strict=True)]) > 0.9


def test_without_data_there_is_nothing_to_say(tmp_path):
    text = text_of(graphspec.export(IRIS.partition("[data]")[0] + '[export]\nformats = ["onnx"]', tmp_path / "e"))
    assert "## Preprocessing" not in text
    assert "## Classes" not in text
