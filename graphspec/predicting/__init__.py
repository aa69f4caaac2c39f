"""After training and export: what a network predicts of the user's files, or of the first samples of the test part."""

from __future__ import annotations

from graphspec.predicting.arrays import given
from graphspec.predicting.ensemble import predict_together
from graphspec.predicting.function import Function, function_of, module_function
from graphspec.predicting.predict import Drawing, predict
from graphspec.predicting.prediction import Prediction

__all__ = [
    "Drawing",
    "Function",
    "Prediction",
    "function_of",
    "given",
    "module_function",
    "predict",
    "predict_together",
]
