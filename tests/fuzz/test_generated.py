"""Drawn specs: a valid one compiles, scripts, exports and verifies; a changed one compiles or gives diagnostics."""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor

from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError

from .strategies import Spec, changed_specs, valid_specs

pytestmark = pytest.mark.filterwarnings("ignore")
FEW = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=600)


def drawn(spec: Spec, count: int) -> list[Tensor]:
    """A batch of `count` for each input."""
    found = []
    for given_ in spec["inputs"].values():
        shape = given_["shape"] if isinstance(given_, dict) else given_
        sizes = [count, *shape[1:]]
        found.append(torch.randint(0, 11, sizes) if isinstance(given_, dict) else torch.randn(sizes))
    return found


def compiles_and_scripts(spec: Spec) -> None:
    """The module answers at two batch sizes with the shape that was inferred, scripted too."""
    shaped = compiler.shape(compiler.load(spec))
    module = compiler.build(shaped).eval()
    scripted = torch.jit.script(module)
    (kind,) = shaped.output_types.values()
    for count in (1, 3):
        inputs = drawn(spec, count)
        with torch.no_grad():
            answer, again = module(*inputs), scripted(*inputs)
        assert tuple(answer.shape) == (count, *kind.shape[1:])
        assert torch.equal(answer, again)


def fault_of(work: Callable[[], object]) -> GraphspecError | None:
    """The diagnostics in which `work` ends; anything else that it raises is a fault of ours."""
    try:
        work()
    except GraphspecError as error:
        return error
    return None


def exports_and_verifies(spec: Spec) -> None:
    """Every file is the module's function. That nothing can be told of a saturated network is no fault."""
    with tempfile.TemporaryDirectory() as folder:
        fault = fault_of(lambda: pipeline.export(spec, Path(folder) / "out", formats=["onnx"]))
    assert fault is None or {row.code for row in fault.diagnostics} == {"inconclusive"}, str(fault)


def ends_in_order(spec: Spec) -> None:
    """A graph with shapes or diagnostics, soon, and in words that can be printed."""

    def compile_it() -> None:
        shaped = compiler.shape(compiler.load(json.dumps(spec)))
        if sum(layer.parameter_count for layer in shaped.layers) < 10**6:
            compiler.build(shaped)

    started = time.process_time()
    fault = fault_of(compile_it)
    assert time.process_time() - started < 5
    if fault is not None:
        printed = str(fault)
        assert printed
        assert len(printed.encode()) < 1 << 16
        assert "Traceback" not in printed
        assert all(row.as_dict() for row in fault.diagnostics)


@FEW
@given(valid_specs())
def test_valid_ones_compile_and_script(spec: Spec) -> None:
    compiles_and_scripts(spec)


@FEW
@given(changed_specs())
def test_changed_ones_end_in_order(spec: Spec) -> None:
    ends_in_order(spec)


@pytest.mark.slow
@MANY
@given(valid_specs())
def test_many_valid_ones_compile_and_script(spec: Spec) -> None:
    compiles_and_scripts(spec)


@pytest.mark.slow
@settings(FEW, max_examples=25)
@given(valid_specs())
def test_valid_ones_export_and_verify(spec: Spec) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exports_and_verifies(spec)


@pytest.mark.slow
@MANY
@given(changed_specs())
def test_many_changed_ones_end_in_order(spec: Spec) -> None:
    ends_in_order(spec)
