"""Files that are whole or absent: written beside their target, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from graphspec.diagnostics import fail


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`; a reader sees the old file or the new one, also after a power cut.

    Raises ``GraphspecError`` (``unwritable``) where the disk is full or may not be written; the old file then stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # as remove_leftovers knows them
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise fail("unwritable", f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what :func:`write_atomically` left in `folder` when a process was killed. The caller holds its lock."""
    for path in folder.glob(".*.tmp"):
        if re.fullmatch(r"\..+\.\d+\.tmp", path.name) and path.is_file():
            path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; not every file system can, and then it is as durable as it gets."""
    descriptor = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """`tensors` as a safetensors file. Tied tensors are written out once for each name."""
    import safetensors.torch

    seen: set[int] = set()
    separate: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        shared = value.untyped_storage().data_ptr() in seen
        separate[name] = value.clone() if shared else value
        seen.add(value.untyped_storage().data_ptr())
    return safetensors.torch.save(separate)
