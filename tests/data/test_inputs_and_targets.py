"""Several inputs and targets a sample, from the file to the trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphspec import pipeline
from graphspec.data import load
from graphspec.data.picture import show
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec
from graphspec.training.run.reporter import Silent

COUNT = 60
FILE = {"type": "npz", "file": "a.npz", "targets": ["species", "weight"]}
SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {
        "words": {"shape": ["N", 5], "dtype": "int64"},  # in another order than in the file
        "age": ["N", 2],
        "image": ["N", 3, 6, 6],
    },
    "layers": {
        "embed": {"type": "Embedding", "from": "words", "num_embeddings": 9, "embedding_dim": 4},
        "text": {"type": "mean", "dim": 1},
        "conv": {"type": "Conv2d", "from": "image", "out_channels": 4, "kernel_size": 3},
        "pixels": "Flatten",
        "all": {"type": "cat", "from": ["text", "pixels", "age"], "dim": 1},
        "logits": {"type": "Linear", "out_features": 3},
    },
    "outputs": {"species": "logits"},
    "data": {
        "dataset": FILE, "batch_size": 8,
        "transforms": [{"type": "Resize", "size": [6, 6]}, {"type": "Normalize", "mean": [0.5], "std": [0.5]},
                       "StandardScaler"],
        "augment": ["RandomHorizontalFlip", {"type": "RandomCrop", "size": 6, "padding": 1}],
    },
    "train": {"epochs": 2},
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "a.npz",
        image=random.integers(0, 256, (COUNT, 3, 8, 8), dtype=np.uint8),
        age=random.normal(40, 10, (COUNT, 2)),
        words=random.integers(0, 9, (COUNT, 5)),
        species=np.arange(COUNT) % 3,
        weight=random.normal(size=COUNT),
    )
    return tmp_path


def test_each_input_gets_what_is_meant_for_it(root: Path) -> None:
    """Images: size, augmentation, Normalize. Tables: StandardScaler by the training part. Tokens: nothing."""
    data = load(DataSpec.model_validate(SPEC["data"]), root)
    assert [step["type"] + " " + step.get("input", "") for step in data.transforms] == [
        "Resize ", "Normalize image", "Normalize age",
    ]  # fmt: skip
    whole = next(data.batches("train").in_order(len(data.train)))
    assert torch.allclose(whole.inputs["age"].mean(0), torch.zeros(2), atol=1e-6)
    assert torch.allclose(whole.inputs["age"].std(0, correction=0), torch.ones(2), atol=1e-6)
    assert torch.equal(whole.inputs["words"], data.train.inputs["words"])
    assert torch.equal(whole.inputs["image"], (data.train.inputs["image"].float() / 255 - 0.5) / 0.5)
    batches = data.batches("train")
    chosen, augmented = batches.order(0)[:8], next(batches.shuffled(0))
    assert torch.equal(augmented.inputs["age"], whole.inputs["age"][chosen])
    assert not torch.equal(augmented.inputs["image"], whole.inputs["image"][chosen])


def test_targets_have_classes_of_their_own(root: Path) -> None:
    data = load(DataSpec.model_validate(SPEC["data"]), root)
    assert data.labels == {"species": ("0", "1", "2")}
    assert (data.train.targets["species"].dtype, data.train.targets["weight"].shape[1:]) == (torch.int64, (1,))


def test_the_picture_shows_the_images_among_the_inputs(root: Path) -> None:
    data = load(DataSpec.model_validate(SPEC["data"]), root)
    assert show(data, root / "samples.png").stat().st_size > 5000


def test_inputs_and_the_target_are_matched_by_name(root: Path) -> None:
    report = pipeline.train(SPEC, run=root / "run", data=root, device="cpu", reporter=Silent())
    assert report.steps == 2 * 6
    assert set(report.metrics["test"]) == {"loss", "accuracy"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"outputs": {"kind": "logits"}}, r'field-mismatch.*the output "kind" has no field.*"species", "weight"'),
        ({"inputs": {**SPEC["inputs"], "age": ["N", 3]}}, r'shape-mismatch.*is 2, the input "age" 3'),
        ({"data": {**SPEC["data"], "augment": ["MixUp"]}}, r"MixUp mixes one input and one target"),
        ({"data": {**SPEC["data"], "dataset": {**FILE, "targets": []}}}, r"targets must be a list of names"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, Any], expected: str, root: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        pipeline.train({**SPEC, **change}, run=root / "run", data=root, device="cpu", reporter=Silent())
    assert not (root / "run").exists()


@pytest.mark.parametrize(
    ("layers", "rows", "layer"),
    [
        ({"e": {"type": "Embedding", "num_embeddings": 4, "embedding_dim": 2}}, 4, "e"),
        ({"e": {"type": "EmbeddingBag", "num_embeddings": 6, "embedding_dim": 2}, "r": "ReLU"}, 6, "e"),
        ({"o": {"type": "one_hot", "num_classes": 7}, "f": {"type": "to", "dtype": "float32"}}, 7, "o"),
        (
            {
                "t": {"type": "Parameter", "from": [], "shape": [5, 2], "init": "normal_"},
                "e": {"type": "embedding", "from": ["x", "t"]},
            },
            5, "e",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrong", [7, -1])
def test_ids_that_are_no_rows_of_their_table_are_said_before_the_first_step(layers, rows, layer, wrong, root):
    """torch's own error comes in the midst of an epoch, and names neither."""
    x, y = torch.zeros(80, 3, dtype=torch.int64), torch.arange(80) % 2
    x[::2, 1] = wrong
    spec = {
        "graphspec": 1,
        "inputs": {"x": {"shape": ["N", 3], "dtype": "int64"}},
        "layers": {**layers, "flat": "Flatten", "fc": {"type": "Linear", "out_features": 2}},
        "train": {"epochs": 1, "loss": "CrossEntropyLoss", "optimizer": {"type": "SGD", "lr": 0.1}},
    }
    expected = rf'layer "{layer}" .* has {rows} rows, and "x" of the \w+ part is {wrong} at row \d+; ids count from 0'
    with pytest.raises(GraphspecError, match=expected):
        pipeline.train(spec, run=root / "run", data=(x, y), device="cpu", reporter=Silent())
    assert not (root / "run").exists()
