"""Weights that a spec shares by path, keeps without using them, or reads from a file."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

import graphspec

SHARED = """
graphspec = 1
[inputs]
ids = { shape = ["N", "T"], dtype = "int64" }
[layers]
body  = "Body"
again = { reuse = "body.fc" }
head  = { type = "Linear", out_features = 16, bias = false, tie = "body.embed.weight" }
[blocks.Body.layers]
embed = { type = "Embedding", num_embeddings = 16, embedding_dim = 8 }
fc    = { type = "Linear", out_features = 8 }
"""


def test_reuse_and_tie_reach_into_blocks() -> None:
    module = graphspec.compile(SHARED).eval()
    assert set(module.state_dict()) == {"body.embed.weight", "body.fc.weight", "body.fc.bias", "head.weight"}
    assert module.head.weight is module.body.embed.weight
    ids = torch.randint(0, 16, (2, 3))
    expected = module.head(module.body.fc(module.body.fc(module.body.embed(ids))))
    assert torch.equal(module(ids), expected)


KEPT = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
spare = { type = "Linear", out_features = 3, keep = true }
old   = { type = "Buffer", shape = [2], dtype = "int64", keep = true }
scale = { type = "Buffer", data = [2.0, 3.0, 4.0, 5.0], persistent = false }
out   = { type = "mul", from = ["x", "scale"], broadcast = true }
"""


def test_a_kept_layer_stays_in_the_state_dict_and_is_never_called(tmp_path) -> None:
    module = graphspec.compile(KEPT)
    assert {name: str(value.dtype) for name, value in module.state_dict().items()} == {
        "spare.weight": "torch.float32", "spare.bias": "torch.float32", "old": "torch.int64"
    }  # fmt: skip
    assert torch.equal(module(torch.ones(1, 4)), torch.tensor([[2.0, 3.0, 4.0, 5.0]]))
    assert "spare" not in module.code


def test_a_layer_that_nothing_uses_is_still_refused_without_keep() -> None:
    with pytest.raises(graphspec.GraphspecError, match='nothing uses layer "spare"'):
        graphspec.compile(KEPT.replace(", keep = true", ""))


def test_weights_that_the_train_section_names_are_those_of_the_compiled_module(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = 'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\nfc = { type = "Linear", out_features = 2 }\n'
    module = graphspec.compile(spec, seed=7)
    safetensors.torch.save_file(module.state_dict(), "w.safetensors")
    started = graphspec.load(spec + '[train]\ninit = "w.safetensors"\n')
    assert torch.equal(started.build().fc.weight, module.fc.weight)
    assert started.weights == "file"
    Path("w.safetensors").unlink()
    with pytest.raises(graphspec.GraphspecError, match='there is no file "w'):
        started.build()
