"""What a network says of texts that are typed in: the class of each, or how a running text goes on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from graphspec.data.text.encoding import MASK, TextEncoding
from graphspec.diagnostics import fail, quoted
from graphspec.exporting.sampler import size_of
from graphspec.predicting.function import Function
from graphspec.shapes import TensorType

#: Ids that stand for no text: the one that pads, and the one for what is unknown.
_NO_TEXT = 2
#: So many tokens are drawn at most: minutes of a small network, in one answer.
MOST_TOKENS = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Sampling:
    """So many tokens, ``count``, are drawn with a probability of ``softmax(logits / temperature)`` each, by ``seed``;
    at temperature 0 the likeliest is taken.
    """

    count: int = 200
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise fail("bad-value", f"the temperature is a number from 0 on, not {self.temperature}")
        if not 1 <= self.count <= MOST_TOKENS:
            hint = "what came out can be the next prompt"
            raise fail(
                "bad-value", f"{self.count:,} tokens are asked, from 1 to {MOST_TOKENS:,} are drawn at once", hint=hint
            )

    def chosen(self, logits: Tensor, generator: torch.Generator) -> int:
        """An id, by the logits of all (one dimension); those that stand for no text are never taken."""
        logits = logits.to(torch.float64).clone()
        logits[:_NO_TEXT] = -math.inf
        if self.temperature == 0:
            return int(logits.argmax())
        return int(torch.multinomial((logits / self.temperature).softmax(0), 1, generator=generator))


def continued(function: Function, text: TextEncoding, prompt: str, sampling: Sampling) -> str:
    """What the network goes on with behind `prompt`: each token is drawn behind those before it, as many of them as a
    window of training has, or the network takes.

    Raises ``GraphspecError`` where the network has not learned to continue a text, or the prompt has no token.
    """
    shaped = function.network.shaped
    kinds, outputs = list(shaped.inputs.values()), list(shaped.output_types.values())
    if not text.running or len(kinds) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 3:
        hint = "one input N × T, one output N × ids × T, and a data set of a running text"
        raise fail("bad-value", "the network has not learned to continue a text", hint=hint)
    ids = text.stretch(prompt, "the prompt")
    if not ids:
        raise fail(
            "bad-value", "the prompt is empty", hint="a network continues what is there: one character is enough"
        )
    widths, most = _Widths(kinds[0], shaped.dims), text.length
    generator, begun = torch.Generator().manual_seed(sampling.seed), len(ids)
    for _ in range(sampling.count):
        seen = ids[-min(most, widths.most) :]
        padded = seen + [0] * (widths.least(len(seen)) - len(seen))  # behind the last token, which does not see them
        (output,) = function.run([torch.tensor([padded], dtype=kinds[0].dtype)]).values()
        ids.append(sampling.chosen(output[0, :, len(seen) - 1], generator))
    return text.decode(ids)[len(text.decode(ids[:begun])) :]


def inputs_of(function: Function, text: TextEncoding, texts: Sequence[str], what: str) -> list[Tensor]:
    """`texts` as the network's inputs: the ids of each, and their mask where it takes that.

    Raises ``GraphspecError`` where it takes anything else.
    """
    ((name, *more), inputs) = text.inputs, function.network.shaped.inputs
    ids, mask = text.encode(texts, what)
    known = {name: ids, MASK.format(name): mask}
    odd = next((other for other in inputs if other not in known and len(inputs) > 1), None)
    if more or odd is not None:
        raise fail("arity", f"a text is for {quoted(name)} alone, the network takes {quoted(odd or more[0])} too")
    found = [ids] if len(inputs) == 1 else [known[each] for each in inputs]
    return [value.to(kind.dtype) for value, kind in zip(found, inputs.values(), strict=True)]


@dataclasses.dataclass(frozen=True)
class _Widths:
    """How many tokens an input ``N × T`` takes."""

    kind: TensorType
    dims: Mapping[str, tuple[int, int | None]]

    @property
    def most(self) -> int:
        return next(iter(self._known(reverse=True)))

    def least(self, count: int) -> int:
        """The least that is not below `count`."""
        return next(width for width in self._known() if width >= count)

    def _known(self, reverse: bool = False) -> Iterator[int]:
        size = self.kind.shape[1]
        if isinstance(size, int):
            yield size
            return
        ((name, (least, greatest)),) = [(n, self.dims[n]) for n in map(str, size.free_symbols)]
        sizes = range(least, (greatest or 1 << 20) + 1)
        yield from (size_of(size, {name: each}) for each in (reversed(sizes) if reverse else sizes))
