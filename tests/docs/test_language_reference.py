"""specs/README.md: every example compiles, and every error stands there as it is printed."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

import graphspec
from graphspec import compiler
from graphspec.data.augment import BATCHED
from graphspec.data.sources.builtin import SOURCES
from graphspec.data.transforms import SIZE_TRANSFORMS, VALUE_TRANSFORMS
from graphspec.diagnostics import GraphspecError
from graphspec.schema import json_schema
from graphspec.spec.model import RESERVED, NetworkSpec
from graphspec.training.metrics.metric_set import METRICS

README = Path(__file__).parents[2] / "specs" / "README.md"
TEXT = README.read_text(encoding="utf-8")
#: (language, example, the error under it or "").
BLOCKS = re.findall(r"^```(toml|json|python)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", TEXT, re.S | re.M)
RIGHT = [(language, example) for language, example, error in BLOCKS if not error and language != "python"]
WRONG = [(example, error) for _, example, error in BLOCKS if error]


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Writes an example to ``model.toml`` in the working directory; most leave the version out."""
    monkeypatch.chdir(tmp_path)

    def write(example: str, language: str = "toml") -> Path:
        path = Path(f"model.{language}")
        path.write_text(example if "graphspec" in example else f"graphspec = 1\n{example}", encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(("language", "example"), RIGHT)
@pytest.mark.filterwarnings("error::graphspec.GraphspecWarning")
def test_an_example_compiles(model, language, example):
    path = model(example, language)
    for variant in [None, *compiler.load(path).spec.variants]:
        assert graphspec.compile(path, variant=variant).graph


@pytest.mark.parametrize(("example", "error"), WRONG)
def test_an_error_is_as_shown(model, example, error):
    with pytest.raises(GraphspecError) as caught:
        graphspec.compile(model(example))
    assert str(caught.value) == error.rstrip("\n")


def test_there_is_something_of_each():
    assert len(RIGHT) >= 12
    assert len(WRONG) >= 3


def test_the_schema_accepts_the_examples():
    accepts = jsonschema.Draft7Validator(json_schema()).is_valid
    for _, example in [block for block in RIGHT if block[0] == "toml"]:
        assert accepts(tomllib.loads(example if "graphspec" in example else f"graphspec = 1\n{example}")), example


@pytest.mark.parametrize(
    "names", [RESERVED, NetworkSpec.model_fields, SOURCES, SIZE_TRANSFORMS, VALUE_TRANSFORMS, METRICS, BATCHED],
    ids=["reserved", "sections", "datasets", "size", "value", "metrics", "augment"],
)  # fmt: skip
def test_every_name_is_there(names):
    assert not [name for name in names if f"`{name}`" not in TEXT and f"[{name}" not in TEXT]


@pytest.mark.parametrize("section", ["data", "train", "export", "tune"])
def test_every_key_of_a_section_is_there(section):
    example = next(example for _, example in RIGHT if f"[{section}]" in example)
    model = compiler.load(f"graphspec = 1\n{example}").spec
    keys = type(getattr(model, section)).model_fields
    assert not [key for key in keys if f"{section}.{key}`" not in TEXT and f"\n{key} " not in example]
