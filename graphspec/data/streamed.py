"""Samples that stay on disk because memory is too small for all of them: read when a batch asks."""

from __future__ import annotations

import abc
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import torch
from torch import Tensor

from graphspec.data.unread import unreadable
from graphspec.data.workers import CORES, one_thread
from graphspec.system.regular_file import sha256

_CPU = torch.device("cpu")
_POOL = ThreadPoolExecutor(CORES, "decode", one_thread)  # Pillow releases the GIL while it decodes


def file_hash(path: str) -> bytes:
    """The sha256 of a file's content. Raises ``GraphspecError`` (``unreadable``)."""
    try:
        return bytes.fromhex(sha256(path))
    except OSError as error:
        raise unreadable(path, error) from error


class OnDisk(abc.ABC):
    """Stands where a resident tensor would, most often images ``N × C × H × W``; :meth:`index_select` reads them."""

    size: tuple[int, ...]

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The samples at `index` along the first dimension, `dim` 0."""

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """:meth:`index_select` for each of `indices`, the next one while this one is used."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as pool:
            coming = None
            for index in indices:
                ready, coming = coming, pool.submit(self.index_select, 0, index)
                if ready is not None:
                    yield ready.result()
            if coming is not None:
                yield coming.result()

    @abc.abstractmethod
    def subset(self, index: Tensor) -> Self:
        """The samples at `index`, unread."""

    @abc.abstractmethod
    def to(self, device: torch.device) -> Self:
        """The same samples, whose batches come on `device`."""

    @abc.abstractmethod
    def fingerprint(self) -> bytes:
        """A sha256 over what they are."""

    def contents(self) -> Iterable[bytes] | None:
        """For each sample what is the same where the samples are; None where that would take an epoch's time."""
        return None

    @property
    def shape(self) -> torch.Size:
        """As a tensor has it."""
        return torch.Size((len(self), *self.size))

    @property
    def ndim(self) -> int:
        """As of the tensor it stands for: 4 for images."""
        return 1 + len(self.size)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.index_select(0, torch.arange(len(self))[rows])

    def is_floating_point(self) -> bool:
        """False for images, which are uint8."""
        return False


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFiles(OnDisk):
    """Image files, decoded in parallel. `read` decodes one to `size` (C, H, W, or H, W of a mask), or raises
    ``GraphspecError``.

    ``hashes`` are those of the files read so far, by path, of all parts together; ``floats`` says what pixels are.
    """

    paths: tuple[str, ...]
    size: tuple[int, ...]
    read: Callable[[str], Tensor]
    device: torch.device = _CPU
    hashes: dict[str, bytes] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    floats: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        chosen = (self.paths[i] for i in index.tolist())
        return torch.stack(list(_POOL.map(self.read, chosen))).to(self.device)

    def subset(self, index: Tensor) -> ImageFiles:
        return dataclasses.replace(self, paths=tuple(self.paths[i] for i in index.tolist()))

    def to(self, device: torch.device) -> ImageFiles:
        return dataclasses.replace(self, device=device)

    def fingerprint(self) -> bytes:
        return hashlib.sha256(b"".join(self.contents())).digest()

    def is_floating_point(self) -> bool:
        return self.floats

    def contents(self) -> Iterable[bytes]:
        """The files' hashes; each file is read once."""
        for path in self.paths:
            if path not in self.hashes:
                self.hashes[path] = file_hash(path)
            yield self.hashes[path]


@dataclasses.dataclass(frozen=True, slots=True)
class MappedImages(OnDisk):
    """`rows` (int64) of a file of decoded `images` that is mapped into memory; `content` is the file's sha256."""

    images: Tensor
    rows: Tensor
    content: str
    device: torch.device = _CPU

    @property
    def size(self) -> tuple[int, ...]:  # type: ignore[override]
        """C, H, W."""
        return tuple(self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        return self.images.index_select(0, self.rows[index.cpu()]).to(self.device)

    def subset(self, index: Tensor) -> MappedImages:
        return dataclasses.replace(self, rows=self.rows[index])

    def to(self, device: torch.device) -> MappedImages:
        return dataclasses.replace(self, device=device)

    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.content.encode() + self.rows.numpy().tobytes()).digest()

    def contents(self) -> Iterable[bytes]:
        """The pixels."""
        return (self.images[row].numpy().tobytes() for row in self.rows.tolist())
