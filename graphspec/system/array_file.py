"""Reading a stranger's .npz: what its entries claim is counted before any of it is unpacked."""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import IO, BinaryIO, NamedTuple

import numpy as np

#: What zipfile and numpy raise of a damaged file besides ``ValueError``; headers go through Python's tokenizer.
_MALFORMED = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, KeyError, TypeError, AttributeError,
    IndexError, SyntaxError, tokenize.TokenError,
)  # fmt: skip


class Claim(NamedTuple):
    """What an entry's header says of its array, which agrees with the archive's size of it."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def values(self) -> int:
        """How many values there are."""
        return math.prod(self.shape)


def read_arrays(file: BinaryIO, check: Callable[[Mapping[str, Claim]], None]) -> dict[str, np.ndarray]:
    """The arrays in the .npz `file`, by name; nothing is unpickled.

    `check` is told what they claim before the first is read, and raises where that is too much. Raises ``ValueError``
    for whatever else is wrong with the file: an entry whose header claims another size than the archive, a damaged or
    encrypted one, an unknown compression, or objects.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            if len(entries) < len(archive.infolist()):
                raise ValueError("it names an array twice")
            check({name: _claim(archive, entry) for name, entry in entries.items()})
            return {name: _read(archive, entry) for name, entry in entries.items()}
    except _MALFORMED as error:
        raise ValueError(str(error) or type(error).__name__) from error
    except (MemoryError, OverflowError) as error:
        raise ValueError("it claims more than there is memory for") from error


def read_array(file: BinaryIO, check: Callable[[Claim], None]) -> np.ndarray:
    """The array in the .npy `file`, of which `check` is told before; ``ValueError`` as of :func:`read_arrays`."""
    try:
        shape, _, dtype = _header(file)
        claim = Claim(shape, dtype)
        left = os.fstat(file.fileno()).st_size - file.tell()
        if dtype.hasobject:
            raise ValueError("it holds pickled objects")
        if claim.values * dtype.itemsize != left:
            raise ValueError(f"it claims {claim.values * dtype.itemsize:,} bytes and has {left:,}")
        check(claim)
        file.seek(0)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except _MALFORMED as error:
        raise ValueError(str(error) or type(error).__name__) from error
    except (MemoryError, OverflowError) as error:
        raise ValueError("it claims more than there is memory for") from error


def _claim(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Claim:
    with archive.open(entry) as content:
        shape, _, dtype = _header(content)
        header = content.tell()
    if dtype.hasobject:
        raise ValueError(f"{entry.filename} holds pickled objects")
    found = Claim(shape, dtype)
    claimed = found.values * dtype.itemsize
    if header + claimed != entry.file_size:
        raise ValueError(f"{entry.filename} claims {claimed:,} bytes and has {entry.file_size - header:,}")
    return found


def _header(content: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(content)
    readers: Mapping[tuple[int, int], Callable[..., tuple[tuple[int, ...], bool, np.dtype]]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of .npy is not known")
    return readers[version](content)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as content:
        return np.asarray(np.lib.format.read_array(content, allow_pickle=False))
