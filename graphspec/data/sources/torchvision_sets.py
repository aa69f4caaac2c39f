"""torchvision's labelled image sets, read by torchvision's classes: arrays as they are, image files decoded once."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import pickle
import urllib.error
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data.decoded import images
from graphspec.data.rows import read_rows
from graphspec.data.samples import Samples
from graphspec.data.sources import idx
from graphspec.data.sources.source import Place, Source
from graphspec.data.transforms import SizeTransforms
from graphspec.diagnostics import GraphspecError, fail

#: What torchvision's readers raise on files that are missing or not what they should be.
_DAMAGE = (AssertionError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError)
#: Constructor arguments that graphspec gives, or that only a program could.
_NOT_OF_THE_SPEC = frozenset(
    "self root transform target_transform transforms download loader target_type target_types kwargs".split()
)
_AT = ("data", "dataset")


@dataclasses.dataclass(frozen=True, slots=True)
class VisionSet:
    """How a torchvision class is asked for its two parts.

    ``test`` is None where the set has one part, of which the test part is split off. ``arrays`` is whether all images
    are in one array, ``data``, with their labels in ``targets`` or ``labels``.
    """

    train: Mapping[str, Any]
    test: Mapping[str, Any] | None
    arrays: bool = False


def _split(train: str = "train", test: str = "test", name: str = "split", arrays: bool = False) -> VisionSet:
    return VisionSet({name: train}, {name: test}, arrays)


_FLAG = VisionSet({"train": True}, {"train": False}, arrays=True)
_WHOLE = VisionSet({}, None)
#: torchvision's class → its parts.
VISION_SETS = {
    **dict.fromkeys("MNIST FashionMNIST KMNIST QMNIST EMNIST USPS CIFAR10 CIFAR100".split(), _FLAG),
    **dict.fromkeys("SVHN STL10".split(), _split(arrays=True)),
    "SEMEION": VisionSet({}, None, arrays=True),
    **dict.fromkeys("Flowers102 Food101 DTD StanfordCars GTSRB Country211 FER2013 PCAM RenderedSST2".split(), _split()),
    **dict.fromkeys("OxfordIIITPet FGVCAircraft".split(), _split("trainval")),
    **dict.fromkeys("ImageNet Imagenette CLEVRClassification".split(), _split(test="val")),
    "Places365": _split("train-standard", "val"),
    "INaturalist": _split("2021_train", "2021_valid", name="version"),
    **dict.fromkeys("EuroSAT SUN397 Caltech101 Caltech256".split(), _WHOLE),
}


#: Those that lie in image files, which take their time to be read.
STORED = tuple(name for name, asked in VISION_SETS.items() if not asked.arrays)


class VisionSource:
    """A source with the arguments of torchvision's class `name` that graphspec does not give."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, VISION_SETS[name]
        self.__doc__ = f"torchvision's {name}."

    @property
    def __signature__(self) -> inspect.Signature:
        """Read when it is asked for, as torchvision takes its time to import; of :mod:`idx` sets nothing is free."""
        given = [inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD) for key in ("place", "resize")]
        if self.name in idx.CLASSES:
            return inspect.Signature(given)
        free = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for key, parameter in inspect.signature(_class(self.name)).parameters.items()
            if key not in _NOT_OF_THE_SPEC and key not in self.asked.train and not key.startswith("_")
        ]
        return inspect.Signature([*given, *free])

    def __call__(self, place: Place, resize: SizeTransforms, **arguments: Any) -> Source:
        asked = self.asked

        def part(arguments_of_part: Mapping[str, Any]) -> tuple[Any, Samples]:
            dataset = open_set(self.name, {**arguments_of_part, **arguments}, place)
            return dataset, _samples(dataset, self.name, asked, place, resize)

        dataset, training = part(asked.train)
        other = asked.test
        test = None if other is None else lambda: part(other)[1]
        labels = {"label": _names(dataset, training.targets["label"])}
        return Source(training, test, labels, sized=not asked.arrays, lies_at=(folder_of(dataset, place.root),))


