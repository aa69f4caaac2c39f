"""Random crops, mirrored or not, cut straight out of resident images: one copy an image in place of five."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphspec.data.augment.base import Augmentation
from graphspec.data.augment.crop import Flip, RandomCrop, cut


class Windows:
    """Stands for a ``RandomCrop`` and a ``RandomHorizontalFlip`` behind it, if any: same draws, same pixels.

    The images are kept padded, and once more mirrored: a mirrored crop is a crop of the mirrored image.
    """

    def __init__(self, images: Tensor, crop: RandomCrop, flip: Flip | None) -> None:
        self._crop, self._flip, self._count = crop, flip, len(images)
        padded = crop.pad(images)
        self._images = padded.contiguous() if flip is None else torch.cat((padded, padded.flip(-1)))

    @property
    def steps(self) -> int:
        """How many augmentations it stands for."""
        return 1 if self._flip is None else 2

    def __call__(self, index: Tensor, draw: torch.Generator) -> Tensor:
        """The images at `index` (int64, CPU), cropped and mirrored as :class:`RandomCrop` and :class:`Flip` would."""
        top, left = self._crop.corners(self._images.shape, len(index), draw)
        row = index
        if self._flip is not None:
            chosen = self._flip.chosen(len(index), draw)
            row = index + self._count * chosen
            left = torch.where(chosen, self._images.shape[3] - self._crop.size[1] - left, left)
        return cut(self._images, row, top, left, self._crop.size)


def windows(images: Tensor, augment: Sequence[Augmentation], most_bytes: int) -> Windows | None:
    """Windows on `images` as the first of `augment` ask for; None where they ask for none, or for too much memory."""
    crop = augment[0] if augment else None
    if not isinstance(crop, RandomCrop):
        return None
    second = augment[1] if len(augment) > 1 else None
    flip = second if isinstance(second, Flip) and second.dim == -1 else None
    one = crop.pad(images[:1])
    too_small = one.shape[2] < crop.size[0] or one.shape[3] < crop.size[1]
    if too_small or one.nbytes * len(images) * (1 if flip is None else 2) > most_bytes:
        return None
    return Windows(images, crop, flip)
