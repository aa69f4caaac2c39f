"""What holds of every format that another package lowers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import executorch, litert
from graphspec.formats import FORMATS
from graphspec.ops.imports import import_file
from graphspec.verifying import verify_bundle

lowered = import_file(Path(__file__).with_name("lowered.py"))
#: By format: the module that is imported, and what installs it.
NEEDS = {"executorch": ("executorch", executorch.EXTRA), "litert": ("litert_torch", litert.EXTRA)}


@pytest.mark.parametrize("format", NEEDS)
def test_without_the_extra_one_error_says_what_to_type(format, tmp_path):
    module, extra = NEEDS[format]
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(GraphspecError) as caught:
        lowered.written(compiler.load(lowered.SPEC), tmp_path, format)
    (found,) = caught.value.diagnostics
    assert (found.code, found.at, found.hint) == ("missing-package", ("export", "formats"), extra)
    assert not (tmp_path / FORMATS[format].file).exists()


@pytest.mark.slow
@pytest.mark.parametrize("format", NEEDS)
def test_another_networks_file_is_told_as_that(format, tmp_path):
    module, extra = NEEDS[format]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"not installed: {extra}")
    bundle = lowered.written(compiler.load(lowered.SPEC, seed=1), tmp_path / "pocket", format)
    report = verify_bundle(compiler.load(lowered.SPEC, seed=2), bundle)
    assert not report.passed
    assert "another network" in report.blame.detail
