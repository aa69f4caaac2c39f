"""What is said of data that are read as they stand and hardly meant so; and what looks alike and is not said."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graphspec.data import load
from graphspec.diagnostics import GraphspecWarning
from graphspec.spec.data import DataSpec

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((30, 1, 8, 8), dtype=np.float32)
BOXES = RANDOM.random((30, 4), dtype=np.float32)


def arrays(x: np.ndarray, y: np.ndarray, *augment: str, resize: str = "") -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        np.savez(folder / "d.npz", x=x, y=y)
        sizes = [{"type": resize, "size": [6, 6]}] if resize else []
        return {"dataset": {"type": "npz", "file": "d.npz"}, "augment": list(augment), "transforms": sizes}

    return write


def table(*cells: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        rows = [f"{cell},{i % 7},{i % 3}" for i, cell in enumerate(cells)]
        (folder / "d.csv").write_text("\n".join(["amount,b,y", *rows]))
        return {"dataset": {"type": "csv", "file": "d.csv", "target": "y"}}

    return write


def pictures(alpha: int) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        for name in ("cat", "dog"):
            (folder / name).mkdir()
            for i in range(8):
                pixels = RANDOM.integers(0, 256, (6, 6, 4), dtype=np.uint8)
                pixels[..., 3] = np.where(np.eye(6, dtype=bool), alpha, 255)
                Image.fromarray(pixels).save(folder / name / f"{i}.png")
        return {"dataset": {"type": "ImageFolder"}}

    return write


def said(data: Callable[[Path], dict[str, Any]], folder: Path) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GraphspecWarning)
        load(DataSpec.model_validate(data(folder)), folder)
    return "\n".join(str(each.message) for each in caught)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (arrays(IMAGES, BOXES, "RandomHorizontalFlip"), 'RandomHorizontalFlip moves.* target "y" stays as it is'),
        (arrays(IMAGES, BOXES[:, :2], "RandomInvert", "RandAugment"), 'RandAugment moves.* target "y" stays'),
        (arrays(IMAGES, BOXES * 8, resize="Resize"), 'Resize moves.* target "y" stays as it is'),
        (arrays(IMAGES, BOXES, resize="CenterCrop"), 'CenterCrop moves.* target "y" stays as it is'),
        (arrays(IMAGES * 255, BOXES), r"values up to 25\d.*divide them by 255"),
        (arrays((IMAGES * 60000).astype(np.uint16), BOXES), "divide them by 65535"),
        (table(*(f"{i}%" for i in range(30))), r'row 2, column "amount": "0%" is a number with a unit.* without "%"'),
        (table(*(f"{i}.5 kg" for i in range(30))), 'without "kg" if they are meant'),
        (table(*(f"€ {i}" for i in range(30))), 'without "€" if they are meant'),
        (pictures(0), "16 images have transparent pixels.*dog/7.png|16 images have transparent pixels.*cat/0.png"),
    ],
    ids=[
        "a flip",
        "drawn",
        "resized",
        "cropped",
        "floats of 8 bits",
        "16 bits",
        "percent",
        "kilograms",
        "euros",
        "alpha",
    ],
)
def test_is_said(data: Any, words: str, tmp_path: Path) -> None:
    assert re.search(words, said(data, tmp_path))


@pytest.mark.parametrize(
    "data",
    [
        arrays(IMAGES, BOXES, "GaussianNoise"),
        arrays(IMAGES, BOXES[:, :1], "RandomHorizontalFlip"),
        arrays(IMAGES, BOXES, resize="Resize"),
        arrays(IMAGES * 16, BOXES),
        arrays(IMAGES * 500 - 250, BOXES),
        table(*("abcdefghijklmnopqrst"[i % 20] + str(i % 20) for i in range(30))),
        pictures(255),
    ],
    ids=[
        "colours alone",
        "one value",
        "shares of the sides",
        "counts",
        "around zero",
        "codes",
        "opaque",
    ],
)
def test_is_not_said(data: Any, tmp_path: Path) -> None:
    text = said(data, tmp_path)
    assert not any(words in text for words in ("moves what", "divide them", "a unit", "transparent"))
