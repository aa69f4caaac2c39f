"""The picture of augmented samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from graphspec.data import load
from graphspec.data.picture import show
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec


def test_the_picture_shows_every_epoch_differently(tmp_path: Path) -> None:
    data = load(DataSpec.model_validate({"dataset": "digits", "augment": [{"type": "RandomRotation", "degrees": 40}]}))
    image = Image.open(show(data, tmp_path / "augment.png", rows=4, epochs=3)).convert("L")
    width, height = image.size
    assert width > 500
    assert height > 500
    columns = {image.crop((i * width // 4, 40, (i + 1) * width // 4, height)).tobytes() for i in range(4)}
    assert len(columns) == 4


def test_a_table_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match="no image to show"):
        show(load(DataSpec.model_validate({"dataset": "iris"})), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
