"""A ``.pt2`` that was damaged on its way, or that a stranger made, is one error; the wrong weights are never taken."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from graphspec.diagnostics import GraphspecError
from graphspec.importing.pt2.program import Pt2File
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
            text = old.read(name)
            if name.endswith("models/model.json"):
                if change == "cut":
                    continue
                if change == "sizes":
                    text = re.sub(rb'"expr_str": "[^"]*"', b'"expr_str": "factorial(10**8)"', text)
            new.writestr(name, text)
        if change == "twice":
            name = next(name for name in old.namelist() if name.endswith("models/model.json"))
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
    ("change", "words"),
    [
        ("cut", "it is damaged, or no exported program"),
        ("bomb", r"claim 67,1\d\d,\d\d\d bytes"),
        ("sizes", "factorial is no function of sizes"),
        ("twice", "it has two records of one name"),
    ],
)
def test_what_torch_cannot_load_is_said_in_our_words(good: Path, tmp_path: Path, change: str, words: str) -> None:
    with pytest.raises(GraphspecError, match=f"m.pt2.*{words}"):
        import_source(str(rewritten(good, tmp_path / "m.pt2", change)))


class Repeated(nn.Module):
    """A buffer of a few bytes that says it has four gigabytes: all its strides are 0."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("wide", torch.ones(1).expand(2**15, 2**15))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.wide[:1, :8]


def test_a_tensor_that_is_larger_than_its_file_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    torch.export.save(torch.export.export(Repeated().eval(), (torch.zeros(2, 8),)), str(tmp_path / "m.pt2"))
    with pytest.raises(GraphspecError, match=r"m.pt2.*tensor wide is 32768 × 32768, and the file has [\d,]+ bytes"):
        import_source(str(tmp_path / "m.pt2"))
    assert not list(folder.iterdir())


class Many(nn.Module):
    """Eight buffers of a few bytes, each of which says that it has 64 MiB."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(8):
            self.register_buffer(f"wide{number}", torch.ones(1).expand(2**12, 2**12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for wide in self.buffers():
            x = x + wide[:1, :8]
        return x


def test_tensors_that_are_together_larger_than_their_file_are_refused_too(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(Many().eval(), (torch.zeros(2, 8),)), str(tmp_path / "m.pt2"))
    words = r"wide0 is 4096 × 4096, all 8 together 536,870,912 bytes, and the file has [\d,]+ bytes"
    with pytest.raises(GraphspecError, match=words):
        import_source(str(tmp_path / "m.pt2"))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_worker_gets_what_is_promised_and_not_what_is_free(good: Path) -> None:
    with Pt2File(good) as file:
        file.program()
        (child,) = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split()
        limits = Path(f"/proc/{child}/limits").read_text()
    (most,) = re.findall(r"Max data size +(\d+)", limits)
    assert int(most) <= (4 << 30) + 16 * good.stat().st_size


class Filling(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.full((1_300_000_000,), 1.0).sum()


@pytest.mark.slow
def test_a_small_file_that_asks_for_five_gigabytes_is_refused_before_it_has_them(tmp_path: Path) -> None:
    dims = ({0: torch.export.Dim("N")},)
    program = torch.export.export(Filling().eval(), (torch.zeros(2, 8),), dynamic_shapes=dims)
    torch.export.save(program, str(tmp_path / "m.pt2"))
    with pytest.raises(GraphspecError, match=r"aten.full.default.*allocate"):
        import_source(str(tmp_path / "m.pt2"))
