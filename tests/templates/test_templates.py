"""Every template of ``graphspec init`` compiles as it is, in its own words, and the command writes it once."""

import itertools
import tomllib
import warnings

import jsonschema
import numpy as np
import pytest
from PIL import Image

import graphspec
from graphspec.diagnostics import GraphspecWarning
from graphspec.schema import json_schema
from graphspec.templates import templates, title

TEMPLATES = templates()


@pytest.fixture(scope="module")
def accepts():
    return jsonschema.Draft7Validator(json_schema()).is_valid


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_compiles_without_a_warning(name, accepts):
    with warnings.catch_warnings():
        warnings.simplefilter("error", GraphspecWarning)
        warnings.filterwarnings("ignore", message=r".*(tokenizer: |texts are longer|tokens have none)")
        module = graphspec.compile(TEMPLATES[name])
    assert sum(parameter.numel() for parameter in module.parameters()) > 0
    assert accepts(tomllib.loads(TEMPLATES[name]))
    assert title(TEMPLATES[name]).endswith(".")


def test_there_is_one_for_each_kind_of_data_that_a_first_course_has() -> None:
    assert {"mnist", "images", "table", "line", "text", "masks"} <= TEMPLATES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", TEMPLATES)
def test_it_trains(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_data(name, tmp_path / "data")
    report = graphspec.train(TEMPLATES[name], run=tmp_path / "run", epochs=1)
    assert report.epochs == 1


def own_data(name, root):
    """What the user has where a template takes that."""
    draw = np.random.default_rng(0)
    root.mkdir()
    if name == "mnist":
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for stem, count in (("train", 200), ("t10k", 40)):
            for kind, values in (
                ("images-idx3", draw.integers(0, 256, (count, 28, 28))), ("labels-idx1", np.arange(count) % 10),
            ):  # fmt: skip
                header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
                (raw / f"{stem}-{kind}-ubyte").write_bytes(header + values.astype("uint8").tobytes())
    elif name == "images":
        for part, each in itertools.product(("train", "test"), ("cats", "dogs")):
            folder = root / "images" / part / each
            folder.mkdir(parents=True)
            for number in range(12):
                Image.fromarray(draw.integers(0, 256, (50, 70, 3)).astype("uint8")).save(folder / f"{number}.png")
    elif name == "table":
        rows = [
            f"{draw.normal():.2f},{draw.choice(['a', 'b'])},{draw.choice(['', '1.5'])},{'xyz'[k % 3]}"
            for k in range(90)
        ]
        (root / "table.csv").write_text("\n".join(["size,kind,weight,label", *rows]) + "\n")
    elif name == "two_inputs":
        np.savez(
            root / "samples.npz", image=draw.random((60, 3, 32, 32), dtype="float32"),
            features=draw.normal(size=(60, 12)).astype("float32"), label=np.arange(60) % 10,
            estimate=draw.normal(size=(60, 1)).astype("float32"),
        )  # fmt: skip
