"""A mask in the page: the classes that ``graphspec predict`` finds, laid over the picture that was dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import graphspec

SHAPES = {
    "graphspec": 1, "name": "masks", "inputs": {"image": ["N", 3, "4*H", "4*W"]},
    "layers": {
        "down": {"type": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1}, "relu": "ReLU",
        "pool": {"type": "MaxPool2d", "kernel_size": 4},
        "up": {"type": "ConvTranspose2d", "out_channels": 8, "kernel_size": 4, "stride": 4},
        "both": {"type": "cat", "from": ["relu", "up"], "dim": 1},
        "logits": {"type": "Conv2d", "out_channels": 3, "kernel_size": 1},
    },
    "data": {"dataset": {"type": "shapes", "samples": 60, "size": 16}, "batch_size": 8},
    "train": {"epochs": 6, "loss": "CrossEntropyLoss", "optimizer": {"type": "Adam", "lr": 0.02}},
}  # fmt: skip
#: The colour of a pixel in the middle of each cell that is one pixel of the mask, red, green and blue.
SEEN = """((rows, columns) => {
  const canvas = document.querySelector('canvas'), pen = canvas.getContext('2d'), found = [];
  const middle = (at, of, size) => size * (at + 0.5) / of;
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
    const [x, y] = [middle(column, columns, canvas.width), middle(row, rows, canvas.height)];
    found.push([...pen.getImageData(x, y, 1, 1).data].slice(0, 3));
  }
  return found;
})"""


@pytest.mark.slow
def test_a_mask_is_that_of_predict_and_lies_over_the_dropped_picture(tmp_path: Path, visit: Any) -> None:
    run = graphspec.train(SHAPES, run=tmp_path / "run").run
    bundle = graphspec.export(run, tmp_path / "export", formats=["onnx", "pipeline"])
    page = graphspec.report(bundle, tmp_path / "page.html")
    taken = graphspec.data(graphspec.load(SHAPES)).batch(1, "test").inputs["image"][0]
    picture = (taken[:, :12].permute(1, 2, 0).numpy() * 255).round().astype("uint8")  # 12 × 16: height first
    Image.fromarray(picture).save(tmp_path / "scene.png")
    Image.fromarray(picture).resize((33, 18)).save(tmp_path / "odd.png")

    async def tried(tab: Any) -> Any:
        await tab.until("document.body.dataset.ready")
        width, height = await tab.js("[innerWidth, innerHeight]")
        await tab.drop(tmp_path / "scene.png", width - 20, height - 20)  # beside its place
        await tab.until("document.getElementById('answer').dataset.count === '1'")
        await tab.picture(tmp_path / "mask.png")
        shown = json.loads(await tab.js("document.getElementById('answer').dataset.classes"))
        seen = np.array(await tab.js(f"{SEEN}(12, 16)"))
        await tab.js("document.querySelector('#answer input').click()")
        bare = np.array(await tab.js(f"{SEEN}(12, 16)"))
        size = await tab.js("(c => [c.width, c.height])(document.querySelector('canvas'))")
        await tab.choose("input[type=file]", tmp_path / "odd.png")
        await tab.until("document.getElementById('answer').dataset.count === '2'")
        said = await tab.js("document.querySelector('#entry').innerText")
        assert tab.errors == []
        return shown, seen, bare, size, said

    shown, seen, bare, size, said = visit(page.path, tmp_path / "profile", tried)
    (found,) = graphspec.predict(bundle, [tmp_path / "scene.png"])
    wanted = np.array(found.classes)
    assert len(np.unique(wanted)) > 1
    assert shown["dims"] == [12, 16]
    assert (np.array(shown["classes"]).reshape(12, 16) == wanted).all()
    assert size == [280, 210]
    assert np.allclose(bare, picture.reshape(-1, 3), atol=2)
    laid = wanted.flatten() > 0
    assert (np.ptp(seen[~laid], axis=1) <= 2).all(), "the picture is grey where class 0 is"
    assert (np.ptp(seen[laid], axis=1) > 30).mean() > 0.99
    assert "brought from 33 × 18 to 32 × 20" in said
