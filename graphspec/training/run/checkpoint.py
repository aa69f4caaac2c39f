"""Checkpoints that survive a kill at any moment.

A checkpoint is two files: the tensors (safetensors) and a manifest (JSON) that holds everything else and the tensors'
sha256, and is written last. A pair that does not agree is damaged, and the one before it is used.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from graphspec.diagnostics import fail, warn
from graphspec.system.durable import make_folders, remove, unwritable, write_atomically
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.training.run.state_tree import pack, unpack
from graphspec.training.run.tensor_files import tensors_to_bytes

KEPT = 2
_NAME = re.compile(r"step-(\d{10,})(?:\.(\d+))?\.(json|safetensors)")
#: A checkpoint's step, and its number among those of this step: one is saved before an epoch is closed and after.
Key = tuple[int, int]


def save(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write `state` as the checkpoint of `step` (optimiser steps since the start) and keep the one before it.

    Everything else goes: older ones, what a killed save left, and later steps, which a run that had to go on from an
    earlier one leaves behind. Raises ``GraphspecError`` (``unwritable``); the checkpoints before then stay.
    """
    try:
        make_folders(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    tensors: dict[str, Tensor] = {}
    body = {"step": step, "state": pack(state, tensors)}
    content = tensors_to_bytes(tensors)
    body |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    earlier = [number for known, number in _keys(folder, "json") if known == step]
    key = (step, max(earlier, default=-1) + 1)  # two files cannot be replaced at once, so none ever is
    write_atomically(_path(folder, key, "safetensors"), content)
    write_atomically(_path(folder, key, "json"), _sealed(json.dumps(body, separators=(",", ":"))))
    kept = [known for known in _keys(folder, "json") if known <= key][:KEPT]
    for kind in ("json", "safetensors"):  # a manifest never outlives its tensors
        for other in _keys(folder, kind):
            if other not in kept and not _path(folder, other, kind).is_dir():
                remove(_path(folder, other, kind))


def exists(folder: Path) -> bool:
    """Whether a checkpoint was ever written."""
    return bool(_keys(folder, "json"))


def load(folder: Path) -> dict[str, Any] | None:
    """The state of the newest whole checkpoint, None where none was ever written.

    A damaged one is passed over with a warning. Raises ``GraphspecError`` where all are damaged: training never starts
    over silently.
    """
    keys = _keys(folder, "json")
    for key in _keys(folder, "safetensors"):
        if key > max(keys, default=(0, 0)):  # an earlier one is what a removal left
            warn("checkpoint-damaged", f"the save of step {key[0]} was cut short: without a manifest it is ignored")
    for key in keys:
        try:
            return _read(folder, key)
        except _Damaged as damage:
            used = "the one before it is used" if key != keys[-1] else "there is none before it"
            warn("checkpoint-damaged", f"the checkpoint of step {key[0]} is damaged ({damage}); {used}")
    if keys:
        raise fail("checkpoint-damaged", f"every checkpoint in {folder} is damaged", hint="train into another folder")
    return None


#: What reading a file may raise that is not what was written, whoever made it.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError)


class _Damaged(Exception):
    """The two files of a checkpoint are not what was written."""


def _sealed(text: str) -> bytes:
    """A manifest of `text` with its own hash."""
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text}).encode()


def _keys(folder: Path, kind: str) -> list[Key]:
    """Checkpoints with a file of `kind`, the greatest first: the order is by step, never by clock."""
    names = (_NAME.fullmatch(entry.name) for entry in folder.iterdir()) if folder.is_dir() else ()
    return sorted(((int(match[1]), int(match[2] or 0)) for match in names if match and match[3] == kind), reverse=True)


def _path(folder: Path, key: Key, kind: str) -> Path:
    step, number = key
    return folder / (f"step-{step:010d}.{number}.{kind}" if number else f"step-{step:010d}.{kind}")


def _read(folder: Path, key: Key) -> dict[str, Any]:
    """The state of one checkpoint. Its two hashes are compared before anything in it is looked at."""
    try:
        body = _unsealed(read_regular(_path(folder, key, "json"), most=MOST_JSON, links=False))
        content = read_regular(_path(folder, key, "safetensors"), most=body["bytes"], links=False)
        if hashlib.sha256(content).hexdigest() != body["sha256"]:
            raise _Damaged("the tensors' hash differs")
        if body["step"] != key[0]:
            raise _Damaged(f"it is the one of step {body['step']}")
        state = unpack(body["state"], safetensors.torch.load(content))
    except OSError as error:
        raise _Damaged(error.strerror or str(error)) from error
    except _MALFORMED as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise _Damaged("it holds no state")
    return state


def _unsealed(content: bytes) -> dict[str, Any]:
    text = json.loads(content)["body"]
    if _sealed(text) != content:
        raise _Damaged("the manifest's hash differs")
    body: dict[str, Any] = json.loads(text)
    return body
