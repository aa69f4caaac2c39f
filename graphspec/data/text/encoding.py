"""How texts become ids: what the training part has taught, kept in the run and shipped with the export."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.text import tokenizer as tokenizers
from graphspec.data.text.texts import RunningText, Texts
from graphspec.diagnostics import fail, printable, quoted, warn
from graphspec.spec.base import Component

_AT = ("data", "dataset")
#: The file beside ``learned.json``.
FILE = "tokenizer.json"
#: What the mask of the input NAME is called.
MASK = "{}_mask"
#: The target of a running text: each token's successor.
NEXT = "next"
#: Bytes of an id, and of its mask.
_BYTES = 16


@dataclasses.dataclass(frozen=True)
class TextEncoding:
    """``content`` is ``tokenizer.json``; the texts of ``inputs`` become ``length`` ids each, padded or cut.

    ``running``: of one long text, whose windows are to be continued.
    """

    content: str
    length: int
    inputs: tuple[str, ...]
    running: bool = False

    @classmethod
    def learn(cls, settings: Component | None, training: Samples) -> TextEncoding | None:
        """What the texts of the `training` part teach; None where it has none.

        Raises ``GraphspecError`` where there are texts and no tokenizer, or the other way round.
        """
        given: Mapping[str, Any] = training.inputs
        found = {name: value for name, value in given.items() if isinstance(value, Texts | RunningText)}
        if settings is None and found:
            hint = 'tokenizer = { type = "WordLevel", vocab_size = 10000 } in [data]'
            raise fail(
                "missing-key", f"{quoted(next(iter(found)))} holds texts: a tokenizer makes ids of them", _AT, hint
            )
        if settings is None or not found:
            if settings is not None:
                hint = 'an input called like a column of texts, with shape ["N", "T"] and dtype int64, takes that'
                raise fail("bad-value", "there are no texts for a tokenizer", at=tokenizers.AT, hint=hint)
            return None
        lines = [text for value in found.values() for text in _texts_of(value)]
        content = tokenizers.train(settings, lines)
        running = next((value.length for value in found.values() if isinstance(value, RunningText)), 0)
        length = running or int(settings.args.get("max_length", 0))
        encoding = cls(content, length or 1, tuple(found), bool(running))
        if not length:
            length = max(len(ids) for value in found.values() for ids in encoding._ids(_texts_of(value)))
            encoding = dataclasses.replace(encoding, length=max(length, 1))
        encoding._say(settings, lines, limited=bool(running or settings.args.get("max_length")))
        return encoding

    def _say(self, settings: Component, lines: Sequence[str], limited: bool) -> None:
        what = f"{settings.type} of {len(lines):,} training text{'s' * (len(lines) != 1)}, {self.count:,} ids"
        width = f"windows of {self.length} tokens" if self.running else f"each padded or cut to {self.length} tokens"
        longest = "" if limited else ", as many as the longest has"
        warn("bad-data", f"tokenizer: {what}; {width}{longest}", at=tokenizers.AT)

    @property
    def count(self) -> int:
        """How many ids there are."""
        return int(tokenizers.opened(self.content).get_vocab_size())

    @property
    def vocabulary(self) -> dict[str, int]:
        """The number of ids by input."""
        return dict.fromkeys(self.inputs, self.count)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The classes of the target that it makes, by target: what each id stands for."""
        return {NEXT: tokenizers.names(tokenizers.opened(self.content))} if self.running else {}

    def __call__(self, samples: Samples, where: str) -> Samples:
        """`samples`, which messages say are `where`, with ids (int64 ``N × length``) and masks in place of texts."""
        inputs, targets = dict(samples.inputs), dict(samples.targets)
        for name in self.inputs:
            value: Any = samples.inputs[name]
            if isinstance(value, RunningText):
                inputs[name], targets[NEXT] = self._windows(value, where)
            else:
                inputs[name], inputs[MASK.format(name)] = self.encode(value.texts, f"{quoted(name)} of {where}")
        return Samples(inputs, targets)

    def encode(self, texts: Sequence[str], what: str) -> tuple[Tensor, Tensor]:
        """Ids ``N × length``, 0 behind each text's end, and where a token stands, as 0 and 1; int64 both.

        What is cut, or unknown, is said of `what`.
        """
        check_memory(f"{what}: texts as ids", _BYTES * len(texts) * self.length)
        ids = np.zeros((len(texts), self.length), dtype=np.int64)
        mask = np.zeros_like(ids)
        cut = unknown = tokens = 0
        for row, found in enumerate(self._ids(texts)):
            cut += len(found) > self.length
            tokens += len(found)
            unknown += found.count(1)
            kept = found[: self.length]
            ids[row, : len(kept)], mask[row, : len(kept)] = kept, 1
        if cut:
            warn(
                "bad-data", f"{what}: {cut:,} of {len(texts):,} texts are longer than {self.length} tokens and cut", _AT
            )
        self._say_unknown(unknown, tokens, what)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def stretch(self, text: str, what: str) -> list[int]:
        """The ids of a text, however long it is; what is unknown is said of `what`."""
        ids = next(iter(self._ids([text])))
        self._say_unknown(ids.count(1), len(ids), what)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text that `ids` stand for; special ones stand for none."""
        return str(tokenizers.opened(self.content).decode(list(ids), skip_special_tokens=True))

    def _windows(self, text: RunningText, where: str) -> tuple[Tensor, Tensor]:
        """Windows of `text` one behind the other, ``N × length``, and the same a token further on."""
        windows, unknown, tokens = [], 0, 0
        for ids in self._ids(list(text.stretches())):
            unknown, tokens = unknown + ids.count(1), tokens + len(ids)
            check_memory("the text's windows", _BYTES * len(ids))
            count = (len(ids) - 1) // self.length
            windows.append(torch.tensor(ids[: count * self.length + 1], dtype=torch.int64))
        self._say_unknown(unknown, tokens, where)
        firsts = torch.cat([window[:-1].view(-1, self.length) for window in windows])
        nexts = torch.cat([window[1:].view(-1, self.length) for window in windows])
        if not len(firsts):
            message = f"{where} has {tokens:,} tokens, a window takes {self.length + 1:,}"
            raise fail("no-data", message, at=(*_AT, "length"), hint="a shorter length, or a longer text")
        return firsts, nexts

    def _say_unknown(self, unknown: int, tokens: int, what: str) -> None:
        if unknown:
            message = f"{what}: {unknown:,} of {tokens:,} tokens have none of the {self.count:,} ids, and become id 1"
            warn("bad-data", message, at=_AT)

    def _ids(self, texts: Sequence[str]) -> Iterable[list[int]]:
        tokenizer = tokenizers.opened(self.content)
        for start in range(0, len(texts), 1024):
            for found in tokenizer.encode_batch_fast(list(texts[start : start + 1024]), add_special_tokens=False):
                yield found.ids

    def as_dict(self) -> dict[str, Any]:
        """All but the content, as JSON holds it."""
        return {"length": self.length, "inputs": list(self.inputs), "running": self.running}

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any], content: str) -> TextEncoding:
        """The reverse of :meth:`as_dict`. Raises ``TypeError``, ``KeyError`` or ``ValueError`` for anything else."""
        tokenizers.opened(content)
        length = int(noted["length"])
        if not 1 <= length <= 1 << 20:
            raise ValueError("length is beyond what a text has")
        return cls(content, length, tuple(printable(str(name)) for name in noted["inputs"]), bool(noted["running"]))


def encoded(
    text: TextEncoding,
    training: Samples,
    validation: Samples | None,
    test: Callable[[], Samples] | None,
    dtypes: Mapping[str, str],
) -> tuple[Samples, Samples | None, Callable[[], Samples] | None]:
    """The parts with ids in place of texts, for inputs of these `dtypes` where they are known."""
    for name in text.inputs:
        taker = next(iter(dtypes)) if len(dtypes) == 1 else name
        if dtypes.get(taker, "int64").startswith(("float", "bfloat")):
            message = f"the input {quoted(taker)} takes {dtypes[taker]}, and texts become ids"
            hint = f'{taker} = {{ shape = ["N", "T"], dtype = "int64" }}'
            raise fail("wrong-dtype", message, at=("inputs", taker), hint=hint)
    return (
        text(training, "the training part"),
        validation and text(validation, "the validation part"),
        test and (lambda: text(test(), "the test part")),
    )


def _texts_of(value: Texts | RunningText) -> Sequence[str]:
    return value.texts if isinstance(value, Texts) else list(value.stretches())
