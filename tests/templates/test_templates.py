"""Every template of ``graphspec init`` compiles as it is, in its own words, and the command writes it once."""

import tomllib
import warnings

import jsonschema
import pytest

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
        module = graphspec.compile(TEMPLATES[name])
    assert sum(parameter.numel() for parameter in module.parameters()) > 0
    assert accepts(tomllib.loads(TEMPLATES[name]))
    assert title(TEMPLATES[name]).endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TEMPLATES if "[train]" in TEMPLATES[name]])
def test_it_trains(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = graphspec.train(TEMPLATES[name], run=tmp_path / "run", epochs=1)
    assert report.epochs == 1
