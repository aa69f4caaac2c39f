"""The inputs of a source: what each is called, which sizes may be any, and a sample."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.importing.proof import SEED
from graphspec.ops.arguments import DTYPES
from graphspec.spec.dims import NamedDim

#: What a dim that may be any is in the sample: the batch, and sizes of images; a second one is half as large again.
_BATCH = 2
#: Smaller ones are for a network that has a greatest size: 16 places, say.
SIZES = (64, 12)
#: An input of more numbers is not tried.
MOST_ELEMENTS = 1 << 28
#: The least and the greatest size of a dim; None: any.
Range = tuple[int, int | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Input:
    """One input: its sizes as a spec has them, its dtype, and how many ids it may have, where that is known."""

    shape: tuple[int | str, ...]
    dtype: torch.dtype = torch.float32
    ids: int = 2

    def sample(self, named: Mapping[str, int]) -> Tensor:
        """Numbers for it: normal ones, ids, or true. Dims that may be any are as large as `named` says.

        Half of the ids are 0 or 1, which often stand for something, such as a place that is left out.
        """
        dims = [NamedDim.of(dim) if isinstance(dim, str) else dim for dim in self.shape]
        sizes = [dim if isinstance(dim, int) else dim.factor * named[dim.name] for dim in dims]
        if math.prod(sizes) > MOST_ELEMENTS:
            whole = " × ".join(map(str, sizes))
            raise fail("too-much-memory", f"an input of {whole} is more than {MOST_ELEMENTS:,} numbers")
        generator = torch.Generator().manual_seed(SEED)
        if self.dtype.is_floating_point:
            return torch.randn(sizes, generator=generator).to(self.dtype)
        if self.dtype == torch.bool:
            return torch.ones(sizes, dtype=torch.bool)
        few, any_one = (torch.randint(0, most, sizes, generator=generator) for most in (2, self.ids))
        return torch.where(torch.rand(sizes, generator=generator) < 0.5, few, any_one).to(self.dtype)


def declared(text: str) -> tuple[str, Input]:
    """``NAME=N,3,224,224`` or ``NAME=N,T:int64`` of the command line."""
    match = re.fullmatch(r"([A-Za-z]\w*)=([^:]+)(?::(\w+))?", text)
    if not match:
        hint = "--input image=N,3,224,224 or ids=N,T:int64"
        raise fail("bad-value", f"--input {quoted(text)} is no input", hint=hint)
    name, sizes, dtype = match.groups()
    if dtype and dtype not in DTYPES:
        message = f"--input {quoted(text)}: there is no dtype {quoted(dtype)}"
        raise fail("bad-value", message, hint=suggest(dtype, DTYPES))
    shape = [int(part) if part.strip().isdigit() else part.strip() for part in sizes.split(",")]
    return name, Input(tuple(shape), DTYPES[dtype or "float32"])


def samples(
    inputs: Mapping[str, Input], ranges: Mapping[str, Range], size: int = SIZES[0]
) -> tuple[dict[str, Tensor], dict[str, Sequence[int | str]]]:
    """A sample of each of `inputs`, and their sizes, as ``from_module`` takes them; free dims have about `size`."""
    named = _sizes(inputs, ranges, size)
    return {key: each.sample(named) for key, each in inputs.items()}, {key: each.shape for key, each in inputs.items()}


def _sizes(inputs: Mapping[str, Input], ranges: Mapping[str, Range], size: int) -> dict[str, int]:
    """A size for each named dim, within `ranges`; those of different dims differ, or one could be written for another.

    It is one below the greatest at most, so that another size can be tried too.
    """
    found: dict[str, int] = {}
    for place, text in [
        (n, dim) for each in inputs.values() for n, dim in enumerate(each.shape) if isinstance(dim, str)
    ]:
        dim = NamedDim.of(text)
        if dim.name in found:
            continue
        least, most = ranges.get(dim.name, (1, None))
        others = sum(known >= size // 4 for known in found.values())
        usual = max(1, (_BATCH if place == 0 else size + size // 2 * others) // dim.factor)
        found[dim.name] = max(least, usual if most is None else min(usual, max(least, most - 1)))
    return found
