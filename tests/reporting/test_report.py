"""A page is one file that asks for nothing; the model in it gives what ``graphspec predict`` gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import graphspec

#: The drawing as the page brings it to the network's size, one grey value a pixel.
PIXELS = """(canvas => {
  const small = document.createElement('canvas'), pen = small.getContext('2d');
  small.width = small.height = 8;
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(canvas, 0, 0, 8, 8);
  return [...pen.getImageData(0, 0, 8, 8).data].filter((value, index) => index % 4 === 0);
})(document.querySelector('canvas'))"""
HOSTILE = "x</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


PICTURES = {
    "graphspec": 1, "name": "pictures", "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {
        "conv": {"type": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False},
        "norm": "BatchNorm2d",
        "relu": "ReLU", "pool": {"type": "AvgPool2d", "kernel_size": 2}, "flatten": "Flatten",
        "fc": {"type": "Linear", "out_features": 10},
    },
    "data": {"dataset": "digits", "transforms": [{"type": "Normalize", "mean": [0.3], "std": [0.4]}]},
    "train": {"epochs": 2, "optimizer": {"type": "Adam", "lr": 0.02}, "metrics": ["accuracy"]},
}  # fmt: skip
ROWS = {
    "graphspec": 1, "name": "rows", "inputs": {"x": ["N", 4]},
    "layers": {"fc": {"type": "Linear", "out_features": 3}},
    "data": {"dataset": "iris", "batch_size": 32, "transforms": ["StandardScaler"]},
    "train": {"epochs": 3, "optimizer": {"type": "Adam", "lr": 0.02}, "metrics": ["accuracy"]},
}  # fmt: skip
CELLS = {
    "graphspec": 1, "name": "cells", "inputs": {"town": {"shape": ["N"], "dtype": "int64"}, "rest": ["N", 1]},
    "layers": {
        "place": {"type": "Embedding", "from": "town", "num_embeddings": "${vocabulary.town}", "embedding_dim": 2},
        "cat": {"type": "cat", "from": ["place", "rest"], "dim": 1}, "fc": {"type": "Linear", "out_features": 2},
    },
    "data": {"dataset": {"type": "csv", "file": "people.csv", "target": "label"}, "transforms": ["StandardScaler"]},
    "train": {"epochs": 2, "optimizer": {"type": "Adam", "lr": 0.02}},
}  # fmt: skip


@pytest.fixture(scope="module", params=[PICTURES, ROWS, CELLS], ids=lambda spec: spec["name"])
def exported(request: Any, tmp_path_factory: Any) -> tuple[str, Path, Path]:
    folder = tmp_path_factory.mktemp("report")
    draw = np.random.default_rng(0)
    rows = [f"{draw.choice(['Bern', 'Zug'])},{draw.normal(40, 9):.2f},{draw.choice(['no', 'yes'])}" for _ in range(90)]
    (folder / "people.csv").write_text("\n".join(["town,age,label", *rows]) + "\n")
    data = folder if request.param is CELLS else None
    run = graphspec.train(request.param, run=folder / "run", data=data).run
    graphspec.export(run, folder / "export", formats=["onnx", "pipeline"], data=data)
    return request.param["name"], run, folder / "export"


def test_a_page_of_a_run_holds_figures_pictures_and_graph(exported: Any, tmp_path: Path) -> None:
    _, run, _ = exported
    made = graphspec.report(run, tmp_path / "page.html", model=False)
    text = made.path.read_text()
    assert made.bytes == len(text.encode()) < 2_000_000
    assert "No model runs in this page: --no-model" in text
    for part in ('alt="curves"', 'alt="confusion matrix"', "image/svg+xml", "loss", "validation"):
        assert part in text
    assert not re.findall(r"""(?:src|href)=["']?(?!data:)\w""", text)
    assert "script-src 'none'" in text


def test_a_page_without_the_runtime_says_how_to_install_it(exported: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("graphspec.verifying.runtimes.needs.NPM_FOLDER", tmp_path / "nothing")
    made = graphspec.report(exported[2], tmp_path / "page.html")
    assert "onnxruntime-web is not installed: make runtimes, or npm install" in made.without_model
    assert made.without_model.split(":")[0] in made.path.read_text()


def test_what_is_changed_or_neither_is_refused(exported: Any, tmp_path: Path) -> None:
    with pytest.raises(graphspec.GraphspecError, match="nothing"):
        graphspec.report(tmp_path / "nothing", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_names_of_a_stranger_stay_text() -> None:
    from graphspec.reporting.assembled import assembled
    from graphspec.reporting.live import Live

    live = Live("", {"labels": [HOSTILE], "name": HOSTILE}, {"model": "AAAA"})
    text = assembled(HOSTILE, [(HOSTILE, [HOSTILE])], live)
    assert HOSTILE not in text
    assert "<img" not in text
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text)) == 3  # described, a file, the page's
    kept = re.search(r'id="described">(.*?)</script>', text)
    assert kept is not None
    assert json.loads(kept[1])["labels"] == [HOSTILE]


