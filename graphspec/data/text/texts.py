"""Texts where a tensor would be, until the parts are known: the tokenizer is trained on the training part alone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from graphspec.data.streamed import OnDisk


@dataclasses.dataclass(frozen=True, slots=True)
class Texts(OnDisk):
    """A text a sample."""

    texts: tuple[str, ...]
    size: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        raise TypeError("texts are no numbers before a tokenizer has read them")

    def subset(self, index: Tensor) -> Texts:
        return Texts(tuple(self.texts[row] for row in index.tolist()))

    def to(self, device: torch.device) -> Texts:
        return self

    def fingerprint(self) -> bytes:
        return hashlib.sha256(b"\0".join(self.contents())).digest()

    def contents(self) -> Iterable[bytes]:
        return (text.encode("utf-8", "surrogatepass") for text in self.texts)


@dataclasses.dataclass(frozen=True, slots=True)
class RunningText(OnDisk):
    """One long text in ``pieces``, those at ``rows`` of it, of which windows of ``length`` tokens are made."""

    pieces: tuple[str, ...]
    rows: tuple[int, ...]
    length: int
    size: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str, length: int) -> RunningText:
        """The whole of `text`."""
        pieces = tuple(text[start : start + length] for start in range(0, len(text), length))
        return cls(pieces, tuple(range(len(pieces))), length)

    def __len__(self) -> int:
        return len(self.rows)

    def stretches(self) -> Iterator[str]:
        """The pieces, joined where one follows the other."""
        stretch: list[str] = []
        for place, row in enumerate(self.rows):
            if place and row != self.rows[place - 1] + 1:
                yield "".join(stretch)
                stretch = []
            stretch.append(self.pieces[row])
        yield "".join(stretch)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        raise TypeError("a text is no numbers before a tokenizer has read it")

    def subset(self, index: Tensor) -> RunningText:
        return dataclasses.replace(self, rows=tuple(self.rows[place] for place in index.tolist()))

    def to(self, device: torch.device) -> RunningText:
        return self

    def fingerprint(self) -> bytes:
        return hashlib.sha256("\0".join(self.stretches()).encode("utf-8", "surrogatepass")).digest()
