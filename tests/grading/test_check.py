"""``graphspec check``: a spec is graded by what it computes, not by how it is written."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import graphspec
from graphspec.cli.app import app

SOLUTION = """
graphspec = 1
[inputs]
x = ["N", 1, 8, 8]
[layers]
flatten = "Flatten"
fc1 = { type = "Linear", out_features = 32 }
relu = "ReLU"
fc2 = { type = "Linear", out_features = 10 }
"""
TRAINED = """
[data]
dataset = "digits"
[train]
epochs = 3
loss = "CrossEntropyLoss"
optimizer = { type = "Adam", lr = 0.01 }
metrics = ["accuracy"]
"""

#: What is written in place of what, and the criteria that fail, with a part of the first hint.
WORKS: dict[str, tuple[list[tuple[str, str]], list[str], str]] = {
    "the solution": ([], [], ""),
    "other names of layers and dims": ([("fc1", "hidden"), ('"N"', '"B"')], [], ""),
    "the name of the only input": ([("\nx =", "\nimage =")], [], ""),
    "the name of the only output": ([("10 }", '10 }\n[outputs]\nlogits = "fc2"')], [], ""),
    "a function for a layer": ([('relu = "ReLU"', 'relu = "relu"')], [], ""),
    "a layer that does nothing": ([('relu = "ReLU"', 'relu = "ReLU"\nsame = "Identity"')], [], ""),
    "another activation": ([('"ReLU"', '"Sigmoid"')], ["function"], 'layer "relu" (Sigmoid)'),
    "no activation": ([('relu = "ReLU"\n', "")], ["function"], "computes something else is layer"),
    "one layer too many": ([("10 }", '10 }\nsoft = { type = "Softmax", dim = 1 }')], ["function"], "one more"),
    "dropout": ([('"ReLU"', '"ReLU"\ndrop = "Dropout"')], ["function"], "in training Dropout"),
    "another width": ([("= 32", "= 33")], ["parameters", "function"], "sizes of the layers"),
    "no bias": ([("= 32 }", "= 32, bias = false }")], ["parameters", "function"], "whether each has its bias"),
    "the number of classes": ([("= 10 }", "= 9 }")], ["outputs", "parameters"], 'look at layer "fc2"'),
    "another size of image": ([("8, 8]", "8, 6]")], ["inputs", "parameters"], "the sizes are N × 1 × 8 × 8"),
    "a dim too few": ([("1, 8, 8]", "8, 8]")], ["inputs"], "4 dims, not 3"),
    "another dtype": (
        [
            ('["N", 1, 8, 8]', '{ shape = ["N", 1, 8, 8], dtype = "float64" }'),
            ('flatten = "', 'single = { type = "to", dtype = "float32" }\nflatten = "'),
        ],
        ["inputs"],
        "float32",
    ),
    "a frozen batch": ([('"N", 1', "4, 1")], ["inputs", "outputs"], "the sizes are"),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKS)
def test_what_is_equal_passes_and_what_differs_is_said(case: str) -> None:
    changes, failed, hint = WORKS[case]
    work = SOLUTION
    for before, after in changes:
        assert before in work
        work = work.replace(before, after)
    grade = graphspec.check(work, SOLUTION)
    assert [row.name for row in grade.criteria if not row.passed] == failed
    assert grade.passed == (not failed)
    assert hint in "".join(row.hint for row in grade.criteria if not row.passed)


TWO = """
graphspec = 1
[inputs]
a = ["N", 4]
b = ["N", 6]
[layers]
fc = { type = "Linear", out_features = 3, from = "a" }
gc = { type = "Linear", out_features = 3, from = "b" }
sum = { type = "add", from = ["fc", "gc"] }
[outputs]
one = "sum"
two = "gc"
"""


def test_of_several_inputs_and_outputs_the_names_matter() -> None:
    assert graphspec.check(TWO, TWO).passed
    renamed = graphspec.check(TWO.replace('two = "gc"', 'second = "gc"'), TWO)
    assert [(row.name, row.hint) for row in renamed.criteria if not row.passed] == [
        ("outputs", "they are called one, two")
    ]
    swapped = graphspec.check(TWO.replace('one = "sum"\ntwo = "gc"', 'one = "gc"\ntwo = "sum"'), TWO)
    assert [row.name for row in swapped.criteria if not row.passed] == ["function"]


def test_a_budget_lets_any_network_in_that_keeps_to_it() -> None:
    small = SOLUTION.replace("= 32", "= 16")
    assert graphspec.check(small, SOLUTION, parameters=1_210).passed  # 64 × 16 + 16 + 16 × 10 + 10
    over = graphspec.check(small, SOLUTION, parameters=1_209, flops=2_367)
    assert [(row.name, row.found) for row in over.criteria if not row.passed] == [
        ("parameters", "1,210"), ("FLOPs", "2,368")
    ]  # fmt: skip
    assert graphspec.check(small, SOLUTION, flops=2_368).passed  # 2 × (64 × 16 + 16 × 10)


def test_a_spec_is_trained_and_measured_on_the_test_part(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = graphspec.train(SOLUTION + TRAINED, run="run")
    accuracy = report.metrics["test"]["accuracy"]
    for work in (SOLUTION + TRAINED, "run"):
        grade = graphspec.check(work, SOLUTION + TRAINED, reach={"accuracy": accuracy, "loss": 0.0, "f1": 0.5})
        assert [(row.name, row.passed) for row in grade.criteria[2:]] == [
            ("accuracy", True), ("loss", False), ("f1", False)
        ]  # fmt: skip
        assert 'metrics = ["f1"]' in grade.criteria[-1].hint
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_is_reached_on_other_data_does_not_count() -> None:
    other = TRAINED.replace('"digits"', '{ type = "npz", file = "easy.npz" }')
    grade = graphspec.check(SOLUTION + other, SOLUTION + TRAINED, reach={"accuracy": 0.1})
    assert [(row.name, row.found) for row in grade.criteria if not row.passed] == [("data", "npz")]
    with pytest.raises(graphspec.GraphspecError, match=r"has no \[data\] and \[train\]"):
        graphspec.check(SOLUTION, SOLUTION, reach={"accuracy": 0.1})


def test_the_command_says_it_as_a_table_as_data_and_by_its_exit_code(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solution.toml").write_text(SOLUTION)
    (tmp_path / "work.toml").write_text(SOLUTION.replace("ReLU", "Tanh"))
    done = CliRunner().invoke(app, ["check", "work.toml", "--against", "solution.toml"])
    assert done.exit_code == 3
    assert 'function: the first layer that computes something else is layer "relu" (Tanh)' in done.output
    done = CliRunner().invoke(app, ["check", "solution.toml", "--against", "solution.toml", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["passed"]) == (0, True)
    assert CliRunner().invoke(app, ["check", "work.toml", "--against", "nothing.toml"]).exit_code == 1
    done = CliRunner().invoke(app, ["check", "work.toml", "--against", "solution.toml", "--reach", "accuracy"])
    assert (done.exit_code, "METRIC=VALUE" in done.output) == (2, True)
