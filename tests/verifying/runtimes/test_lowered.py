"""What holds of every format that another package lowers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import Bundle, executorch, litert
from graphspec.exporting.bundle.manifest import files_of, write_manifest
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


@pytest.mark.slow
@pytest.mark.parametrize("format", NEEDS)
def test_a_weight_that_no_number_shows_is_named(format, tmp_path):
    module, extra = NEEDS[format]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"not installed: {extra}")
    network = compiler.load(lowered.SPEC, seed=1)
    bundle = lowered.written(network, tmp_path / "pocket", format)
    assert set(FORMATS[format].lowered_by) <= set(bundle.manifest["versions"])
    assert verify_bundle(network, bundle).unaccounted == ()
    path, bias = bundle.path(format), network.module.state_dict()["fc.bias"].numpy()
    content = path.read_bytes()
    assert content.count(bias.tobytes()) == 1
    path.write_bytes(content.replace(bias.tobytes(), np.nextafter(bias, np.float32(1)).tobytes()))
    sealed = Bundle(bundle.folder, write_manifest(bundle.folder, {**bundle.manifest, "files": files_of(bundle.folder)}))
    report = verify_bundle(network, sealed)
    assert [runtime.passed for runtime in report.runtimes] == [True]
    assert (report.passed, report.blame.layer) == (False, "fc")
    assert report.faults == (f'{path.name}: layer "fc": fc.bias is not there as the network has it',)
    earlier = sealed.manifest["versions"] | {FORMATS[format].lowered_by[0]: "0.0"}
    report = verify_bundle(
        network, Bundle(bundle.folder, write_manifest(bundle.folder, {**sealed.manifest, "versions": earlier}))
    )
    assert report.passed
    assert report.unaccounted == (
        f"the weights of {path.name}, which another version of {FORMATS[format].lowered_by[0]} wrote",
    )
