"""The captured program as ``.pt2``, torch's own format after TorchScript."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from graphspec.exporting.bundle.snippets import Signature, Sizes, code, zero_tensors
from graphspec.exporting.capture import MANY, Capture
from graphspec.system.quiet import quiet

if TYPE_CHECKING:
    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedLayer


_PROVEN = (
    "It is the same program for every size of the dynamic dims: traces whose guards leave no size out gave the same.\n"
)
_TRIED = (
    "torch traced it at one size of each dynamic dim; that it is right at others was tried at "
    f"{MANY[0]} to {MANY[-3]}, {MANY[-2]} and {MANY[-1]}, and is not proven.\n"
)


def write(order: Order, path: Path) -> None:
    """Write ``model.pt2``."""
    write_pt2(order.capture, path, order.properties)


def sections(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """How the file is run in Python, and how it is known that it is right at every size."""
    yield "## Python, torch.export\n"
    lines = ["import torch", "", 'model = torch.export.load("model.pt2").module()']
    yield code("python", [*lines, f"outputs = model({zero_tensors(signature, sizes)})"])
    if sizes:
        yield _PROVEN if signature["sizes"] == "proven" else _TRIED


def cannot_hold(layer: ShapedLayer) -> str:
    """Why a program of torch.export has no form for `layer`; empty where it has one."""
    return "torch.export fixes its batch to the sample's" if layer.type == "FractionalMaxPool3d" else ""


def write_pt2(capture: Capture, path: Path, extra_files: Mapping[str, str]) -> None:
    """Save `capture`'s program to `path`; `extra_files` are stored inside, by name."""
    with quiet():
        archive = io.BytesIO()
        torch.export.save(capture.program, archive, extra_files=dict(extra_files))
    path.write_bytes(archive.getvalue())  # torch's own writing of files ends the process where the disk is full