def _class(name: str) -> Any:
    from torchvision import datasets

    return {known: getattr(datasets, known) for known in (*VISION_SETS, "VOCSegmentation")}[name]


def open_set(name: str, arguments: Mapping[str, Any], place: Place) -> Any:
    """torchvision's data set; one that would open image files gives their paths instead."""
    try:
        if name in idx.CLASSES and (found := idx.read(name, place.root, arguments["train"])):
            return found
        cls = _class(name)
        known = inspect.signature(cls).parameters
        own: dict[str, Any] = {"loader": str} if "loader" in known or name == "ImageNet" else {}
        if "download" in known or name in ("EMNIST", "QMNIST"):
            own["download"] = place.download
        with contextlib.redirect_stdout(open(os.devnull, "w")):  # torchvision prints; stdout belongs to --json
            return cls(root=str(place.root), **own, **arguments)
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise fail(
            "download", f"{name} could not be downloaded: {error}", at=_AT,
            hint=f"put its files under {place.root} yourself",
        ) from error  # fmt: skip
    except ModuleNotFoundError as error:
        raise fail("no-data", f"{name} needs {error.name}", at=_AT, hint=f"pip install {error.name}") from error
    except _DAMAGE as error:
        raise _missing(name, place, error) from error


def folder_of(dataset: Any, root: Path) -> Path:
    """Where the files of torchvision's `dataset` lie; `root` where it says no more."""
    for name in ("raw_folder", "voc_root", "_base_folder", "base_folder"):
        value = getattr(dataset, name, None)
        places = (root / value, Path(value)) if isinstance(value, str | Path) else ()
        if found := next((place for place in places if place.is_dir()), None):
            return found
    return root


def _missing(name: str, place: Place, error: Exception) -> GraphspecError:
    if place.download:
        return fail("download", f"{name} could not be downloaded: {error}", at=_AT)
    text = str(error)
    absent = isinstance(error, FileNotFoundError) or any(
        words in text.lower() for words in ("not found", "not present", "no such file", "does not exist")
    )
    message = f"no {name} under {place.root}" if absent else f"{name} under {place.root} is damaged: {text}"
    hint = "--download fetches it, --data DIR names another folder"
    return fail("no-data" if absent else "bad-data", message, at=_AT, hint=hint)


def _samples(dataset: Any, name: str, asked: VisionSet, place: Place, resize: SizeTransforms) -> Samples:
    if asked.arrays:
        return Samples({"image": _array(dataset)}, {"label": _labels(dataset)})
    if len(dataset) and isinstance(dataset[0][0], str):
        paths, labels = zip(*(dataset[row] for row in range(len(dataset))), strict=True)
        decoded = images(paths, resize, place.cache)
        return Samples({"image": decoded}, {"label": torch.tensor(labels, dtype=torch.int64)})
    found = read_rows(dataset, name, resize)
    return Samples({"image": found.inputs["input"]}, {"label": found.targets["target"]})


def _array(dataset: Any) -> Tensor:
    """All images as ``N × C × H × W`` uint8; CIFAR holds them ``N × H × W × C``."""
    found = torch.as_tensor(dataset.data)
    if found.ndim == 3:
        found = found.unsqueeze(1)
    elif found.shape[-1] == 3 and found.shape[1] != 3:
        found = found.permute(0, 3, 1, 2)
    return found.to(torch.uint8).contiguous()


def _labels(dataset: Any) -> Tensor:
    labels = torch.as_tensor(dataset.labels if hasattr(dataset, "labels") else dataset.targets)
    return (labels[:, 0] if labels.ndim == 2 else labels).to(torch.int64)  # QMNIST holds more than the label


def _names(dataset: Any, labels: Tensor) -> tuple[str, ...]:
    """The classes as torchvision names them, else the numbers up to the greatest label."""
    found: Sequence[Any] = getattr(dataset, "classes", None) or getattr(dataset, "categories", None) or ()
    if not found or isinstance(found, str):
        return tuple(map(str, range(int(labels.max()) + 1)))
    return tuple(name if isinstance(name, str) else str(name[0]) for name in found)  # ImageNet's are synonyms
