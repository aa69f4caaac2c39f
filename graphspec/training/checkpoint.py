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
from torch import Tensor

from graphspec.diagnostics import fail, warn
from graphspec.training.files import tensors_to_bytes, write_atomically
from graphspec.training.tree import pack, unpack

KEPT = 2
_MANIFEST = re.compile(r"step-(\d+)\.json")


def save(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write `state` as the checkpoint of `step` (optimiser steps since the start) and drop all but the newest two."""
    folder.mkdir(exist_ok=True)
    tensors: dict[str, Tensor] = {}
    body = {"step": step, "state": pack(state, tensors)}
    content = tensors_to_bytes(tensors)
    body["sha256"] = hashlib.sha256(content).hexdigest()
    name = f"step-{step:010d}"
    write_atomically(folder / f"{name}.safetensors", content)
    write_atomically(folder / f"{name}.json", _sealed(body))
    for old in _steps(folder)[KEPT:]:
        (folder / f"step-{old:010d}.json").unlink(missing_ok=True)
        (folder / f"step-{old:010d}.safetensors").unlink(missing_ok=True)


def load(folder: Path) -> dict[str, Any] | None:
    """The state of the newest whole checkpoint, None where none was ever written.

    A damaged one is passed over with a warning. Raises ``GraphspecError`` where all are damaged: training never starts
    over silently.
    """
    steps = _steps(folder)
    for step in steps:
        try:
            return _read(folder, step)
        except _Damaged as damage:
            warn(
                "checkpoint-damaged", f"the checkpoint of step {step} is damaged ({damage}); the one before it is used"
            )
    if steps:
        raise fail("checkpoint-damaged", f"every checkpoint in {folder} is damaged", hint="train into another folder")
    return None


class _Damaged(Exception):
    """The two files of a checkpoint are not what was written."""


def _sealed(body: dict[str, Any]) -> bytes:
    text = json.dumps(body, separators=(",", ":"))
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text}).encode()


def _steps(folder: Path) -> list[int]:
    """Steps with a manifest, the greatest first: the order is by step, never by clock."""
    names = (_MANIFEST.fullmatch(entry.name) for entry in folder.iterdir()) if folder.is_dir() else ()
    return sorted((int(match[1]) for match in names if match), reverse=True)


def _read(folder: Path, step: int) -> dict[str, Any]:
    name = f"step-{step:010d}"
    try:
        sealed = json.loads((folder / f"{name}.json").read_bytes())
        text = sealed["body"]
        if hashlib.sha256(text.encode()).hexdigest() != sealed["sha256"]:
            raise _Damaged("the manifest's hash differs")
        body = json.loads(text)
        content = (folder / f"{name}.safetensors").read_bytes()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from error
    if hashlib.sha256(content).hexdigest() != body["sha256"]:
        raise _Damaged("the tensors' hash differs")
    state: dict[str, Any] = unpack(body["state"], safetensors.torch.load(content))
    return state
