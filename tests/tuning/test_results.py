"""``trials.csv``: a spreadsheet that opens it computes nothing that a spec wrote."""

import csv
import io

import pytest

from graphspec.tuning.results import csv_of
from graphspec.tuning.tune_report import TrialReport


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        ("ReLU", "ReLU"),
    ],
)
def test_a_text_that_would_be_a_formula_is_marked_as_a_text(text: str, cell: str) -> None:
    trial = TrialReport(0, "failed", None, {"vars.kind": text, "train.optimizer.lr": -0.1}, 0, None, text)
    (row,) = csv.DictReader(io.StringIO(csv_of([trial], "accuracy").decode(), newline=""))
    assert (row["vars.kind"], row["train.optimizer.lr"], row["error"]) == (cell, "-0.1", cell)
