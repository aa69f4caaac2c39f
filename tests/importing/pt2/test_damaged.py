"""A ``.pt2`` that was damaged on its way, or that a stranger made, is one error; the wrong weights are never taken."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from graphspec.diagnostics import GraphspecError
from graphspec.importing.sources import import_source


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "net.pt2"
    dims = ({0: torch.export.Dim("N")},)
    torch.export.save(torch.export.export(nn.Linear(8, 3).eval(), (torch.zeros(2, 8),), dynamic_shapes=dims), str(path))
    return path


def rewritten(good: Path, path: Path, change: str) -> Path:
    """The archive at `path` with one record another."""
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if change == "cut" and name.endswith("models/model.json"):
                continue
            new.writestr(name, old.read(name))
        if change == "bomb":
            new.writestr("net/data/weights/weight_9", bytes(64 << 20))
    return path


def test_a_weight_with_a_bit_flipped_is_seen_by_its_checksum(good: Path, tmp_path: Path) -> None:
    """torch.export.load does not look at it."""
    data = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        name = next(name for name in archive.namelist() if name.endswith("weight_0"))
        place = data.index(archive.read(name))
    data[place + 5] ^= 1
    (tmp_path / "m.pt2").write_bytes(data)
    with pytest.raises(GraphspecError, match=r"m.pt2.*record .*weight_0 is damaged: another checksum"):
        import_source(str(tmp_path / "m.pt2"))


@pytest.mark.parametrize(
    ("change", "words"), [("cut", "it is damaged, or no exported program"), ("bomb", r"claim 67,1\d\d,\d\d\d bytes")]
)
def test_what_torch_cannot_load_is_said_in_our_words(good: Path, tmp_path: Path, change: str, words: str) -> None:
    with pytest.raises(GraphspecError, match=f"m.pt2.*{words}"):
        import_source(str(rewritten(good, tmp_path / "m.pt2", change)))
