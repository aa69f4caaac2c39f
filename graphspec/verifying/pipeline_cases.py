"""Raw batches for ``pipeline.onnx``: pictures of several kinds and sizes, numbers of several magnitudes, real ones."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.compiler import Network
from graphspec.exporting.preprocessing import Preprocessing, Raw, RawInput
from graphspec.exporting.sampler import Sampler, accepts
from graphspec.ops.arguments import DTYPES
from graphspec.verifying.cases import SCALES

#: Heights and widths tried for images whose size is open; the first that fits is the ordinary one.
SIDES = (32, 64, 128, 224, 256, 512, 16, 8)
#: Other sizes of such images, height and width as shares of the ordinary one.
SHARES = ((1.0, 1.5), (2.3, 1.0), (0.6, 0.8), (3.1, 2.7))

#: Rows of a table in which its texts come, each if there are not more.
_ROWS = 300


@dataclasses.dataclass(frozen=True, slots=True)
class RawCase:
    """One raw batch; ``steps`` are what training makes of it for each input, transform by transform, what the network
    is given last.
    """

    name: str
    family: str
    raw: Raw
    steps: Mapping[str, Sequence[Tensor]]

    @property
    def entering(self) -> dict[str, Tensor]:
        """What the network is given."""
        return {name: steps[-1] for name, steps in self.steps.items()}


def raw_cases(network: Network, before: Preprocessing, real: Raw | None) -> list[RawCase]:
    """Every batch that training's transforms and then `network`, in eval mode, take, in an order that never changes."""
    dtypes = {name: kind.dtype for name, kind in network.shaped.inputs.items()}
    sampler = Sampler.of(network)

    def steps(raw: Raw) -> dict[str, list[Tensor]]:
        """Empty where the transforms or the network do not take `raw`."""
        try:
            found = before.steps(raw, dtypes)
        except (RuntimeError, ValueError):  # torchvision's and torch's words for a size that does not fit
            return {}
        return found if accepts(network.module, {name: each[-1] for name, each in found.items()}) else {}

    pictures = any(_is_picture(each) for each in before.inputs.values())
    drawn = _pictures(before, sampler, steps) if pictures else _numbers(before, sampler)
    batches = [*drawn, *([("real data", "real data", real)] if real is not None else [])]
    made = [RawCase(title, family, raw, steps(raw)) for title, family, raw in batches]
    return [case for case in made if case.steps]


def _is_picture(each: RawInput) -> bool:
    return each.dtype == "uint8" or bool(each.resizing.steps)


def _numbers(before: Preprocessing, sampler: Sampler) -> Iterator[tuple[str, str, Raw]]:
    """Raw numbers that become seeded normals, so that the network is asked where it is sensitive; of a table's columns
    also every text, unknown ones and missing cells.
    """
    for scale in SCALES:
        yield f"normal × {scale:g}", f"normal × {scale:g}", before.raw(sampler.draw(scale=scale, seed=10))
    for sizes in _one_changed(sampler.sizes):
        yield f"normal × 1, {_text(sizes)}", "normal × 1", before.raw(sampler.draw(sizes, seed=20))
    if before.cells is not None:
        many = {**sampler.sizes, **({before.cells.batch: _ROWS} if isinstance(before.cells.batch, str) else {})}
        rows = before.raw(sampler.draw(many, seed=30))
        yield "every text", "normal × 1", before.cells.every_text(rows)
        yield "unknown texts, missing cells", "normal × 1", before.cells.odd(rows)


def _pictures(
    before: Preprocessing, sampler: Sampler, steps: Callable[[Raw], Mapping[str, Sequence[Tensor]]]
) -> Iterator[tuple[str, str, Raw]]:
    """Noise at several sizes, and other pictures at the ordinary one, in the raw samples' dtype."""
    dims = [dim for each in before.inputs.values() for dim in each.shape]
    sides = [dim for dim in dict.fromkeys(dims) if isinstance(dim, str) and dim not in sampler.sizes]
    sizes = [{**sampler.sizes, **dict.fromkeys(sides, side)} for side in (SIDES if sides else SIDES[:1])]
    ordinary = next((found for found in sizes if steps(_draw(before, sampler, found, _noise))), sizes[0])
    for kind, draw in _KINDS.items():
        yield kind, kind, _draw(before, sampler, ordinary, draw)
    others = list(_one_changed({dim: ordinary[dim] for dim in sampler.sizes}))
    if sides:
        others += [
            {dim: int(ordinary[dim] * share) for dim, share in zip(sides, itertools.cycle(pair), strict=False)}
            for pair in SHARES
        ]
    for changed in others:
        yield f"noise, {_text(changed)}", "noise", _draw(before, sampler, ordinary | changed, _noise)


def _one_changed(sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    for dim, ordinary in sizes.items():
        for size in sorted({1, ordinary + 1} - {ordinary}):
            yield {**sizes, dim: size}


def _text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{dim} = {size}" for dim, size in sizes.items())


def _draw(
    before: Preprocessing, sampler: Sampler, sizes: Mapping[str, int], draw: Callable[[Any, Sequence[int]], Any]
) -> Raw:
    """A picture of the kind for each input that takes some; numbers that become seeded normals for the others."""
    drawn = sampler.draw({dim: sizes[dim] for dim in sampler.sizes}, seed=10) if len(before.inputs) > 1 else {}
    found = {}
    for name, each in before.inputs.items():
        if not _is_picture(each):
            found[name] = each.raw(drawn[name])
            continue
        shape = [dim if isinstance(dim, int) else sizes[dim] for dim in each.shape]
        pixels = torch.from_numpy(draw(np.random.default_rng(0), shape))
        dtype = DTYPES[each.dtype]
        found[name] = pixels.to(dtype) / 255 if dtype.is_floating_point else pixels.to(dtype)
    return found


def _noise(generator: np.random.Generator, shape: Sequence[int]) -> NDArray[np.uint8]:
    return generator.integers(0, 256, shape, dtype=np.uint8)


def _edges(generator: np.random.Generator, shape: Sequence[int]) -> NDArray[np.uint8]:
    """Black and white alone: where filters overshoot."""
    return generator.integers(0, 2, shape, dtype=np.uint8) * np.uint8(255)


def _ramp(generator: np.random.Generator, shape: Sequence[int]) -> NDArray[np.uint8]:
    """Smooth along every dimension, and another in each sample."""
    places = np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij")
    return (255 * np.mean(places, axis=0)).astype(np.uint8)


_KINDS = {"noise": _noise, "edges": _edges, "ramp": _ramp}
