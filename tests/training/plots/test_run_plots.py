"""What stands in a run's pictures, read from the figures themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from sklearn.metrics import r2_score
from torch import nn

from graphspec.data import load
from graphspec.data.transforms import to_float
from graphspec.output_reading import Reading
from graphspec.spec.data import DataSpec
from graphspec.system import canvas
from graphspec.system.canvas import Album
from graphspec.training.evaluate.measure import Predictions
from graphspec.training.optim.objective import Term
from graphspec.training.plots import classifier_plots, image_plots, run_plots
from graphspec.training.plots.chosen_plots import as_given, draw_predictions
from graphspec.training.run.reporter import epoch_line
from graphspec.tuning.study_plot import picture
from graphspec.tuning.tune_report import TrialReport


def row(epoch: int, loss: float, **others: float) -> dict[str, Any]:
    return {"epoch": epoch, "seconds": 1.0, "train_loss": loss, "validation_loss": loss} | others


@pytest.mark.parametrize("best", [1, 3])
def test_curves_name_the_loss_and_mark_the_best_epoch_wherever_it_is(best: int) -> None:
    figure = run_plots.curves([row(n, 1 / n, train_f1=0.1, validation_f1=0.2) for n in (1, 2, 3)], best, "MSELoss")
    loss, f1 = figure.axes
    assert loss.get_title() == "loss: MSELoss"
    for panel in (loss, f1):
        marked = {line.get_label(): list(line.get_xdata()) for line in panel.lines}
        assert marked[f"best: epoch {best}"] == [best, best]


@pytest.mark.parametrize(("first", "shown"), [(-770.0, (-1, "R², from −1 on")), (-0.5, (-0.5, "R²"))])
def test_a_first_epoch_far_below_does_not_flatten_the_curve_of_r2(first: float, shown: tuple[float, str]) -> None:
    rows = [row(n, 1 / n, train_r2=r2, validation_r2=0.5) for n, r2 in ((1, first), (2, 0.4), (3, 0.6))]
    _, panel = run_plots.curves(rows, 3).axes
    lowest, highest = panel.get_ylim()
    assert (pytest.approx(shown[0], abs=0.1), shown[1]) == (lowest, panel.get_title())
    assert 0.6 < highest < 0.8


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_epochs_are_whole_numbers(epochs: int) -> None:
    panel = run_plots.curves([row(n, 1 / n) for n in range(1, epochs + 1)], 1).axes[0]
    ticks = [tick for tick in panel.get_xticks() if panel.get_xlim()[0] <= tick <= panel.get_xlim()[1]]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


def test_a_fitted_line_has_its_equation_and_r2_and_a_curve_has_r2() -> None:
    x = torch.linspace(0, 4, 50)
    y = 2 * x - 1 + torch.sin(40 * x)
    (panel,) = run_plots.fitted_line(x, y, 2 * x - 1, ("x", "y")).axes
    assert panel.get_title() == f"y = 2 x − 1, R² = {r2_score(y, 2 * x - 1):.4f}"
    (panel,) = run_plots.fitted_line(x, y, x**2, ("x", "y")).axes
    assert panel.get_title() == f"R² = {r2_score(y, x**2):.4f}"


def test_a_confusion_matrix_has_counts_and_per_cent_of_the_true_class() -> None:
    counts = torch.tensor([[3, 1], [0, 1200]])
    texts = {text.get_text() for text in run_plots.confusion_matrix(counts, ["a", "b"], "test").axes[0].texts}
    assert texts == {"3\n75 %", "1\n25 %", "1,200\n100 %"}
    counts = torch.tensor([[999, 1], [0, 5]])
    texts = {text.get_text() for text in run_plots.confusion_matrix(counts, ["a", "b"], "test").axes[0].texts}
    assert texts == {"999\n>99 %", "1\n<1 %", "5\n100 %"}, "what is not all is not shown as all"


def test_all_pictures_have_one_style() -> None:
    rows = [row(n, 1.0 + 1e-6 * n, train_f1=0.1, validation_f1=0.2) for n in (1, 2, 3)]
    figure = canvas.drawn(run_plots.curves, rows, 2, "MSELoss")
    figure.canvas.draw()
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    assert sizes <= {canvas.TEXT, canvas.SMALL}
    assert not figure.axes[0].yaxis.get_offset_text().get_text(), "a tick says its whole value"


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_images_stand_beside_what_they_should_be(channels: int) -> None:
    """Both have the true one's scale; where channels are no colours the first is drawn; a row has its error."""
    wanted = torch.linspace(-2, 6, 2 * channels * 12).reshape(2, channels, 3, 4)
    predicted = wanted.flip(0)
    error = torch.tensor([1.5, 0.25])
    figure = image_plots.images_beside(None, wanted, predicted, error, "test")
    titles = [panel.get_title() for panel in figure.axes[:3]]
    assert titles == ["true", "predicted", "predicted − true"]
    assert [panel.get_ylabel() for panel in figure.axes[::3]] == ["MSE 1.5", "MSE 0.25"]
    first = slice(0, 1) if channels == 2 else slice(None)
    true, given, apart = (torch.from_numpy(np.asarray(panel.images[0].get_array())) for panel in figure.axes[:3])
    low, high = wanted[0, first].aminmax()
    for drawn, image in ((true, wanted[0]), (given, predicted[0])):
        expected = ((image[first] - low) / (high - low)).clamp(0, 1)
        assert torch.allclose(drawn, expected[0] if len(expected) == 1 else expected.permute(1, 2, 0))
    assert torch.allclose(apart, (predicted - wanted)[0, first].mean(0))