@pytest.mark.slow
def test_the_model_in_the_page_gives_what_predict_gives(exported: Any, tmp_path: Path, visit: Any) -> None:
    kind, run, export = exported
    made = graphspec.report(export, tmp_path / "page.html")
    assert made.runtime_bytes > 10 * made.model_bytes > 0
    pixels = (load_digits().images[0] * 15.9).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "drop.png")
    (tmp_path / "rows.csv").write_text("5.1,3.5,1.4,0.2\n")
    (tmp_path / "cells.csv").write_text("town,age\nBern,30.5\n")

    async def tried(tab: Any) -> dict[str, Any]:
        await tab.until("document.body.dataset.ready")
        found = await {"pictures": draw_and_drop, "rows": type_numbers, "cells": type_cells}[kind](tab, tmp_path)
        assert tab.errors == []
        assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []
        return found

    found = visit(made.path, tmp_path / "profile", tried)
    file = tmp_path / {"pictures": "drop.png", "rows": "rows.csv", "cells": "cells.csv"}[kind]
    assert found["values"] == pytest.approx(predicted(export, file), abs=1e-5)
    if kind == "pictures":
        assert max(found["drawn"]) > 50
        Image.fromarray(np.array(found["drawn"], "uint8").reshape(8, 8)).save(tmp_path / "drawing.png")
        assert found["of drawing"] == pytest.approx(predicted(export, tmp_path / "drawing.png"), abs=1e-5)
        wanted = hires_cam(run, pixels, found["looked"]["at"])
        assert wanted.max() > 0.02
        assert np.allclose(found["looked"]["map"], wanted, atol=0.01 * wanted.max())


async def draw_and_drop(tab: Any, folder: Path) -> dict[str, Any]:
    """A stroke with the mouse, then a file; then where the network looks."""
    await tab.js("document.querySelector('canvas').scrollIntoView({block: 'center'})")
    x, y, width = await tab.js("(r => [r.x, r.y, r.width])(document.querySelector('canvas').getBoundingClientRect())")
    await tab.mouse("mousePressed", x + width / 2, y + 0.15 * width)
    for step in range(1, 9):
        await tab.mouse("mouseMoved", x + width / 2, y + (0.15 + 0.09 * step) * width)
    await tab.mouse("mouseReleased", x + width / 2, y + 0.87 * width)
    await tab.until("document.getElementById('answer').dataset.count === '1'")
    found = {"drawn": await tab.js(PIXELS), "of drawing": await tab.values()}
    await tab.picture(folder / "drawn.png")
    await tab.drop(folder / "drop.png", x + width / 2, y + width / 2)
    await tab.until("document.getElementById('answer').dataset.count === '2'")
    found["values"] = await tab.values()
    await tab.press("Where it looks")
    found["looked"] = json.loads(await tab.until("document.body.dataset.looked"))
    await tab.picture(folder / "looked.png")
    return found


async def type_numbers(tab: Any, folder: Path) -> dict[str, Any]:
    """One number too few, which is said, then a row."""
    await tab.js("document.querySelector('textarea').value = '5.1, 3.5, 1.4'")
    await tab.press("Predict")
    assert "3 values, and 4 numbers" in await tab.until("document.querySelector('.mistake')?.textContent")
    await tab.js("document.querySelector('textarea').value = ''; document.querySelector('textarea').focus()")
    await tab.call("Input.insertText", text="5.1, 3.5, 1.4, 0.2")
    await tab.press("Predict")
    await tab.until("document.getElementById('answer').dataset.values")
    await tab.picture(folder / "typed.png")
    return {"values": await tab.values()}


async def type_cells(tab: Any, folder: Path) -> dict[str, Any]:
    """A cell of each column; a sample of the training part stands there."""
    assert await tab.js("[...document.querySelectorAll('.cells option')].map(each => each.value)") == ["Bern", "Zug"]
    assert all(await tab.js("[...document.querySelectorAll('.cells input')].map(each => each.value)"))
    for at, text in enumerate(("Bern", "30.5")):
        field = f"document.querySelectorAll('.cells input')[{at}]"
        await tab.js(f"{field}.value = ''; {field}.focus()")
        await tab.call("Input.insertText", text=text)
    await tab.press("Predict")
    await tab.until("document.getElementById('answer').dataset.values")
    await tab.picture(folder / "cells.png")
    return {"values": await tab.values()}


def hires_cam(run: Path, pixels: Any, at: int) -> Any:
    """The map by torch's gradients (Draelos & Carin 2020)."""
    module = graphspec.Network.open(run, "run").build().eval()
    active: dict[str, torch.Tensor] = {}
    module.relu.register_forward_hook(lambda _, __, value: active.update(relu=value))
    image = torch.from_numpy(pixels.astype("float32") / 255).view(1, 1, 8, 8)
    (gradient,) = torch.autograd.grad(module((image - 0.3) / 0.4)[0, at], [active["relu"]])
    return (gradient * active["relu"]).sum(1).clamp(min=0).flatten().detach().numpy()


def predicted(export: Path, file: Path) -> list[float]:
    """The probabilities that ``graphspec predict`` computes with."""
    (found,) = graphspec.predict(export, [file])
    logits = np.array(next(iter(found.outputs.values())))
    shares = np.exp(logits - logits.max())
    assert found.probability == pytest.approx(shares.max() / shares.sum(), abs=1e-5)
    return list(shares / shares.sum())
