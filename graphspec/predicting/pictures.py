"""What happens to a picture on its way into a network, and whether it looks like those of the training part."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from graphspec.diagnostics import quoted, warn

#: Standard deviations of the training pictures' mean brightness beyond which a picture is unlike them.
_FAR = 4.0


def say_what_was_done(path: Path, before: Tensor, after: Tensor, grey: bool) -> None:
    """Say how the file's picture was changed: colours, size, the turn that its EXIF tag asks for."""
    from PIL import Image

    with Image.open(path) as file:
        done = ["read as grey"] if grey and file.mode not in ("L", "1", "I;16") else []
        done += ["turned as its EXIF tag says"] if file.getexif().get(0x0112, 1) != 1 else []
    if before.shape[-2:] != after.shape[-2:]:
        one, other = (" × ".join(map(str, value.shape[-2:])) for value in (before, after))
        done.append(f"brought from {one} to {other}")
    if done:
        warn("bad-data", f"{quoted(path)}: {', '.join(done)}")


def say_if_unlike(path: Path | str, pictures: Tensor, known: tuple[float, float]) -> None:
    """Say where the mean brightness of one of the `pictures`, N × C × H × W, is far from that of the training part,
    on the same scale: `known` is its mean and its standard deviation.
    """
    mean, spread = known[0], max(known[1], 0.01)
    each = pictures.flatten(1).to(torch.float32).mean(1)
    far = ((each - mean).abs() > _FAR * spread).nonzero().flatten().tolist()
    if not far:
        return
    own = float(each[far[0]])
    inverted = abs(1 - own - mean) < abs(own - mean) / 2
    hint = "it may be dark on bright where they are bright on dark: invert it" if inverted else "the class may be wrong"
    if 0 <= mean <= 1 < own:
        hint = "the training images are in [0, 1]: give uint8, which is divided by 255, or divide by its largest value"
    what = path if isinstance(path, str) else quoted(path)
    which = "" if len(each) == 1 else f" (the first of {len(far):,} such samples of {len(each):,})"
    sizes = f"its mean brightness is {own:.2f}, that of the training images {mean:.2f} ± {spread:.2f}"
    warn("bad-data", f"{what} is unlike the training images: {sizes}{which}", hint=hint)
