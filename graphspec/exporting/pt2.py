"""The captured program as ``.pt2``, torch's own format after TorchScript."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from graphspec.exporting.capture import Capture


def write_pt2(capture: Capture, path: Path, extra_files: Mapping[str, str]) -> None:
    """Save `capture`'s program to `path`; `extra_files` are stored inside, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations, meant for torch
        archive = io.BytesIO()
        torch.export.save(capture.program, archive, extra_files=dict(extra_files))
    path.write_bytes(archive.getvalue())  # torch's own writing of files ends the process where the disk is full
