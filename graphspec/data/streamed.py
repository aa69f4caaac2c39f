"""Images that stay on disk because memory is too small for all of them: decoded when a batch asks."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

_CPU = torch.device("cpu")
_POOL = ThreadPoolExecutor(thread_name_prefix="decode")  # Pillow releases the GIL while it decodes


@dataclasses.dataclass(frozen=True, slots=True)
class ImageFiles:
    """Stands where a resident ``N × C × H × W`` uint8 tensor would; :meth:`index_select` reads the files.

    `read` decodes one file to `size` (C, H, W) uint8, or raises ``GraphspecError``.
    """

    paths: tuple[str, ...]
    size: tuple[int, ...]
    read: Callable[[str], Tensor]
    device: torch.device = _CPU

    @property
    def shape(self) -> torch.Size:
        """``N × C × H × W``, as a tensor has it."""
        return torch.Size((len(self.paths), *self.size))

    @property
    def ndim(self) -> int:
        """4, as of the tensor it stands for."""
        return 1 + len(self.size)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.index_select(0, torch.arange(len(self))[rows])

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The images at `index` along the first dimension, decoded in parallel."""
        if dim != 0:
            raise ValueError("files are selected along the first dimension")
        chosen = (self.paths[i] for i in index.tolist())
        return torch.stack(list(_POOL.map(self.read, chosen))).to(self.device)

    def subset(self, index: Tensor) -> ImageFiles:
        """The files at `index`, unread."""
        return dataclasses.replace(self, paths=tuple(self.paths[i] for i in index.tolist()))

    def to(self, device: torch.device) -> ImageFiles:
        """The same files, whose batches come on `device`."""
        return dataclasses.replace(self, device=device)

    def is_floating_point(self) -> bool:
        """False: uint8."""
        return False

    def fingerprint(self) -> bytes:
        """A sha256 over the files' contents."""
        digest = hashlib.sha256()
        for path in self.paths:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.digest()
