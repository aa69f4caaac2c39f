"""Files of weights from strangers: read as tensors or refused, whatever is in them, and never looked for outside."""

from __future__ import annotations

import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.module.initial import named_by_spec
from graphspec.module.weights import load_weights, read_tensors

STATE = {"fc.weight": torch.ones(3, 4), "fc.bias": torch.zeros(3), "count": torch.tensor(3)}
WRITERS: dict[str, Callable[[Path], Any]] = {
    "zip.pt": lambda path: torch.save(STATE, path),
    "legacy.pt": lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    "file.safetensors": lambda path: safetensors.torch.save_file(STATE, path),
}


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """`whole` with bytes changed, cut off or put in."""
    content = bytearray(whole)
    for _ in range(draw.choice([1, 1, 2, 5, 20])):
        at, kind = draw.randrange(len(content)), draw.random()
        if kind < 0.6:
            content[at] = draw.randrange(256)
        elif kind < 0.8:
            content = content[: at + 1]
        else:
            content[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(content)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_file_is_refused_or_read_and_nothing_else(name: str, tmp_path: Path) -> None:
    path, draw, refused = tmp_path / name, random.Random(0), 0
    WRITERS[name](path)
    whole = path.read_bytes()
    for _ in range(600):
        path.write_bytes(damaged(whole, draw))
        try:
            read_tensors(path)
        except GraphspecError as error:
            refused += error.diagnostics[0].code == "checkpoint-damaged"
    assert refused > 300


PLAIN = torch.ones(3, 4)
ODD: dict[str, Callable[[], object]] = {
    "without numbers": lambda: PLAIN.to("meta"),
    "sparse": PLAIN.to_sparse,
    "sparse by rows": PLAIN.to_sparse_csr,
    "quantized": lambda: torch.quantize_per_tensor(PLAIN, 0.1, 0, torch.qint8),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(4)] * 3),
    "a text": lambda: "hello",
    "a list": lambda: [1.0],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_plain_tensor_is_refused(kind: str, tmp_path: Path) -> None:
    torch.save({**STATE, "fc.weight": ODD[kind]()}, tmp_path / "odd.pt")
    with pytest.raises(GraphspecError, match=r"error\[checkpoint-damaged\].*save module.state_dict"):
        read_tensors(tmp_path / "odd.pt")


def test_weights_that_do_not_fit_are_listed_and_none_is_taken() -> None:
    module = torch.nn.Linear(4, 3)
    before = module.weight.clone()
    others = {f"other{number}": torch.zeros(1) for number in range(20)}
    with pytest.raises(GraphspecError, match="checkpoint-mismatch") as caught:
        load_weights(module, {"weight": torch.ones(2, 4), **others})
    notes = caught.value.diagnostics[0].notes
    assert notes[:2] == ("bias is missing", "other0 is not in the network")
    assert (len(notes), notes[-1]) == (11, "and 12 more")
    assert torch.equal(module.weight, before)


class Bytes:
    """Pickles as a call that torch's own reader makes: so many zeros."""

    def __reduce__(self) -> Any:
        return bytearray, (8 * 2**30,)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_file_that_claims_more_than_it_has_takes_no_memory(tmp_path: Path) -> None:
    torch.save({**STATE, "more": Bytes()}, tmp_path / "claims.pt")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(GraphspecError, match=r"error\[too-much-memory\].*claims more than is in it"):
        read_tensors(tmp_path / "claims.pt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20
    assert len(bytearray(2**29)) == 2**29  # the limit is gone again


@pytest.mark.parametrize("text", ["/etc/passwd", "../weights.pt", "inside/../../weights.pt", "link.pt"])
def test_a_path_in_a_spec_stays_inside(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights.pt").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link.pt").symlink_to(tmp_path / "weights.pt")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(GraphspecError, match=r"error\[outside\].*--init names a file anywhere"):
        named_by_spec(text)
    assert named_by_spec("inside.pt") == Path("inside.pt")


def test_an_empty_path_is_no_path_and_not_left_out(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r"error\[bad-value\].*the path is empty"):
        named_by_spec("")
    spec = {
        "graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"l": {"type": "Linear", "out_features": 3}},
        "data": {"dataset": "iris"}, "train": {"epochs": 1, "init": ""},
    }  # fmt: skip
    with pytest.raises(GraphspecError, match="the path is empty"):
        graphspec.train(spec, run=tmp_path / "run")
