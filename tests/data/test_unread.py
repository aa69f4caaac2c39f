"""A file that is not there, or cannot be read: the same words from every reader, and where a file of its name lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphspec import pipeline
from graphspec.compiler import load
from graphspec.data import load_data
from graphspec.diagnostics import GraphspecError

READERS: dict[str, dict[str, Any]] = {
    "csv": {"file": "t.csv", "target": "y"},
    "parquet": {"file": "t.parquet", "target": "y"},
    "npz": {"file": "t.npz", "targets": ["y"]},
    "series": {"file": "t.csv", "target": "y", "window": 2},
    "text": {"file": "t.txt"},
    "ImageFolder": {"folder": "images"},
}


def spec(name: str, **data: Any) -> str:
    arguments = ", ".join(f"{key} = {value!r}" for key, value in ({"type": name} | READERS[name]).items())
    rest = "\n".join(f'{key} = "{value}"' for key, value in data.items())
    layers = "[inputs]\nx = ['N', 2]\n[layers]\nfc = { type = 'Linear', out_features = 1 }\n"
    return f"graphspec = 1\n{layers}[data]\ndataset = {{ {arguments} }}\n{rest}\n[train]\nloss = 'MSELoss'\n"


def refused(path: str) -> str:
    network = load(path)
    with pytest.raises(GraphspecError) as caught, network.located():
        load_data(network.spec)
    return str(caught.value)


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_there_is_said_in_one_way(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = READERS[name].get("file") or READERS[name]["folder"]
    (tmp_path / "s.toml").write_text(spec(name))
    said = refused("s.toml")
    assert "error[no-such-file]: " in said
    assert f"data/{file} does not exist; --data DIR names another folder" in said
    assert said.startswith("s.toml:7:")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("lies", "hint"),
    [
        ("specs", 'it lies in specs: write root = "specs" in [data], or --data specs'),
        (".", 'write root = "." in [data], or --data .'),
        ("data", 'it lies in data: write root = "data" in [data], or --data data'),
    ],
)
def test_a_file_that_lies_nearby_is_named(
    name: str, lies: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("specs", "data"):
        (tmp_path / folder).mkdir()
    file = READERS[name].get("file") or READERS[name]["folder"]
    (tmp_path / lies / file).mkdir() if "." not in file else (tmp_path / lies / file).write_text("a,y\n1,2\n")
    (tmp_path / "specs" / "s.toml").write_text(spec(name, **({} if lies != "data" else {"root": "elsewhere"})))
    assert hint in refused("specs/s.toml")


def test_a_spec_from_elsewhere_is_told_of_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "there" / "s.toml").write_text(spec("csv"))
    (tmp_path / "there" / "t.csv").write_text("a,y\n1,2\n")
    assert "it lies in ../there: write --data ../there" in refused("../there/s.toml")


@pytest.mark.parametrize(
    ("name", "file", "what"),
    [
        ("csv", "t.csv", "CSV: 'utf-8' codec"), ("text", "t.txt", "a text: 'utf-8' codec"), ("npz", "t.npz", "arrays"),
        ("parquet", "t.parquet", "Parquet: "), ("series", "t.csv", "CSV: 'utf-8' codec"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_said_in_one_way(
    name: str, file: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_bytes(b"a,y\n\xff\xfe,2\n" * 20)
    (tmp_path / "s.toml").write_text(spec(name, root="."))
    said = refused("s.toml")
    assert f"error[bad-data]: {file} cannot be read as {what}" in said
    assert ("save it as UTF-8" in said) == ("codec" in what)


def test_a_file_to_predict_is_looked_for_before_it_is_read(tmp_path: Path) -> None:
    data = {"dataset": "iris", "validation": 0}
    made = {
        "graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"fc": {"type": "Linear", "out_features": 3}},
        "data": data, "train": {"epochs": 1},
    }  # fmt: skip
    pipeline.train(made, run=tmp_path / "run")
    for file in ("no.csv", "no.npy", "no.png", "no.txt"):
        with pytest.raises(GraphspecError, match=rf'no-such-file.*there is no ".*{file}"$'):
            pipeline.predict(tmp_path / "run", [tmp_path / file])
