"""A notebook, run as Jupyter runs it: cells that are specs, a curve that grows, mistakes without a stack."""

import nbformat
import pytest
from nbclient import NotebookClient

SPEC = """%%graphspec line
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
[data]
dataset    = "iris"
validation = 0.2
[train]
epochs    = 3
loss      = "CrossEntropyLoss"
optimizer = { type = "Adam", lr = 0.1 }
metrics   = ["accuracy"]
"""
CELLS = {
    "extension": "import graphspec\n%load_ext graphspec",
    "spec": SPEC,
    "wrong": SPEC.replace("[data]", 'end = { type = "Linear", out_feature = 3 }\n[data]'),
    "train": "report = graphspec.train(line, run='runs/line')",
    "report": "report",
    "plot": "report.plot()",
    "mistake": "graphspec.load('no_such.toml')",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS.values()])
    where = tmp_path_factory.mktemp("notebook")
    NotebookClient(
        book, timeout=120, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(where)}}
    ).execute()
    return {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}


@pytest.mark.slow
def test_a_cell_is_a_spec_and_shows_itself(outputs) -> None:
    (shown,) = outputs["spec"]
    assert "Linear" in shown["data"]["text/html"]
    assert shown["data"]["text/plain"].startswith("Network")


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "said"), [("wrong", "did you mean"), ("mistake", "no_such.toml")])
def test_a_mistake_is_the_diagnostic_alone(outputs, cell, said) -> None:
    shown = outputs[cell][-1]
    assert shown["output_type"] == "error"
    assert said in shown["traceback"][0]
    assert "Traceback" not in "\n".join(shown["traceback"])
    assert len(shown["traceback"]) <= 4


@pytest.mark.slow
def test_a_wrong_cell_is_drawn_up_to_its_fault(outputs) -> None:
    (drawn, _) = outputs["wrong"]
    assert ">fc<" in drawn["data"]["text/html"]
    assert ">end<" not in drawn["data"]["text/html"]


@pytest.mark.slow
def test_training_draws_one_curve_in_place(outputs) -> None:
    shown = [output for output in outputs["train"] if output["output_type"] == "display_data"]
    assert len(shown) == 1
    assert "learning curves" in shown[0]["data"]["text/html"]
    assert "epoch 3/3" in shown[0]["data"]["text/plain"]
    assert not [output for output in outputs["train"] if output["output_type"] == "error"]


@pytest.mark.slow
def test_its_curves_are_shown_where_nobody_imported_pyplot(outputs) -> None:
    assert "image/png" in outputs["plot"][0]["data"]


@pytest.mark.slow
def test_a_report_shows_itself(outputs) -> None:
    assert "accuracy" in outputs["report"][0]["data"]["text/html"]
