"""Pascal VOC's images with masks (Everingham et al. 2010), whose files torchvision's class finds."""

from __future__ import annotations

from graphspec.data.masks import MaskReader
from graphspec.data.samples import Samples
from graphspec.data.sources.image_masks import read_pairs
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.torchvision_sets import open_set
from graphspec.data.transforms import SizeTransforms

CLASSES = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()
#: Pixels between objects, which are of no class.
BORDER = 255


def voc_segmentation(place: Place, resize: SizeTransforms, year: str = "2012") -> Source:
    """Images (``N × 3 × H × W`` uint8) of train, and of val as the test part, with masks (``N × H × W``) of 21 classes.

    Borders of objects are 255 in the masks, which the loss leaves out with ``ignore_index = 255``.
    """
    known = {number: number for number in [*range(len(CLASSES)), BORDER]}

    def part(image_set: str) -> Samples:
        found = open_set("VOCSegmentation", {"year": year, "image_set": image_set}, place)
        return read_pairs(list(zip(found.images, found.masks, strict=True)), resize, MaskReader(resize, known), place)

    places = (place.root / "VOCdevkit" / f"VOC{year}",)
    return Source(part("train"), lambda: part("val"), {"mask": tuple(CLASSES)}, sized=True, lies_at=places)
