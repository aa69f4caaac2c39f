"""What an export says of its weights, and that untrained ones do not take the place of trained ones unasked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import graphspec
from graphspec import GraphspecError, GraphspecWarning
from graphspec.compiler import Network, Origin

SPEC = """
graphspec = 1
name = "iris"
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
"""


def network(origin: Origin) -> Network:
    """The same network, whose weights are said to come from elsewhere."""
    seeded = graphspec.load(SPEC)
    return seeded if origin == "seeded" else seeded.with_state(graphspec.load(SPEC, seed=9).module.state_dict, origin)


def export(origin: Origin, **more: Any) -> Path:
    return graphspec.export(network(origin), formats=["onnx"], **more).folder


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_untrained_weights_replace_others_only_where_that_is_asked_for() -> None:
    folder = export("trained")
    before = weights(folder)
    Path("runs/iris").mkdir(parents=True)
    Path("runs/iris/environment.json").touch()
    with pytest.raises(
        GraphspecError, match=r'"exports/iris" has trained weights.*--overwrite.*export runs/iris'
    ) as caught:
        export("seeded")
    assert caught.value.diagnostics[0].code == "exists"
    assert weights(folder) == before
    with pytest.warns(GraphspecWarning, match="untrained"):
        export("seeded", overwrite=True)
    assert weights(folder) != before


def test_an_export_that_does_not_say_what_it_has_is_kept_too() -> None:
    """Of an older one nobody knows that its weights are worth nothing."""
    folder = export("file")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["weights"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(GraphspecError, match="exists"):
        export("seeded")


@pytest.mark.parametrize(
    ("origin", "readme"),
    [("seeded", "weights are untrained"), ("trained", "best of a training run"), ("file", None)],
)
def test_every_place_says_whether_the_weights_are_trained(
    origin: Origin, readme: str | None, recwarn: pytest.WarningsRecorder
) -> None:
    folder = export(origin)
    assert graphspec.verify(folder).passed
    Path("rows.csv").write_text("1,2,3,4\n")
    graphspec.predict(folder, ["rows.csv"])
    warned = [str(each.message) for each in recwarn if "untrained" in str(each.message)]
    said = ["this exports", "this verifies", "this predicts with"]
    assert [words in text for words, text in zip(said, warned, strict=False)] == [True] * 3 * (origin == "seeded")
    assert json.loads((folder / "manifest.json").read_text())["weights"] == origin
    text = (folder / "README.md").read_text()
    assert [each for each in ("untrained", "best of a training run") if each in text] == (
        [] if readme is None else [readme.removeprefix("weights are ")]
    )
