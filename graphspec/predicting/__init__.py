"""After training and export: what a network answers to the user's files, or to the first samples of the test part."""

from __future__ import annotations

from graphspec.predicting.function import Function, function_of, module_function
from graphspec.predicting.predict import Prediction, predict

__all__ = ["Function", "Prediction", "function_of", "module_function", "predict"]
