"""After training and export: what a network answers to the user's files, or to the first samples of the test part."""

from __future__ import annotations

from graphspec.predicting.function import function_of
from graphspec.predicting.predict import Prediction, module_function, predict

__all__ = ["Prediction", "function_of", "module_function", "predict"]
