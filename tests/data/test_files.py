"""What a run keeps of the files of its data: a hash of each, as ``sha256sum`` prints it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graphspec
from graphspec.data import files

SPEC = """
graphspec = 1
[inputs]
x = SHAPE
[layers]
flat = "Flatten"
fc   = { type = "Linear", out_features = 2 }
[data]
dataset = DATASET
[train]
epochs = 1
"""


def table(root):
    root.joinpath("t.csv").write_text("a,b,y\n" + "".join(f"{k},{k % 7},{k % 2}\n" for k in range(60)))
    root.joinpath("more.csv").write_text("a,b,y\n1,2,0\n3,4,1\n")
    return ["t.csv", "more.csv"]


def arrays(root):
    np.savez(root / "a.npz", x=np.random.default_rng(0).normal(size=(40, 2)).astype("f"), y=np.arange(40) % 2)
    return ["a.npz"]


def folder(root):
    made = []
    for part, count in (("train", 8), ("test", 3)):
        for name in ("cat", "dog"):
            place = root / "pets" / part / name
            place.mkdir(parents=True)
            for k in range(count):
                Image.new("RGB", (4, 4), (k, 9 * len(part), len(name))).save(place / f"{k}.png")
                made.append(f"pets/{part}/{name}/{k}.png")
    (root / "pets" / "train" / "cat" / ".hidden").write_text("of no use")
    return made


TABLE = '{ type = "csv", file = "t.csv", test_file = "more.csv", target = "y", classes = true }'
KINDS = {
    "csv": (table, '["N", 2]', TABLE),
    "npz": (arrays, '["N", 2]', '{ type = "npz", file = "a.npz" }'),
    "images": (folder, '["N", 3, 4, 4]', '{ type = "ImageFolder", folder = "pets" }'),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_listed_by_its_name_and_sha256(kind, tmp_path):
    make, shape, dataset = KINDS[kind]
    names = make(tmp_path)
    found = graphspec.data(SPEC.replace("SHAPE", shape).replace("DATASET", dataset), tmp_path).noted["files"]
    assert found["files"] == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names}
    assert (found["count"], found["of"]) == (len(names), "contents")


def test_the_hash_of_all_is_that_of_names_and_hashes_in_order(tmp_path):
    names = folder(tmp_path)
    found = files.files_of([tmp_path / "pets"], tmp_path)
    lines = (f"{name}\0{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}\n" for name in sorted(names))
    assert found["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_more_files_than_can_be_listed_have_one_hash_and_more_bytes_than_can_be_read_their_sizes(tmp_path, monkeypatch):
    folder(tmp_path)
    whole = files.files_of([tmp_path], tmp_path)
    monkeypatch.setattr(files, "MOST_LISTED", 3)
    assert files.files_of([tmp_path], tmp_path) == {key: value for key, value in whole.items() if key != "files"}
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    found = files.files_of([tmp_path], tmp_path)
    assert found["of"] == "sizes"
    assert found["sha256"] != whole["sha256"]


INPUTS = {
    '"iris"': '["N", 4]',
    '"line"': '["N", 1]',
    '"seasons"': '["N", 1, 48]',
    '"shapes"': '["N", 3, 32, 32]',
    '{ type = "digit_strips", target = "present" }': '["N", 1, 8, 50]',  # a word, and no path
    '"python_reference"': '{ shape = ["N", "T"], dtype = "int64" }',
}


@pytest.mark.parametrize("dataset", INPUTS)
def test_data_that_are_no_files_have_none(dataset, tmp_path):
    (tmp_path / "other.csv").write_text("of another data set\n")
    spec = f'graphspec = 1\n[inputs]\nx = {INPUTS[dataset]}\n[layers]\nr = "abs"\n[data]\ndataset = {dataset}\n'
    noted = graphspec.data(spec + ('tokenizer = "Char"\n' if "python" in dataset else ""), tmp_path).noted
    assert "files" not in noted
    assert len(noted["fingerprint"]) == 64


def test_a_run_keeps_them_and_a_changed_file_is_seen(tmp_path):
    make, shape, dataset = KINDS["csv"]
    make(tmp_path)
    spec = SPEC.replace("SHAPE", shape).replace("DATASET", dataset)
    kept = []
    for name in ("a", "b"):
        run = graphspec.train(spec, run=tmp_path / name, data=tmp_path, device="cpu").run
        kept.append(json.loads(Path(run, "environment.json").read_text())["data"])
        tmp_path.joinpath("more.csv").write_text("a,b,y\n1,2,0\n3,5,1\n")  # of the test part alone
    assert kept[0]["fingerprint"] == kept[1]["fingerprint"]
    assert kept[0]["files"]["files"]["t.csv"] == kept[1]["files"]["files"]["t.csv"]
    assert kept[0]["files"]["files"]["more.csv"] != kept[1]["files"]["files"]["more.csv"]
