"""What a network, a run, an export and a comparison show of themselves: a few lines, and a piece of a page as HTML."""

from pathlib import Path

import pytest

import graphspec
from graphspec.display.html import folded, page

SPEC = """
graphspec = 1
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv    = { type = "Conv2d", out_channels = 4, kernel_size = 3 }
flatten = "Flatten"
logits  = { type = "Linear", out_features = 10 }
[data]
dataset    = "digits"
validation = 0.2
[train]
epochs    = 1
loss      = "CrossEntropyLoss"
optimizer = { type = "Adam", lr = 0.01 }
metrics   = ["accuracy"]
[export]
formats = ["onnx"]
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> object:
    run = tmp_path_factory.mktemp("runs") / "a<b>c"
    return graphspec.train(SPEC, run=run)


def test_a_network_is_a_table_and_a_picture() -> None:
    network = graphspec.load(SPEC)
    assert repr(network) == "Network model: 3 lines of layers\n  input image: N × 1 × 8 × 8 float32"
    shown = network._repr_html_()
    assert "<td >N × 4 × 6 × 6</td>" in shown
    assert "data:image/svg+xml" in shown
    assert "1,490" in repr(network)  # known by now


def test_blocks_are_opened_level_by_level() -> None:
    specs = Path(__file__).parents[2] / "specs"
    shown = graphspec.load(specs / "zoo" / "resnet18.toml")._repr_html_()
    assert shown.count('type="radio"') == 4
    assert shown.count("data:image/svg+xml") == 4
    assert "two levels opened" in shown


def test_a_wrong_network_is_drawn_up_to_its_fault() -> None:
    wrong = graphspec.load(SPEC.replace('flatten = "Flatten"', 'flatten = "BatchNorm1d"'))
    shown = wrong._repr_html_()
    assert "error[" in shown
    assert ">conv<" in shown
    assert ">logits<" not in shown
    dangling = graphspec.load(SPEC.replace('"Flatten"', '{ type = "Flatten", from = "con" }'))._repr_html_()
    assert "did you mean" in dangling
    assert "<table>" not in dangling


def test_a_run_shows_its_curves_and_figures(report) -> None:
    assert repr(report).splitlines()[0].startswith("TrainReport ")
    assert len(repr(report).splitlines()) <= 10
    shown = report._repr_html_()
    assert "learning curves" in shown
    assert "a&lt;b&gt;c" in shown
    assert "a<b>c" not in shown
    assert shown.count("data:image/png") >= 2
    evaluation = report.evaluate()
    assert evaluation.parts["test"] == report.evaluation.parts["test"]
    assert "EvaluateReport" in repr(evaluation)
    assert "confusion" in evaluation._repr_html_()


def test_folds_show_mean_and_spread(tmp_path) -> None:
    found = graphspec.train(SPEC.replace("validation = 0.2", "folds = 2"), run=tmp_path / "run")
    assert "2 of 2 folds" in repr(found)
    assert " ± " in repr(found)
    assert "±" in found._repr_html_()


def test_a_report_gives_its_module_and_its_curves(report) -> None:
    module = report.module
    assert not module.training
    assert next(axis.get_title() for axis in report.plot().axes) == "loss: CrossEntropyLoss"


@pytest.mark.slow
def test_an_export_shows_what_was_verified(report, tmp_path) -> None:
    bundle = graphspec.export(report, tmp_path / "export")
    assert repr(bundle) == f"Bundle {tmp_path / 'export'}: onnx"
    assert "onnxruntime" in bundle._repr_html_()
    found = graphspec.verify(bundle)
    assert repr(found).startswith("VerifyReport: passed")
    assert "equal" in found._repr_html_()


def test_a_comparison_shows_what_is_different() -> None:
    same = graphspec.diff(SPEC, SPEC)
    assert repr(same) == "Comparison: The networks are equal."
    other = graphspec.diff(SPEC, SPEC.replace("out_channels = 4", "out_channels = 5"))
    assert "Different: " in repr(other)
    assert "<table>" in other._repr_html_()


def test_text_of_a_stranger_is_escaped() -> None:
    shown = page("<script>", [folded("<b>", ["<i>\x1b[31m"])])
    assert not any(tag in shown for tag in ("<script>", "<b>", "<i>"))
