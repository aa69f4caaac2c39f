"""A data set ready for training: parts, transforms and class names; the test part stays sealed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from graphspec.data.augment import Augmentation, Mix, augmentations, check_augmentations, mixings
from graphspec.data.augment.follow import Kind, check_followers, image_targets, resized, say_what_stays
from graphspec.data.batches import Batches
from graphspec.data.checks import check_samples, say_if_not_in_range
from graphspec.data.copied import copied, corruptions, is_copied, without_targets
from graphspec.data.dtypes import Settled
from graphspec.data.files import files_of
from graphspec.data.formed_parts import formed_parts
from graphspec.data.parts import parts_of
from graphspec.data.place import DataLike, DataPlace
from graphspec.data.samples import Samples
from graphspec.data.sources import read
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.paths import check_inside
from graphspec.data.sources.series_windows import Series
from graphspec.data.sources.source import Place, Source
from graphspec.data.streamed import OnDisk
from graphspec.data.text.encoding import TextEncoding
from graphspec.data.transforms import Normalize, SizeTransforms, noted, size_transforms, transforms_by_input
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import fail, printable
from graphspec.spec.data import DataSpec, GroupSplit, WeightedSampler
from graphspec.spec.model import InputSpec
from graphspec.system.shown import Shown

Part = Literal["train", "validation", "test"]
#: Masks on disk that are in memory at once while classes are counted.
_COUNTED = 64


class SealedPart:
    """The test part. Nothing reads it before :meth:`open`, which only evaluation calls."""

    def __init__(self, read_samples: Callable[[], Samples] | None) -> None:
        self._read = read_samples
        self._samples: Samples | None = None

    @property
    def exists(self) -> bool:
        """Whether the data set has a test part at all."""
        return self._read is not None

    @property
    def opened(self) -> bool:
        """Whether the samples have been read."""
        return self._samples is not None

    def open(self) -> Samples:
        """The samples, read now if they were not. Raises ``GraphspecError`` where there is no test part."""
        if self._read is None:
            raise fail("no-data", "there is no test part", at=("data", "test"), hint="set test to a fraction above 0")
        if self._samples is None:
            self._samples = self._read()
        return self._samples


@dataclasses.dataclass(frozen=True, repr=False)
class DataSet(Shown):
    """What :func:`graphspec.data.load` gives. ``validation`` is empty (None) where the spec splits none off."""

    name: str
    train: Samples
    validation: Samples | None
    test: SealedPart
    labels: Mapping[str, tuple[str, ...]]
    sizes: SizeTransforms
    values: Mapping[str, tuple[Normalize, ...]]
    augment: tuple[Augmentation, ...]
    mix: tuple[Mix, ...]
    batch_size: int
    drop_last: bool
    seed: int
    image_targets: Mapping[str, Kind] = dataclasses.field(default_factory=dict)
    columns: Columns | None = None
    copied: str | None = None
    corrupt: tuple[Augmentation, ...] = ()
    applied: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    vocabulary: Mapping[str, int] = dataclasses.field(default_factory=dict)
    text: TextEncoding | None = None
    balanced: torch.Tensor | None = None
    series: Series | None = None
    weights: torch.Tensor | None = None
    first_rows: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    lies_at: tuple[Path, ...] = ()
    root: Path = Path()

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes of the first target that has them; None where every target is regressed."""
        return next(iter(self.labels.values()), None)

    @property
    def transforms(self) -> list[dict[str, Any]]:
        """Every transform with its numbers, as a spec would write it; of several inputs, ``input`` says which."""
        return self.sizes.as_dicts() + noted(self.values)

    def class_counts(self, target: str, samples: Samples | None = None) -> torch.Tensor:
        """How often each class of `target` occurs in `samples`, else in the training part; labels outside the classes
        are ignored ones.
        """
        stored, classes = (samples or self.train).targets[target], len(self.labels[target])
        counts = torch.zeros(classes, dtype=torch.int64)
        pieces = stored.stream(torch.arange(len(stored)).split(_COUNTED)) if isinstance(stored, OnDisk) else (stored,)
        for labels in pieces:
            counts += torch.bincount(labels[(labels >= 0) & (labels < classes)].cpu(), minlength=classes)
        return counts

    def samples(self, part: Part) -> Samples:
        """The samples of one part. Asking for ``"test"`` opens it."""
        if part == "test":
            return self.test.open()
        found = self.train if part == "train" else self.validation
        if found is None:
            raise fail(
                "no-data", f"there is no {part} part", at=("data", part), hint="set validation to a fraction above 0"
            )
        return found

    def batches(self, part: Part, device: torch.device | None = None) -> Batches:
        """One part in batches, its samples on `device`; only ``"train"`` is augmented."""
        samples = self.samples(part) if device is None else self.samples(part).to(device)
        training = part == "train"
        augment, drop_last, mix = (self.augment, self.drop_last, self.mix) if training else ((), False, ())
        return Batches(
            samples, self.batch_size, self.values, augment, self.seed, drop_last, mix, self.image_targets, self.copied,
            self.corrupt, self.balanced if training else None, self.weights if training else None,
        )  # fmt: skip

    def batch(self, count: int, part: Part = "validation") -> Samples:
        """The first `count` samples of a part as a network sees them: floats, transformed, not augmented."""
        return self.batches(part).first(count)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A sha256 over the training and validation samples: two loads with equal fingerprints train alike."""
        parts = [self.train.fingerprint(), self.validation.fingerprint() if self.validation else ""]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    @functools.cached_property
    def noted(self) -> dict[str, Any]:
        """By what the data can be known again: ``fingerprint``, and ``files`` where they lie in some."""
        files = files_of(self.lies_at, self.root)
        return {"dataset": self.name, "fingerprint": self.fingerprint} | ({"files": files} if files else {})


def load(
    spec: DataSpec,
    place: DataLike = None,
    *,
    seed: int = 0,
    inputs: Mapping[str, InputSpec] | None = None,
    wanted: Wanted | None = None,
) -> DataSet:
    """Read the data set that ``[data]`` names, and split it.

    `place` says where it lies; ``[data] root``, which it may replace, must stay inside the working directory. `seed`
    decides the splits and the order of batches; `inputs` are the network's, by name (floats where they are not known);
    `wanted` is what the losses want of the targets, where they are known. Raises ``GraphspecError`` for whatever is
    missing or wrong; the test part is checked when it is opened.
    """
    inputs, copies = inputs or {}, is_copied(spec.dataset)
    wanted = dataclasses.replace(wanted or Wanted(), input=copies)
    sizes, dtypes = size_transforms(spec.transforms), {name: each.dtype for name, each in inputs.items()}
    place = _place(spec, DataPlace.of(place), seed, inputs, wanted)
    source = _source(spec, place, sizes, copies)
    augment, corrupt = augmentations(spec.augment), corruptions(spec.corrupt)
    applied = wanted.applied(source.train, source.names)
    mix = mixings(spec.augment, source, applied)
    if source.learn is None:
        check_samples(source.train, source.labels, "training", wanted.ignored)
    say_if_not_in_range(source.train)
    parts = parts_of(source, spec, seed, wanted.ignored)
    source = dataclasses.replace(source, train=parts.train)  # what was split is not kept beside its parts
    formed = formed_parts(source, parts, spec.tokenizer, wanted.ignored, dtypes)
    training, validation, test = formed.parts.train, formed.parts.validation, formed.parts.test
    kinds = _checked(spec, augment, corrupt, training, source.labels)
    values = transforms_by_input(spec.transforms, len(sizes.steps), training.inputs, dtypes)
    settled = Settled(values, dtypes, formed.columns)
    return DataSet(
        spec.dataset.type, settled(training, "training"), validation and settled(validation, "validation"),
        SealedPart(test and (lambda: settled(test(), "test"))), _readable(formed.labels), sizes, values, augment, mix,
        spec.batch_size, spec.drop_last, seed, kinds, formed.columns,
        next(iter(source.train.targets)) if copies else None, corrupt, applied,
        formed.vocabulary, formed.text, _classes(spec, training, formed.labels), source.series,
        parts.weights, formed.first_rows, source.lies_at, place.root,
    )  # fmt: skip


def _place(spec: DataSpec, where: DataPlace, seed: int, inputs: Mapping[str, InputSpec], wanted: Wanted) -> Place:
    """Where the source may look: where the user says, else at ``[data] root``, which stays in the working directory."""
    if where.root is None:
        check_inside(spec.root, ("data", "root"))
    root = Path(spec.root) if where.root is None else where.root
    group = spec.split.group if isinstance(spec.split, GroupSplit) else None
    weights = spec.sampler.weights if isinstance(spec.sampler, WeightedSampler) else None
    return Place(root, where.download, seed, where.cache, wanted, where.given, inputs, group, weights)


def _source(spec: DataSpec, place: Place, sizes: SizeTransforms, copies: bool) -> Source:
    """What `spec` names, its images at their size; with ``targets = "input"`` each input is a target too."""
    source = read(without_targets(spec.dataset) if copies else spec.dataset, place, sizes)
    source = source if source.sized else _resized(source, sizes)
    return copied(source) if copies else source


def _checked(
    spec: DataSpec,
    augment: Sequence[Augmentation],
    corrupt: Sequence[Augmentation],
    training: Samples,
    labels: Mapping[str, tuple[str, ...]],
) -> dict[str, Kind]:
    """The targets that move with their images; what no target can follow, and what no image can take, is refused."""
    changed = spec.augment or spec.corrupt
    images = [image[:2] for image in training.inputs.values() if image.ndim == 4] if changed else []
    kinds = image_targets(training) if spec.augment else {}
    if spec.augment:
        check_followers(spec.augment, training, kinds)
        check_augmentations(augment, spec.augment, images)
    say_what_stays(spec.augment, spec.transforms, training, labels)
    if spec.corrupt:
        check_augmentations(corrupt, spec.corrupt, images, "corrupt")
    return kinds


def _classes(spec: DataSpec, training: Samples, labels: Mapping[str, tuple[str, ...]]) -> torch.Tensor | None:
    """The classes by which ``sampler = "balanced"`` draws: those of the first target that has one a sample."""
    if spec.sampler != "balanced":
        return None
    found = next((training.targets[name] for name in labels if training.targets[name].ndim == 1), None)
    if found is None:
        message = "a balanced sampler draws by the class of a sample, and no target has one a sample"
        raise fail("bad-value", message, at=("data", "sampler"), hint="remove sampler")
    return found.to(torch.int64).cpu()


def _readable(labels: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The names of classes as they are shown everywhere: control characters, and what is no UTF-8, escaped."""
    return {target: tuple(map(printable, names)) for target, names in labels.items()}


def _resized(source: Source, sizes: SizeTransforms) -> Source:
    """`source` with its images brought to size; tables have no sizes to bring them to."""
    if not sizes.steps:
        return source
    test = source.test
    opened = None if test is None else lambda: resized(test(), sizes)
    return dataclasses.replace(source, train=resized(source.train, sizes), test=opened, sized=True)
