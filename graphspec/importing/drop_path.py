"""Random numbers: what leaves whole samples out in training, as residual networks do.

Drawn as zeros and ones it is a layer, StochasticDepth. Drawn as numbers that are rounded, as many copied it, the same
distribution has other bits: it is written as it is computed, and Dropout with p = 1 says which mode it is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from graphspec.importing.forward_pass import Value
from graphspec.importing.pair import Pair
from graphspec.importing.spec_lines import Lines
from graphspec.importing.step import Step


@dataclasses.dataclass(frozen=True)
class Noise:
    """A random value: a share `keep` of ones, or numbers from 0 to 1 to which `keep` was `added`, then `rounded`."""

    keep: float
    uniform: bool = False
    rounded: bool = False


def drawn(lines: Lines, pair: Pair) -> Iterator[Step]:
    """What draws random numbers, or takes some."""
    call = pair.first
    name = call.plain_name
    values = [value for value in call.inputs() if value in lines.noise]
    noise = lines.noise[values[0]] if values else None
    args, _ = pair.args()
    output = call.outputs[0]
    if noise is None and name == "bernoulli" and call.name.endswith("_") and len(args) == 2:
        lines.noise[output] = Noise(float(args[1]))
    elif noise is None and name == "rand" and math.prod(output.shape) == output.shape[0]:
        lines.noise[output] = Noise(0.0, uniform=True)
    elif noise is None and name == "bernoulli":
        yield lines.function(pair, name)
    elif noise is None or len(values) > 1:
        raise lines.lacks(pair, "random numbers")
    elif name in ("div", "idiv", "itruediv") and not noise.uniform and args[1] == noise.keep:
        lines.noise[output] = noise
    elif name in ("add", "radd", "iadd") and noise.uniform and isinstance(args[1], float):
        lines.noise[output] = dataclasses.replace(noise, keep=args[1])
    elif name == "floor" and noise.uniform:
        lines.noise[output] = dataclasses.replace(noise, rounded=True)
    elif name == "mul" and noise.rounded:
        yield from _rounded(lines, pair, noise)
    elif name == "mul" and not noise.uniform:
        yield _stochastic_depth(lines, pair, values[0], noise)
    else:
        raise lines.lacks(pair, "random numbers")


def _stochastic_depth(lines: Lines, pair: Pair, factor: Value, noise: Noise) -> Step:
    source = next(value for value in pair.first.inputs() if value not in lines.noise)
    rate = next((p for p in (round(1 - noise.keep, 12), 1 - noise.keep) if 1.0 - p == noise.keep), None)
    if rate is None or math.prod(factor.shape) != source.shape[0]:
        raise lines.lacks(pair, "random numbers")
    return lines.step(pair, "StochasticDepth", {"input": source}, {"p": rate, "mode": "row"})


def _rounded(lines: Lines, pair: Pair, noise: Noise) -> Iterator[Step]:
    """``x / keep * floor(keep + rand)`` in training, x in evaluation."""
    scaled = lines.value(next(value for value in pair.first.inputs() if value not in lines.noise))
    made = lines.made.get(scaled)
    if made is None or made.type != "div" or made.args.get("other") != noise.keep:
        raise lines.lacks(pair, "random numbers")
    source, small = made.sources["input"], (scaled.shape[0], *[1] * (len(scaled.shape) - 1))

    def line(kind: str, sources: Any, shape: Any = small, **args: Any) -> Value:
        value = lines.inner(pair, scaled, shape)
        steps.append(lines.step(pair, kind, sources, args, [("", value)]))
        return value

    steps: list[Step] = []
    size = line("amax", {"input": scaled}, dim=list(range(1, len(scaled.shape))), keepdim=True)
    ones = line("Dropout", {"input": line("ones_like", {"input": size})}, p=1.0)
    evaluation = line("ne", {"input": ones}, other=0)
    kept = line("floor", {"input": line("add", {"input": line("rand_like", {"input": size})}, other=noise.keep)})
    product = line("mul", {"input": scaled, "other": kept}, scaled.shape, broadcast=True)
    yield from steps
    sources = {"condition": evaluation, "input": source, "other": product}
    yield lines.step(pair, "where", sources, {"broadcast": True})
