"""Training: the loop and what stands around it."""

from __future__ import annotations

from graphspec.data import load_data
from graphspec.module.weights import load_weights
from graphspec.training.folds import FoldsReport, train_folds
from graphspec.training.prepare import sample
from graphspec.training.run.report import EvaluateReport, TrainReport
from graphspec.training.run.run_folder import read_weights
from graphspec.training.run.run_options import RunOptions, folder_of
from graphspec.training.train import evaluate, evaluate_folders, train

__all__ = [
    "EvaluateReport", "FoldsReport", "RunOptions", "TrainReport", "evaluate", "evaluate_folders", "folder_of",
    "load_data", "load_weights", "read_weights", "sample", "train", "train_folds",
]  # fmt: skip
