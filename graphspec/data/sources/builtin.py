"""graphspec's own data sets, one row each: the name in a spec → what reads it."""

from __future__ import annotations

from collections.abc import Callable

from graphspec.data.sources import embedded, series, synthetic
from graphspec.data.sources.arrays import npz_arrays
from graphspec.data.sources.digit_strips import digit_strips
from graphspec.data.sources.image_folder import image_folder
from graphspec.data.sources.image_masks import image_masks
from graphspec.data.sources.python_arrays import arrays
from graphspec.data.sources.source import Source
from graphspec.data.sources.tables import TABLES
from graphspec.data.sources.torchvision_sets import VISION_SETS, VisionSource
from graphspec.data.sources.voc import voc_segmentation
from graphspec.data.text.sources import python_docstrings, python_reference, text_file

#: Those that decode image files of the user's, to RGB.
OF_IMAGE_FILES = ("ImageFolder", "ImageMasks", "VOCSegmentation")

SOURCES: dict[str, Callable[..., Source]] = {
    "digits": embedded.digits,
    "iris": embedded.iris,
    "wine": embedded.wine,
    "breast_cancer": embedded.breast_cancer,
    "diabetes": embedded.diabetes,
    "line": synthetic.line,
    "shapes": synthetic.shapes,
    "digit_strips": digit_strips,
    "seasons": series.seasons,
    "series": series.series,
    "ImageFolder": image_folder,
    "ImageMasks": image_masks,
    "VOCSegmentation": voc_segmentation,
    **TABLES,
    "npz": npz_arrays,
    "arrays": arrays,
    "text": text_file,
    "python_reference": python_reference,
    "python_docstrings": python_docstrings,
    **{name: VisionSource(name) for name in VISION_SETS},
}
