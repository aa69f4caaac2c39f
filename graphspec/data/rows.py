"""Samples out of any map-style data set, a class with ``__len__`` and ``__getitem__`` such as torch's own.

A sample is ``(input, target)``, each a value or a dict of values by name. A value is a tensor, an array, a picture or a
number. All samples are read once into memory; those that do not fit are read batch by batch by worker processes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import signal
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from graphspec.data import memory
from graphspec.data.samples import Samples
from graphspec.data.streamed import OnDisk
from graphspec.data.transforms import SizeTransforms
from graphspec.data.workers import CORES
from graphspec.diagnostics import fail, quoted
from graphspec.system import bar

AT = ("data", "dataset")
#: A data set that is read in less time than this needs no worker processes.
_QUICK_SECONDS = 3.0
_AT_ONCE = 64
_CPU = torch.device("cpu")


def read_rows(dataset: Any, name: str, resize: SizeTransforms) -> Samples:
    """Every sample of `dataset`, which messages call `name`; pictures are brought to size by `resize`.

    Raises ``GraphspecError`` for a sample that cannot be read, or is not like the first, by its number.
    """
    rows = Rows(dataset, name, resize)
    first = rows.sample(0)
    for (kind, field), value in first.items():
        if resize.steps and kind == "target" and value.ndim == 3:
            step = resize.names[0]
            message = f"{step} changes the images of {name} and not the target {quoted(field)}, which is one too"
            raise fail("bad-value", message, ("data", "transforms", 0), "change both in the data set's own code")
    needed = len(rows) * sum(value.nbytes for value in first.values())
    if needed <= memory.budget():
        return rows.samples(rows.read(list(first)))
    targets = rows.read([key for key in first if key[0] == "target"])
    inputs = {key: RowsOnDisk(rows, key, tuple(first[key].shape), torch.arange(len(rows))) for key in first}
    return rows.samples({**inputs, **targets})


#: ``("input", name)`` or ``("target", name)``.
Key = tuple[str, str]


@dataclasses.dataclass
class Rows(TorchDataset[Any]):
    """`dataset` as torch's DataLoader reads it: what a sample raises comes back in its place."""

    dataset: Any
    name: str
    resize: SizeTransforms

    def __post_init__(self) -> None:
        if len(self) == 0:
            raise fail("no-data", f"{self.name} has no samples", at=AT)
        self.like: dict[Key, tuple[torch.Size, torch.dtype]] = {}
        self.like = {key: (value.shape, value.dtype) for key, value in self.sample(0).items()}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> dict[Key, Tensor] | str:
        """The fields of a sample, or what is wrong with it."""
        try:
            found = self._fields(self.dataset[row])
        except Exception as error:  # the user's code can fail in any way
            return f"{self.name}[{row}] fails with {type(error).__name__}: {error}{_place(error)}"
        if self.like and {key: (value.shape, value.dtype) for key, value in found.items()} != self.like:
            return f"{self.name}[{row}] is {_kinds(found)}, {self.name}[0] is {_kinds(self.sample(0))}"
        for (_, name), value in found.items():
            if value.is_floating_point() and not value.isfinite().all():
                return f"{quoted(name)} of {self.name}[{row}] is not finite"
        return found

    def sample(self, row: int) -> dict[Key, Tensor]:
        """The fields of a sample. Raises ``GraphspecError``."""
        return _checked(self[row])

    def _fields(self, sample: Any) -> dict[Key, Tensor]:
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            raise TypeError(f"a sample is (input, target), not {type(sample).__name__}")
        found: dict[Key, Tensor] = {}
        for kind, value in zip(("input", "target"), sample, strict=True):
            named = value if isinstance(value, Mapping) else {kind: value}
            found |= {(kind, str(name)): _tensor(item, kind) for name, item in named.items()}
        for key, value in found.items():
            if key[0] == "input" and value.ndim == 3:
                if not self.like:
                    self.resize.check(tuple(value.shape))
                found[key] = self.resize(value)
        return found

    def batches(self, batches: Iterable[list[int]], quick: bool = False) -> Iterator[dict[Key, Tensor]]:
        """The samples of each of `batches`, stacked; read ahead by a process a core unless it is `quick` without."""
        loader: DataLoader[Any] = DataLoader(
            self, batch_sampler=list(batches), num_workers=0 if quick else CORES, collate_fn=_stacked,
            worker_init_fn=_ignore_interrupt, generator=torch.Generator(),  # or it draws from the network's own
        )  # fmt: skip
        try:
            yield from map(_checked, loader)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            hint = "what was saved is whole, --resume goes on; the system kills processes where memory is short"
            raise fail("interrupted", f"a process that reads {self.name} ended: {error}", AT, hint) from error

    def read(self, keys: list[Key]) -> dict[Key, Tensor]:
        """All samples' fields of these `keys`, in memory."""
        started = time.perf_counter()
        tried = min(len(self), 8)
        for row in range(tried):
            self.sample(row)
        quick = (time.perf_counter() - started) / tried * len(self) < _QUICK_SECONDS
        found = {key: torch.empty(len(self), *self.like[key][0], dtype=self.like[key][1]) for key in keys}
        chunks = [list(range(start, min(start + _AT_ONCE, len(self)))) for start in range(0, len(self), _AT_ONCE)]
        with bar.bar(f"reading {self.name}", len(self)) as advance:
            for chunk, values in zip(chunks, self.batches(chunks, quick), strict=True):
                for key in keys:
                    found[key][chunk[0] : chunk[-1] + 1] = values[key]
                advance(len(chunk))
        return found

    def samples(self, fields: Mapping[Key, Any]) -> Samples:
        """`fields` as samples: a target's number is a column of its own."""
        inputs = {name: value for (kind, name), value in fields.items() if kind == "input"}
        targets = {name: value for (kind, name), value in fields.items() if kind == "target"}
        columns = {name: v.unsqueeze(1) if v.is_floating_point() and v.ndim == 1 else v for name, v in targets.items()}
        return Samples(inputs, columns)


