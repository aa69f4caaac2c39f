"""What an ONNX file has otherwise than the network's own is said; what means nothing is not."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest

from graphspec import compiler
from graphspec.exporting.bundle.verification_rows import verification_rows
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx
from graphspec.verifying import Workers
from graphspec.verifying.accounting import Account, account
from graphspec.verifying.runner import Runner
from graphspec.verifying.variants.convert import write_fp16
from graphspec.verifying.verify import Judge

MUTANTS = Path(__file__).parents[3] / "benchmarks" / "mutants"
sys.path.insert(0, str(MUTANTS))
from arithmetic import arithmetic  # noqa: E402
from changes import changes  # noqa: E402
from deeper import deeper  # noqa: E402
from fourth import built as built_fourth  # noqa: E402
from fourth_networks import FOURTH  # noqa: E402
from harmless import TOOLS, harmless, made_by_tools  # noqa: E402
from hidden import built  # noqa: E402
from networks import HIDDEN, LARGER  # noqa: E402
from rewrites import FURTHER_TOOLS, rewrites  # noqa: E402

sys.path.remove(str(MUTANTS))

#: Changes of whole numbers and of outputs that arrange elements otherwise: numbers decide.
BY_NUMBERS = ("a shape", "outputs exchanged")


def write(name, folder, built=built):
    """A network's own file, and the network."""
    network = built(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_onnx(capture(network), folder / "own.onnx", 20, {})
    return folder / "own.onnx", network


@pytest.fixture(scope="module", params=HIDDEN)
def own(request, tmp_path_factory):
    return write(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(
    scope="module", params=["off", *(pytest.param(n, marks=pytest.mark.slow) for n in LARGER if n != "off")]
)
def larger(request, tmp_path_factory):
    return write(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(
    scope="module", params=["steps", *(pytest.param(n, marks=pytest.mark.slow) for n in FOURTH if n != "steps")]
)
def fourth(request, tmp_path_factory):
    return write(request.param, tmp_path_factory.mktemp("fourth"), built_fourth)


def test_every_change_is_seen_and_no_harmless_one_is(own, tmp_path):
    path, _ = own
    model, target = onnx.load(path), tmp_path / "changed.onnx"
    for wrong, made in ((True, changes), (False, harmless)):
        for change in made(model):
            onnx.save(change.of(model), target)
            found = account(path, target)
            assert bool(found.differences) == wrong, (change.family, change.site, found)
    assert account(path, path).differences == account(path, path).unaccounted == ()


def test_changes_in_the_midst_of_larger_networks_are_seen_and_other_spellings_are_not(larger, tmp_path):
    path, _ = larger
    model, target = onnx.load(path), tmp_path / "changed.onnx"
    for wrong, made in ((True, deeper), (False, rewrites), (False, harmless)):
        for change in made(model):
            onnx.save(change.of(model), target)
            found = account(path, target)
            if change.family in BY_NUMBERS:
                assert found.differences or found.unaccounted, (change.family, change.site)
            else:
                assert bool(found.differences) == wrong, (change.family, change.site, found)


def test_arithmetic_that_acts_in_one_case_is_seen_and_other_spellings_are_not(fourth, tmp_path):
    path, _ = fourth
    model, target = onnx.load(path), tmp_path / "changed.onnx"
    for wrong, made in ((True, arithmetic), (False, rewrites), (False, harmless)):
        for change in made(model):
            onnx.save(change.of(model), target)
            found = account(path, target)
            assert bool(found.differences) == wrong, (change.family, change.site, found)


@pytest.mark.slow
def test_nothing_that_tools_write_of_networks_with_arrangements_is_a_difference(fourth, tmp_path):
    path, _ = fourth
    for name, made in made_by_tools(path, tmp_path, TOOLS | FURTHER_TOOLS):
        assert account(path, made).differences == (), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["char_gpt", "text_classifier"])
def test_nothing_that_tools_write_of_networks_of_texts_is_a_difference(name, tmp_path):
    own, _ = write(Path(__file__).parents[3] / "specs" / f"{name}.toml", tmp_path, compiler.load)
    for tool, made in made_by_tools(own, tmp_path, TOOLS):
        assert account(own, made).differences == (), tool


@pytest.mark.slow
def test_files_that_tools_made_pass(own, tmp_path):
    path, network = own
    with Judge(network, Runner(network.shaped, Workers(("onnx",)))) as judge:
        for name, made in made_by_tools(path, tmp_path, TOOLS):
            report = judge.against(path, made)
            assert report.passed, (name, report.faults, [runtime.faults[:1] for runtime in report.runtimes])


@pytest.mark.slow
def test_nothing_that_tools_write_of_larger_networks_is_a_difference(larger, tmp_path):
    path, _ = larger
    for name, made in made_by_tools(path, tmp_path, TOOLS | FURTHER_TOOLS):
        assert account(path, made).differences == (), name


HEAD = """<ir_version: 9, opset_import: ["" : 20, "com.microsoft" : 1]>
agraph (float[N, 4] x, bool[N, 4] c, float[N, T, 4] s) => (float[A, B] y)
<float high = {5.0}, float one = {1.0}, float[4] each = {1.0, 2.0, 3.0, 4.0}, float[4, 4] w = {
1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0}, int64 first = {0},
int64[1] at = {0}, int64[1] till = {1}, int64[1] last = {0}, int64[1] other = {1}>
"""
#: Body, another, and whether they are the same function.
BODIES = {
    "a choice by the opposite": ("y = Where(c, x, high)", "n = Not(c)\ny = Where(n, high, x)", True),
    "the opposite choice": ("y = Where(c, x, high)", "n = Not(c)\ny = Where(n, x, high)", False),
    "a bound of its own for each": ("y = Min(x, each)", "y = Min(each, x)", True),
    "another bound for each": ("y = Min(x, each)", "y = Max(x, each)", False),
    "twice negated": ("y = Exp(x)", "n = Neg(x)\nm = Neg(n)\ny = Exp(m)", True),
    "negated once": ("y = Exp(x)", "n = Neg(x)\ny = Exp(n)", False),
    "the negative added": ("e = Exp(x)\ny = Sub(x, e)", "e = Exp(x)\nn = Neg(e)\ny = Add(n, x)", True),
    "the negative subtracted": ("e = Exp(x)\ny = Sub(x, e)", "e = Exp(x)\nn = Neg(e)\ny = Sub(x, n)", False),
    "a power of 1": ("y = Exp(x)", "p = Pow(x, one)\ny = Exp(p)", True),
    "its own shape": ("y = Exp(x)", "k = Shape(x)\nr = Reshape(x, k)\ny = Exp(r)", True),
    "one step of a turned value": (
        "t = Transpose<perm = [1, 0, 2]>(s)\ny = Gather<axis = 1>(t, first)", "y = Gather<axis = 0>(s, first)", True
    ),
    "another step of it": (
        "t = Transpose<perm = [1, 0, 2]>(s)\ny = Gather<axis = 1>(t, first)", "y = Gather<axis = 1>(s, first)", False
    ),
    "a part of a turned value": (
        "t = Transpose<perm = [1, 0, 2]>(s)\ny = Slice(t, at, till, last)",
        "p = Slice(s, at, till, other)\ny = Transpose<perm = [1, 0, 2]>(p)", True
    ),
    "another part of it": (
        "t = Transpose<perm = [1, 0, 2]>(s)\ny = Slice(t, at, till, last)",
        "p = Slice(s, at, till, last)\ny = Transpose<perm = [1, 0, 2]>(p)", False
    ),
    "an axis behind a fused product": (
        "t = Transpose<perm = [0, 2, 1]>(s)\nm = MatMul(s, t)\ny = Concat<axis = 1>(m, m)",
        "t = Transpose<perm = [0, 2, 1]>(s)\nm = com.microsoft.FusedMatMul(s, t)\ny = Concat<axis = 1>(m, m)", True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_spellings(name, tmp_path):
    *bodies, same = BODIES[name]
    for k, body in enumerate(bodies):
        onnx.save(onnx.parser.parse_model(f"{HEAD}{{\n{body}\n}}"), tmp_path / f"{k}.onnx")
    assert (account(tmp_path / "0.onnx", tmp_path / "1.onnx") == Account()) is same


def test_what_differs_is_said_before_the_numbers_are(small, judge, damaged):
    def change(graph):
        tensor = next(tensor for tensor in graph.initializer if tensor.name == "fc.weight")
        array = onnx.numpy_helper.to_array(tensor).copy()
        array[1, 7] *= np.float32(1.0001)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))

    report = judge.against(small.bundle.path("onnx"), damaged(change))
    assert report.faults[0] == 'damaged.onnx: layer "fc": fc.weight differs in 1 of 768 values'
    assert (report.passed, report.first_divergent_layer) == (False, "fc")


def test_a_file_in_lower_precision_agrees_and_is_not_called_equal(small, judge, tmp_path):
    write_fp16(small.bundle.path("onnx"), tmp_path / "half.onnx")
    report = judge.against(small.bundle.path("onnx"), tmp_path / "half.onnx")
    assert report.passed
    assert {row[-1] for row in verification_rows(report.as_dict())} == {"agrees, fp16"}


def test_what_is_not_accounted_for_is_said_and_run(small, judge, damaged):
    def change(graph):
        node = next(node for node in reversed(graph.node) if node.op_type == "Reshape")
        node.op_type = "Flatten"
        del node.input[1:], node.attribute[:]

    report = judge.against(small.bundle.path("onnx"), damaged(change))
    assert report.passed
    assert report.unaccounted == ("the arrangement of elements at Reshape of layer flatten",)
