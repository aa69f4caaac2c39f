"""The curve that grows while training: it says which loss, and which epoch is the best so far."""

from pathlib import Path

import graphspec
from graphspec.display.live import LiveCurve

DIGITS = Path(__file__).parents[2] / "specs" / "digits.toml"


class Unseen(LiveCurve):
    """In no notebook."""

    def _show(self) -> None: ...


def test_the_curve_names_its_loss_and_the_best_epoch_so_far(tmp_path: Path) -> None:
    curve = Unseen()
    report = graphspec.train(DIGITS, run=tmp_path / "run", epochs=2, reporter=curve)
    loss, accuracy = curve.plot().axes
    assert loss.get_title() == "loss: CrossEntropyLoss"
    best = f"best: epoch {report.best_epoch}"
    for panel in (loss, accuracy):
        assert best in [line.get_text() for line in panel.get_legend().get_texts()]
    assert "learning curves" in curve._repr_html_()
