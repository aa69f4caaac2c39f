"""Predicted masks as image files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphspec.diagnostics import fail
from graphspec.predicting.prediction import Prediction
from graphspec.system.durable import write_atomically

#: Numbers that a pixel of an 8-bit PNG can be.
_MOST = 256


def write_masks(predictions: Sequence[Prediction], folder: Path) -> list[Path]:
    """Write a PNG in `folder` for each of `predictions` that has a class at each pixel, named as its sample.

    Raises:
        GraphspecError: where none has one, or a file cannot be written.
    """
    found: list[Path] = []
    for prediction in predictions:
        classes = np.array(prediction.classes)
        if prediction.classes is None or classes.ndim != 2 or classes.max(initial=0) >= _MOST:
            raise fail("bad-value", "the network predicts no masks of at most 256 classes", hint="leave --masks out")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{Path(prediction.sample.replace(':', '-')).stem}.png"
        write_atomically(path, _png(classes.astype(np.uint8)))
        found.append(path)
    return found


def _png(classes: np.ndarray) -> bytes:
    """Palette indices, which are the classes; the colours of class 0 are black, others far from each other."""
    from PIL import Image

    image, content = Image.fromarray(classes, "L"), io.BytesIO()
    colours = [(0, 0, 0), *((37 * i % 256, 97 * i % 256, 173 * i % 256) for i in range(1, _MOST))]
    palette = Image.new("P", image.size)
    palette.putpalette([value for colour in colours for value in colour])
    palette.putdata(list(image.getdata()))
    palette.save(content, "PNG")
    return content.getvalue()