@dataclasses.dataclass(frozen=True, slots=True)
class RowsOnDisk(OnDisk):
    """One input of those `chosen` of `rows`, read by worker processes when a batch asks for it."""

    rows: Rows
    key: Key
    size: tuple[int, ...]
    chosen: Tensor
    device: torch.device = _CPU

    def __len__(self) -> int:
        return len(self.chosen)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        (batch,) = self.rows.batches([self.chosen[index.cpu()].tolist()], quick=True)
        return batch[self.key].to(self.device)

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        wanted = [self.chosen[index.cpu()].tolist() for index in indices]
        return (batch[self.key].to(self.device) for batch in self.rows.batches(wanted))

    def subset(self, index: Tensor) -> RowsOnDisk:
        return dataclasses.replace(self, chosen=self.chosen[index])

    def to(self, device: torch.device) -> RowsOnDisk:
        return dataclasses.replace(self, device=device)

    def is_floating_point(self) -> bool:
        return self.rows.like[self.key][1].is_floating_point

    def fingerprint(self) -> bytes:
        """A sha256 over which samples they are, and over 64 of them: to read all would take an epoch's time."""
        digest = hashlib.sha256(self.chosen.numpy().tobytes())
        for row in torch.linspace(0, len(self) - 1, min(64, len(self))).long().tolist():
            digest.update(self.rows.sample(int(self.chosen[row]))[self.key].contiguous().numpy().tobytes())
        return digest.digest()


def _stacked(samples: list[dict[Key, Tensor] | str]) -> dict[Key, Tensor] | str:
    found: list[dict[Key, Tensor]] = []
    for sample in samples:
        if isinstance(sample, str):
            return sample
        found.append(sample)
    return {key: torch.stack([sample[key] for sample in found]) for key in found[0]}


def _checked(batch: dict[Key, Tensor] | str) -> dict[Key, Tensor]:
    if isinstance(batch, str):
        raise fail("bad-data", batch, at=AT)
    return batch


def _ignore_interrupt(worker: int) -> None:
    """Ctrl-C goes to the whole group of processes; the one that trains decides when the workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _tensor(value: Any, kind: str) -> Tensor:
    """A tensor as :class:`Samples` holds it: pictures uint8, whole numbers int64, float64 tables, all else float32."""
    from PIL import Image

    if isinstance(value, Image.Image) and kind == "target" and value.mode in ("1", "L", "P"):
        return torch.from_numpy(np.array(value).astype(np.int64))  # a class at each pixel
    if isinstance(value, Image.Image):
        pixels = np.array(value if value.mode == "L" else value.convert("RGB"))
        return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1).contiguous()
    if not isinstance(value, Tensor | np.ndarray | np.generic | bool | int | float):
        raise TypeError(f"the {kind} is a {type(value).__name__}: no tensor, array, picture or number")
    found = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    if found.dtype == torch.uint8 and found.ndim == 3:
        return found.contiguous()
    if found.is_complex():
        raise TypeError(f"the {kind} is complex")
    if found.dtype == torch.uint64 and (found.to(torch.int64) < 0).any():
        raise ValueError(f"the {kind} is above {torch.iinfo(torch.int64).max}, where int64 ends")
    if found.is_floating_point():
        wide = found.dtype == torch.float64 and found.ndim < 3
        return found.to(torch.float64 if wide else torch.float32).contiguous()
    return found.to(torch.int64).contiguous()


def _kinds(fields: Mapping[Key, Tensor]) -> str:
    return ", ".join(
        f"{name} {' × '.join(map(str, value.shape)) or 'scalar'} {str(value.dtype).removeprefix('torch.')}"
        for (_, name), value in fields.items()
    )


def _place(error: BaseException) -> str:
    """Where in the user's file it happened."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
