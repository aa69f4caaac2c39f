"""C8 and C9: targets that are images go with their inputs; folders of images are read as they are named."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from further_trial import Table, Trial, first, near, says, spec, trained
from PIL import Image

FOLLOW = Table("C8")
FOLDERS = Table("C9")
RNG = np.random.default_rng(5)
SIZE = 16
CONV = {"conv": {"type": "Conv2d", "out_channels": 1, "kernel_size": 1}}


def pictures(count: int = 48) -> np.ndarray[Any, Any]:
    """Bright rectangles off the middle: none is its own mirror image."""
    found = np.full((count, 1, SIZE, SIZE), 0.1, np.float32)
    for picture in found:
        top, left, high, wide = RNG.integers(0, 5), RNG.integers(0, 5), RNG.integers(3, 9), RNG.integers(3, 9)
        picture[0, top : top + high, left : left + wide] = 0.9
    return found


def with_mask(augment: Sequence[Any], *, x: Any = None, y: Any = None, loss: Any = None, layers: Any = None,
              transforms: Sequence[Any] = (), size: tuple[int, int] = (SIZE, SIZE), channels: int = 1,
              dataset: dict[str, Any] | None = None, data: Any = None) -> Trial:  # fmt: skip
    """A 1 × 1 convolution that can tell a mask from its picture exactly, if the two stay together."""
    x = pictures() if x is None else x
    y = (x > 0.5).astype(np.float32) if y is None else y
    np.savez("m.npz", x=x, y=y)
    section: dict[str, Any] = {"dataset": dataset or {"type": "npz", "file": "m.npz"}, "root": ".", "batch_size": 8,
                               "validation": 0.0, "test": 0.0, "augment": list(augment),
                               "transforms": list(transforms)}  # fmt: skip
    if data is not None:
        section["dataset"] = "arrays"
    given = spec(
        section, layers or CONV,
        {"epochs": 30, "loss": loss or "BCEWithLogitsLoss", "optimizer": {"type": "Adam", "lr": 0.3}},
        inputs={"x": ["N", channels, *size]},
    )  # fmt: skip
    return trained(given, **({} if data is None else {"data": data}))


def last_loss(trial: Trial) -> float:
    """The training loss of the last epoch, of the augmented samples."""
    import csv

    with (trial.folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return float(next(value for key, value in rows[-1].items() if key and key.endswith("loss") and "val" not in key))


def follows(most: float, trial: Trial) -> str:
    """Right is a low loss on what augmentation made, or a refusal that names the target or what the transform cannot do."""
    if trial.parts is None:
        return (
            ""
            if re.search(r'"y"|"low"|error\[bad-value\]: \w+: |error\[bad-value\]: (\w+ fails on|Mix|Cut)', trial.said)
            else trial.said
        )
    found = last_loss(trial)
    return "" if found <= most else f"training loss {found:.3f}, more than {most}"


MOVES: dict[str, Any] = {
    "vertical flips": {"type": "RandomVerticalFlip", "p": 0.5},
    "quarter turns and others": {"type": "RandomRotation", "degrees": 90},
    "turns about a corner": {"type": "RandomRotation", "degrees": 40, "center": [2, 2]},
    "turns that are filled": {"type": "RandomRotation", "degrees": 40, "fill": 0.1},
    "crops with an edge": {"type": "RandomCrop", "size": SIZE, "padding": 4},
    "crops that mirror the edge": {"type": "RandomCrop", "size": SIZE, "padding": 4, "padding_mode": "reflect"},
    "crops and resizes": {"type": "RandomResizedCrop", "size": SIZE, "scale": [0.3, 1.0]},
    "affine": {"type": "RandomAffine", "degrees": 30, "translate": [0.2, 0.2], "shear": 10},
    "perspective": {"type": "RandomPerspective", "distortion_scale": 0.5, "p": 1.0},
    "elastic": {"type": "ElasticTransform", "alpha": 20.0},
    "zoom out": {"type": "RandomZoomOut", "p": 1.0},
    "RandAugment": {"type": "RandAugment"},
    "TrivialAugmentWide": {"type": "TrivialAugmentWide"},
    "AugMix": {"type": "AugMix"},
    "MixUp": {"type": "MixUp"},
    "CutMix": {"type": "CutMix"},
}
#: Colours change, the mask does not: what the network learns is looser, for contrast moves the bound.
COLOURS: dict[str, Any] = {
    "inverted": {"type": "RandomInvert", "p": 0.0},
    "brightness": {"type": "ColorJitter", "brightness": 0.1},
    "blur": {"type": "GaussianBlur", "kernel_size": 3, "sigma": [0.1, 0.3]},
    "noise": {"type": "GaussianNoise", "sigma": 0.02},
    "erased": {"type": "RandomErasing", "p": 0.0},
    "posterized": {"type": "RandomPosterize", "bits": 6},
}
for _name, _step in {**MOVES, **COLOURS}.items():
    FOLLOW.add(f"mask of floats: {_name}", lambda step=_step: follows(0.12, with_mask([step])))
for _name in ("vertical flips", "quarter turns and others", "affine", "perspective", "crops with an edge", "elastic"):
    FOLLOW.add(
        f"classes at each pixel: {_name}",
        lambda step=MOVES[_name]: _classes(step, np.int64),
    )
for _dtype in ("uint8", "int32", "bool"):
    FOLLOW.add(f"classes at each pixel, {_dtype}", lambda dtype=_dtype: _classes(MOVES["vertical flips"], dtype))


def _classes(step: Any, dtype: Any) -> str:
    x = pictures()
    y = (x[:, 0] > 0.5).astype(dtype)
    two = {"conv": {"type": "Conv2d", "out_channels": 2, "kernel_size": 1}}
    dataset = {"type": "npz", "file": "m.npz", "classes": 2}
    return follows(0.12, with_mask([step], x=x, y=y, loss="CrossEntropyLoss", layers=two, dataset=dataset))


@FOLLOW
def the_input_as_its_target_turned() -> str:
    x = pictures()
    np.savez("a.npz", x=x)
    data = {"dataset": {"type": "npz", "file": "a.npz", "targets": "input"}, "root": ".", "batch_size": 8,
            "validation": 0.0, "test": 0.0, "augment": [MOVES["quarter turns and others"], COLOURS["brightness"]]}  # fmt: skip
    train = {"epochs": 40, "loss": "MSELoss", "optimizer": {"type": "Adam", "lr": 0.1}}
    trial = trained(spec(data, CONV, train, inputs={"x": ["N", 1, SIZE, SIZE]}))
    return trial.said if trial.parts is None else ("" if last_loss(trial) < 1e-3 else f"loss {last_loss(trial):.4f}")


@FOLLOW
def the_input_as_its_target_scaled_by_Normalize() -> str:
    x = pictures()
    np.savez("a.npz", x=x)
    data = {"dataset": {"type": "npz", "file": "a.npz", "targets": "input"}, "root": ".", "batch_size": 8,
            "validation": 0.0, "test": 0.0, "transforms": [{"type": "Normalize", "mean": [0.5], "std": [0.25]}]}  # fmt: skip
    same = {"conv": {"type": "Conv2d", "out_channels": 1, "kernel_size": 1, "bias": False, "init": "ones_"}}
    trial = trained(spec(data, same, {"loss": "MSELoss"}, inputs={"x": ["N", 1, SIZE, SIZE]}))
    return trial.said if trial.parts is None else near(trial.figure("loss"), 0.0, 1e-6)


def _finer(step: Any) -> str:
    """Super-resolution: the target is twice as large as the input."""
    y = pictures()
    x = y[:, :, ::2, ::2].copy()
    up = {"up": {"type": "Upsample", "scale_factor": 2}, **CONV}
    trial = with_mask([step], x=x, y=y, loss="MSELoss", layers=up, size=(SIZE // 2, SIZE // 2))
    return follows(0.03, trial)


for _name in ("vertical flips", "quarter turns and others", "affine", "perspective", "elastic", "zoom out"):
    FOLLOW.add(f"a finer picture: {_name}", lambda step=MOVES[_name]: _finer(step))
FOLLOW.add("a finer picture: crops", lambda: _finer({"type": "RandomCrop", "size": 8, "padding": 2}))
FOLLOW.add("a finer picture: brightness", lambda: _finer(COLOURS["brightness"]))
FOLLOW.add("a finer picture: blur", lambda: _finer(COLOURS["blur"]))


@FOLLOW
def a_finer_picture_and_Resize() -> str:
    y = pictures()
    trial = with_mask([], x=y[:, :, ::2, ::2].copy(), y=y, loss="MSELoss", size=(4, 4),
                      layers={"up": {"type": "Upsample", "scale_factor": 2}, **CONV},
                      transforms=[{"type": "Resize", "size": [4, 4]}])  # fmt: skip
    return follows(0.05, trial)


@FOLLOW
def another_picture_as_the_target_flipped() -> str:
    """A depth map of other numbers."""
    x = pictures()
    return follows(0.02, with_mask([MOVES["vertical flips"]], x=x, y=x * 3.7 + 0.2, loss="MSELoss"))


@FOLLOW
def another_picture_as_the_target_brightened() -> str:
    x = pictures()
    trial = with_mask([COLOURS["brightness"]], x=x, y=x * 3.7 + 0.2, loss="MSELoss")
    return says(trial, "ColorJitter", '"y"', refused=True)


def _sized(step: Any, size: tuple[int, int], more: Any = None) -> str:
    return follows(0.12, with_mask([], transforms=[step, *(more or [])], size=size))


FOLLOW.add("CenterCrop with a mask", lambda: _sized({"type": "CenterCrop", "size": 12}, (12, 12)))
FOLLOW.add("Pad with a mask", lambda: _sized({"type": "Pad", "padding": [3, 1]}, (18, 22)))
FOLLOW.add("Resize by nearest with a mask", lambda: _sized(
    {"type": "Resize", "size": [8, 24], "interpolation": "nearest"}, (8, 24)))  # fmt: skip
FOLLOW.add("Resize, then crop, then scale, with a mask", lambda: _sized(
    {"type": "Resize", "size": [20, 20]}, (14, 14),
    [{"type": "CenterCrop", "size": 14}, {"type": "Normalize", "mean": [0.5], "std": [0.2]}]))  # fmt: skip


@FOLLOW
def Grayscale_with_a_mask() -> str:
    x = pictures()
    trial = with_mask([], x=x.repeat(3, 1), y=(x > 0.5).astype(np.float32), transforms=["Grayscale"])
    return follows(0.12, trial)


@FOLLOW
def a_mask_given_from_Python() -> str:
    x = pictures()
    y = (x > 0.5).astype(np.float32)
    return follows(0.12, with_mask([MOVES["vertical flips"]], data=(x, y)))


@FOLLOW
def a_mask_of_a_data_set_of_ones_own() -> str:
    import torch

    x = pictures()
    y = (x > 0.5).astype(np.float32)
    given = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    return follows(0.12, with_mask([MOVES["vertical flips"]], data=given))


@FOLLOW
def places_in_a_picture_flipped() -> str:
    """The target is a point: it cannot be seen to be one, and that is said."""
    x = pictures()
    y = np.stack([x[:, 0].max(2).argmax(1), x[:, 0].max(1).argmax(1)], 1).astype(np.float32)
    layers = {"flat": "Flatten", "fc": {"type": "Linear", "out_features": 2}}
    trial = with_mask([MOVES["vertical flips"]], x=x, y=y, loss="MSELoss", layers=layers)
    return says(trial, "RandomVerticalFlip", '"y"')


@FOLLOW
def two_masks_of_one_picture() -> str:
    x = pictures()
    np.savez("m.npz", x=x, low=(x > 0.5).astype(np.float32), high=(x < 0.5).astype(np.float32))
    layers = {"a": {**CONV["conv"], "from": "x"}, "b": {**CONV["conv"], "from": "x"}}
    data = {"dataset": {"type": "npz", "file": "m.npz", "targets": ["low", "high"]}, "root": ".", "batch_size": 8,
            "validation": 0.0, "test": 0.0, "augment": [MOVES["vertical flips"]]}  # fmt: skip
    losses = [{"type": "BCEWithLogitsLoss", "output": name} for name in ("low", "high")]
    train = {"epochs": 30, "loss": losses, "optimizer": {"type": "Adam", "lr": 0.3}}
    trial = trained(spec(data, layers, train, inputs={"x": ["N", 1, SIZE, SIZE]}, outputs={"low": "a", "high": "b"}))
    return follows(0.24, trial)


def folder(names: dict[str, int], suffix: str = ".png", nested: str = "") -> None:
    """``names``: a class folder → its brightness, eight pictures each."""
    for name, grey in names.items():
        place = Path("data", *filter(None, name.split("/")), nested)
        place.mkdir(parents=True, exist_ok=True)
        for k in range(8):
            Image.fromarray(np.full((8, 8, 3), grey + k, np.uint8)).save(place / f"{k}{suffix}")


def of_folder(**data: Any) -> Trial:
    layers = {"flat": "Flatten", "fc": {"type": "Linear", "out_features": 2}}
    section = {"dataset": "ImageFolder", "root": "data", "batch_size": 8, **data}
    train = {"epochs": 40, "monitor": "loss", "loss": "CrossEntropyLoss", "metrics": ["accuracy"], "optimizer": {"type": "Adam", "lr": 0.05}}  # fmt: skip
    return trained(spec(section, layers, train, inputs={"x": ["N", 3, 8, 8]}))


def counts(trial: Trial) -> dict[str, int]:
    import json

    found = json.loads((trial.folder / "evaluation.json").read_text())["samples"]
    return {part: both[1] for part, both in found.items()}


def parts_are(wanted: dict[str, int], trial: Trial) -> str:
    if trial.parts is None:
        return trial.said
    return "" if counts(trial) == wanted else f"{counts(trial)}, not {wanted}"


THREE = {"train": 16, "validation": 16, "test": 16}
for _train, _val, _test in (
    ("TRAIN", "VAL", "TEST"), ("Train", "Valid", "Test"), ("training_set", "validation_set", "test_set"),
    ("train_images", "val_images", "test_images"), ("seg_train", "seg_val", "seg_test"), ("train2017", "val2017", "test2017"),
    ("images-train", "images-dev", "images-test"), ("Training", "Validation", "Testing"), ("01_train", "02_val", "03_test"),
):  # fmt: skip

    def _named(names: tuple[str, str, str] = (_train, _val, _test)) -> str:
        for name in names:
            folder({f"{name}/cat": 20, f"{name}/dog": 200})
        trial = of_folder()
        return first(parts_are(THREE, trial), near(trial.figure("accuracy", "test"), 1.0) if trial.parts else "")

    FOLDERS.add(f"parts {_train}, {_val}, {_test}", _named)


@FOLDERS
def one_name_in_two_cases() -> str:
    for name in ("train", "Train", "test"):
        folder({f"{name}/cat": 20, f"{name}/dog": 200})
    return says(of_folder(), "more than one train", refused=True)


@FOLDERS
def classes_that_are_called_like_parts() -> str:
    """train and test hold the images themselves: whether they are parts or what is told apart is not guessed."""
    folder({"train": 20, "test": 200})
    return says(of_folder(), "test", "train", "folder a class", refused=True)


@FOLDERS
def a_class_that_the_test_part_alone_has() -> str:
    folder({"train/cat": 20, "train/dog": 200, "test/cat": 20, "test/dog": 200, "test/cow": 100})
    return says(of_folder(), '"cow"', refused=True)


@FOLDERS
def a_class_in_other_letters_in_the_test_part() -> str:
    folder({"train/cat": 20, "train/dog": 200, "test/Cat": 20, "test/dog": 200})
    return says(of_folder(), '"Cat"', refused=True)


@FOLDERS
def an_empty_class() -> str:
    folder({"cat": 20, "dog": 200})
    os.makedirs("data/cow")
    return says(of_folder(), "cow", "no images", refused=True)


@FOLDERS
def pictures_deeper_down() -> str:
    folder({"train/cat": 20, "train/dog": 200, "test/cat": 20, "test/dog": 200}, nested="2021/may")
    trial = of_folder(validation=0.0)
    return parts_are({"train": 16, "test": 16}, trial)


@FOLDERS
def endings_in_capitals_are_read() -> str:
    folder({"cat": 20, "dog": 200}, suffix=".PNG")
    folder({"cat": 20, "dog": 200}, suffix=".JPEG")
    trial = of_folder(validation=0.0, test=0.0)
    return parts_are({"train": 32}, trial)


def _left_out(*suffixes: str) -> str:
    folder({"cat": 20, "dog": 200})
    for k, suffix in enumerate(suffixes):
        Path("data/cat", f"odd{k}{suffix}").write_bytes(b"not read")
    trial = of_folder(validation=0.0, test=0.0)
    return first(
        parts_are({"train": 16}, trial), says(trial, str(len(suffixes)), *{s or "no ending" for s in suffixes})
    )


FOLDERS.add("heic and avif are left out by their names", lambda: _left_out(".heic", ".heic", ".avif"))
FOLDERS.add("a file without an ending is left out with a word", lambda: _left_out(""))
FOLDERS.add("raw photos and notes are left out by their names", lambda: _left_out(".CR2", ".NEF", ".txt", ".xml"))
FOLDERS.add("a .svg is left out with a word", lambda: _left_out(".svg"))


@FOLDERS
def a_file_that_is_cut_off() -> str:
    folder({"cat": 20, "dog": 200}, suffix=".jpg")
    path = Path("data/cat/3.jpg")
    path.write_bytes(path.read_bytes()[:200])
    return says(of_folder(), "cat/3.jpg", refused=True)


@FOLDERS
def an_empty_file() -> str:
    folder({"cat": 20, "dog": 200})
    Path("data/dog/0.png").write_bytes(b"")
    return says(of_folder(), "dog/0.png", refused=True)


@FOLDERS
def a_jpeg_that_is_called_png() -> str:
    folder({"cat": 20, "dog": 200})
    Image.fromarray(np.full((8, 8, 3), 25, np.uint8)).save("data/cat/0.png", format="JPEG")
    return parts_are({"train": 16}, of_folder(validation=0.0, test=0.0))


@FOLDERS
def pictures_of_several_sizes() -> str:
    folder({"cat": 20, "dog": 200})
    Image.new("RGB", (9, 8)).save("data/cat/0.png")
    return says(of_folder(), "Resize", refused=True)


def _mode(mode: str, suffix: str) -> str:
    """Dark and bright pictures of another mode are told apart by a network that learned from ordinary ones."""
    folder({"train/dark": 20, "train/bright": 220})
    for name, grey in (("dark", 20), ("bright", 220)):
        os.makedirs(f"data/test/{name}")
        for k in range(4):
            made: Any = Image.fromarray(np.full((8, 8), grey + k, np.uint8))
            made = (
                Image.fromarray(np.full((8, 8), (grey + k) * 257, np.uint16)) if mode == "I;16" else made.convert(mode)
            )
            made.save(f"data/test/{name}/{k}{suffix}")
    trial = of_folder(validation=0.0)
    return trial.said if trial.parts is None else near(trial.figure("accuracy", "test"), 1.0)


for _kind, _suffix in (("L", ".png"), ("P", ".gif"), ("P", ".png"), ("RGBA", ".png"), ("LA", ".png"), ("CMYK", ".jpg"),
                       ("CMYK", ".tif"), ("I;16", ".png"), ("I;16", ".tif"), ("RGB", ".webp"), ("RGB", ".bmp"), ("L", ".pgm"),
                       ("YCbCr", ".jpg")):  # fmt: skip
    FOLDERS.add(f"mode {_kind} as {_suffix}", lambda mode=_kind, suffix=_suffix: _mode(mode, suffix))


def _turned(tag: int, suffix: str) -> str:
    """Above bright or below bright; the test part's photos are stored turned by their tag."""
    stored = {2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.swapaxes(0, 1),
              6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}  # fmt: skip
    for part, turn in (("train", None), ("test", tag)):
        for name in ("above", "below"):
            os.makedirs(f"data/{part}/{name}")
            for k in range(8):
                picture = np.full((8, 8, 3), 20 + k, np.uint8)
                picture[: 4 if name == "above" else 8, :] = 20 + k
                picture[slice(0, 4) if name == "above" else slice(4, 8)] = 220
                picture[:, :2] //= 2
                exif = Image.Exif()
                if turn:
                    exif[0x0112] = turn
                    picture = np.ascontiguousarray(stored[turn](picture))
                Image.fromarray(picture).save(f"data/{part}/{name}/{k}{suffix}", exif=exif.tobytes())
    trial = of_folder(validation=0.0)
    return trial.said if trial.parts is None else near(trial.figure("accuracy", "test"), 1.0)


for _tag in range(2, 9):
    FOLDERS.add(f"a photo turned by tag {_tag}", lambda tag=_tag: _turned(tag, ".jpg"))
FOLDERS.add("a .png turned by its tag", lambda: _turned(3, ".png"))
FOLDERS.add("a .webp turned by its tag", lambda: _turned(3, ".webp"))
FOLDERS.add("a .tif turned by its tag", lambda: _turned(3, ".tif"))