def test_the_input_that_is_drawn_is_the_one_that_the_network_was_given(tmp_path: Path) -> None:
    """Corrupted, as it is measured: the worst sample first, beside the input itself."""
    dataset = {"type": "digits", "targets": "input"}
    data = load(DataSpec.model_validate({"dataset": dataset, "corrupt": [{"type": "GaussianNoise", "sigma": 0.3}]}))
    batches = list(data.batches("test").in_order())
    given, wanted = (torch.cat([each.inputs["image"] for each in batches]), to_float(data.test.open().inputs["image"]))
    term = Term("MSELoss", nn.MSELoss(), ("image",), "image", lambda output, target: target, Reading(None))
    with Album(tmp_path) as album:
        draw_predictions({"image": Predictions(term, given, wanted)}, data, "test", album, whole=False)
    assert [path.name for path in album.files] == ["images.png"]
    worst = (given - wanted).square().flatten(1).mean(1).argsort(descending=True)[:8]
    assert torch.equal(as_given(data, "test", worst), given[worst])


def test_classes_are_sorted_and_their_average_is_drawn() -> None:
    f1 = torch.tensor([0.5, 1.0, 0.75])
    table = {"precision": f1, "recall": f1, "f1": f1, "support": torch.tensor([4, 5, 6])}
    figure = classifier_plots.class_bars(table, ["low", "high", "middle"], "test")
    (panel,) = figure.axes
    assert [label.get_text().split()[0] for label in panel.get_yticklabels()] == ["high", "middle", "low"]
    assert "average F1 0.750" in [line.get_label() for line in panel.lines]


@pytest.mark.parametrize(
    ("pairs", "heading", "titles"),
    [
        (["a → b"] * 2, "(all a → b)", ["90.0 %", "80.0 %"]),
        (["a → b", "b → a"], "(true → predicted)", ["a → b\n90.0 %", "b → a\n80.0 %"]),
    ],
)
def test_what_all_errors_share_is_said_once(pairs: list[str], heading: str, titles: list[str]) -> None:
    figure = classifier_plots.errors(torch.zeros(2, 1, 4, 4), pairs, torch.tensor([0.9, 0.8]), 7, "test")
    *each, title = [text.get_text() for text in figure.axes[0].texts]
    assert each == titles
    assert heading in title


def test_a_study_s_values_have_panels_and_a_logarithmic_space_such_an_axis() -> None:
    trials = [
        TrialReport(n, "complete", 1.0 / (n + 1), {"lr": 10.0**-n, "width": n, "act": "ReLU"}, 3, 1.0, None)
        for n in range(4)
    ]
    figure = picture(trials, "loss", "minimize", {"lr": 0.7, "width": 0.2, "act": 0.1}, {"lr"})
    scales = {panel.get_xlabel(): panel.get_xscale() for panel in figure.axes}
    assert scales == {"trial": "linear", "": "linear", "lr": "log", "width": "linear"}
    lr = next(panel for panel in figure.axes if panel.get_xlabel() == "lr")
    figure.canvas.draw()
    assert "0.01" in [label.get_text() for label in lr.get_xticklabels()]  # no formula


NAMES = ["accuracy", "f1", "precision", "recall", "roc_auc"]


@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize("parts", [("train",), ("train", "validation")])
def test_the_line_of_an_epoch_fits_80_columns(count: int, parts: tuple[str, ...]) -> None:
    metrics = {f"{part}_{name}": 0.1234 for part in parts for name in ["loss", *NAMES[:count]]}
    line = epoch_line({"epoch": 100, "seconds": 1234.5, **metrics} | {"train_loss": 123456.789}, 100)
    assert len(line) < 80
    assert line.startswith("epoch 100/100  loss 1.2346e+05")
    assert line.endswith("1234.5 s")
    assert line.count("validation loss 0.1234") == len(parts) - 1


def test_the_line_of_an_epoch_has_every_metric_that_finds_room() -> None:
    found = {"train_loss": 0.5, "train_f1": 0.25, "validation_loss": 0.5, "validation_f1": 0.75}
    line = epoch_line({"epoch": 1, "seconds": 2.0, **found}, 5)
    assert line == "epoch 1/5  loss 0.5000  f1 0.2500  validation loss 0.5000  f1 0.7500  2.0 s"
