"""torchvision's labelled image sets that are arrays on disk, read by torchvision's own classes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pickle
import urllib.error
from collections.abc import Mapping
from typing import Any

import torch

from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.diagnostics import GraphspecError, fail


@dataclasses.dataclass(frozen=True, slots=True)
class ArraySet:
    """How to ask a torchvision class for its two parts, and where its labels are."""

    train: Mapping[str, Any]
    test: Mapping[str, Any]
    labels: str = "targets"


#: What torchvision's readers raise on files that are missing or not what they should be.
_DAMAGE = (AssertionError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError)
_TRAIN_FLAG = ArraySet({"train": True}, {"train": False})
#: torchvision's class → its parts. Every one holds all images as one array.
ARRAY_SETS = {
    "MNIST": _TRAIN_FLAG,
    "FashionMNIST": _TRAIN_FLAG,
    "KMNIST": _TRAIN_FLAG,
    "QMNIST": _TRAIN_FLAG,
    "USPS": _TRAIN_FLAG,
    "CIFAR10": _TRAIN_FLAG,
    "CIFAR100": _TRAIN_FLAG,
    "SVHN": ArraySet({"split": "train"}, {"split": "test"}, labels="labels"),
    "STL10": ArraySet({"split": "train"}, {"split": "test"}, labels="labels"),
}


def array_set(place: Place, name: str) -> Source:
    """The set called `name`, images as ``N × C × H × W`` uint8.

    The files lie under ``place.root`` as torchvision puts them there; without them, and without ``place.download``,
    the error says so.
    """
    asked = ARRAY_SETS[name]
    dataset = _open(name, asked.train, place)
    labels = _labels(dataset, asked)
    names = getattr(dataset, "classes", None) or sorted({str(label) for label in labels.tolist()}, key=int)
    return Source(
        Samples({"image": _images(dataset)}, {"label": labels}),
        test=lambda: _samples(_open(name, asked.test, place), asked),
        labels={"label": tuple(str(name) for name in names)},
    )


def _open(name: str, part: Mapping[str, Any], place: Place) -> Any:
    from torchvision import datasets

    classes = {known: getattr(datasets, known) for known in ARRAY_SETS}
    try:
        with contextlib.redirect_stdout(open(os.devnull, "w")):  # torchvision prints; stdout belongs to --json
            return classes[name](root=str(place.root), download=place.download, **part)
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise fail(
            "download", f"{name} could not be downloaded: {error}", at=("data", "dataset"),
            hint=f"put its files under {place.root} yourself",
        ) from error  # fmt: skip
    except _DAMAGE as error:
        raise _missing(name, place, error) from error


def _missing(name: str, place: Place, error: Exception) -> GraphspecError:
    if place.download:
        return fail("download", f"{name} could not be downloaded: {error}", at=("data", "dataset"))
    absent = "not found" in str(error).lower()
    message = f"no {name} under {place.root}" if absent else f"{name} under {place.root} is damaged: {error}"
    hint = "--download fetches it, --data DIR names another folder"
    return fail("no-data" if absent else "bad-data", message, at=("data", "dataset"), hint=hint)


def _samples(dataset: Any, asked: ArraySet) -> Samples:
    return Samples({"image": _images(dataset)}, {"label": _labels(dataset, asked)})


def _images(dataset: Any) -> torch.Tensor:
    """All images as ``N × C × H × W`` uint8; CIFAR holds them ``N × H × W × C``."""
    images = torch.as_tensor(dataset.data)
    if images.ndim == 3:
        images = images.unsqueeze(1)
    elif images.shape[-1] == 3 and images.shape[1] != 3:
        images = images.permute(0, 3, 1, 2)
    return images.to(torch.uint8).contiguous()


def _labels(dataset: Any, asked: ArraySet) -> torch.Tensor:
    values = dataset.labels if asked.labels == "labels" else dataset.targets
    labels = torch.as_tensor(values)
    return (labels[:, 0] if labels.ndim == 2 else labels).to(torch.int64)  # QMNIST holds more than the label
