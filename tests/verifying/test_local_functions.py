"""Local functions of an ONNX file are counted before they are written out."""

from __future__ import annotations

import time

import onnx
import pytest
from onnx import helper

from graphspec.verifying import Workers
from graphspec.verifying.local_functions import check_functions
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, UNOPTIMISED


def model(*bodies: list[str]):
    """A model that calls f0; function k calls what its list names, Neg or other functions."""
    domains = [helper.make_opsetid("", 20), helper.make_opsetid("f", 1)]
    made = [
        helper.make_function(
            "f", f"f{k}", ["x"], ["y"],
            [helper.make_node(op, ["x"], ["y"], domain="f" if op != "Neg" else "") for op in body], domains,
        )
        for k, body in enumerate(bodies)
    ]  # fmt: skip
    graph = helper.make_graph([helper.make_node("f0", ["a"], ["b"], domain="f")], "g", [], [])
    return helper.make_model(graph, functions=made, opset_imports=domains)


def test_functions_that_call_each_other_are_fine() -> None:
    check_functions(model(["f1", "f2"], ["f2"], ["Neg"]))


@pytest.mark.parametrize("bodies", [[["f0"]], [["f1"], ["f2"], ["f0"]]], ids=["itself", "in a circle"])
def test_a_function_that_calls_itself_is_refused(bodies: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="calls itself"):
        check_functions(model(*bodies))


def test_ten_levels_of_twelve_calls_are_refused_at_once() -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match="200,000 nodes"):
        check_functions(model(*[[f"f{k + 1}"] * 12 for k in range(10)], ["Neg"]))
    assert time.perf_counter() - start < 1


def test_calls_in_the_branches_of_an_if_are_counted() -> None:
    def branching(k: int):
        call = helper.make_node(f"f{k + 1}" if k < 17 else "Neg", [], ["y"], domain="f" if k < 17 else "")
        branches = {name: helper.make_graph([call], name, [], []) for name in ("then_branch", "else_branch")}
        return helper.make_function(
            "f", f"f{k}", ["x"], ["y"], [helper.make_node("If", ["x"], ["y"], **branches)],
            [helper.make_opsetid("", 20), helper.make_opsetid("f", 1)],
        )  # fmt: skip

    graph = helper.make_graph([helper.make_node("f0", ["a"], ["b"], domain="f")], "g", [], [])
    with pytest.raises(ValueError, match="200,000 nodes"):
        check_functions(helper.make_model(graph, functions=[branching(k) for k in range(18)]))


def test_no_runtime_is_asked_about_functions_that_never_end(small, tmp_path) -> None:
    path = tmp_path / "many.onnx"
    onnx.save(model(*[[f"f{k + 1}"] * 12 for k in range(10)], ["Neg"]), path)
    runner = Runner(small.shaped, Workers(()))
    start = time.perf_counter()
    for runtime in (UNOPTIMISED, ONNXRUNTIME):
        with pytest.raises(WorkerError, match="200,000 nodes"):
            runner.run(runtime, path, runner.write("inputs.npz", []))
    assert time.perf_counter() - start < 1
    runner.close()
