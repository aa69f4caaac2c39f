"""Training: the loop and what stands around it."""

from __future__ import annotations

from graphspec.train.report import EvaluateReport, TrainReport
from graphspec.train.train import evaluate, load_data, train

__all__ = ["EvaluateReport", "TrainReport", "evaluate", "load_data", "train"]
