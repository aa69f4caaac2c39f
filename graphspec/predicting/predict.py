"""From samples to predictions: transformed as in training, run, and read as the loss reads them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from graphspec.data.binding import bind
from graphspec.data.learned import Learned
from graphspec.data.place import DataPlace
from graphspec.data.sources.parts import is_image
from graphspec.data.sources.tables import TABLES
from graphspec.data.sources.torchvision_sets import STORED
from graphspec.data.transforms import scaled, size_transforms, to_float, value_transforms
from graphspec.diagnostics import fail, quoted
from graphspec.losses import Reading
from graphspec.predicting.files import TABLES as FILES
from graphspec.predicting.files import read_samples
from graphspec.predicting.function import Function
from graphspec.predicting.pictures import say_if_unlike, say_what_was_done
from graphspec.shapes import ShapedGraph, TensorType
from graphspec.shapes.producer import producers
from graphspec.spec.base import Component
from graphspec.training import load_data


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """One sample: where it comes from, the outputs by name and, for a classifier, the class and its probability.

    ``probability`` is None where the loss gives the outputs no such meaning, ``target`` where it is not known.
    """

    sample: str
    outputs: dict[str, Any]
    label: str | None = None
    probability: float | None = None
    target: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return dataclasses.asdict(self)


def predict(
    function: Function, files: Sequence[Path] = (), *, count: int = 8, place: DataPlace = DataPlace()
) -> list[Prediction]:
    """Predict `files` or, without any, the first `count` samples of the test part, whose target is known.

    Where the data are read, the names of the classes come from there.
    """
    shaped = function.network.shaped
    if files:
        learned = functools.cache(lambda: function.learned or Learned.of(load_data(shaped.spec, place)))
        return [prediction for path in files for prediction in _of_file(function, path, learned)]
    data = load_data(shaped.spec, place)
    binding = bind(shaped, data)
    batch = data.batch(count, "test")
    target = binding.targets.get(next(iter(shaped.outputs)))
    targets = [None] * len(batch) if target is None else batch.targets[target].tolist()
    classes = data.labels.get(target) if target else None
    targets = [each if classes is None or each is None else _name(classes, each) for each in targets]
    names = [f"test {number}" for number in range(len(batch))]
    return list(_predictions(shaped, function.run(binding.inputs_of(batch)), names, classes, targets))


def _of_file(function: Function, path: Path, learned: Callable[[], Learned]) -> Iterator[Prediction]:
    shaped = function.network.shaped
    if len(shaped.inputs) != 1:
        raise fail("arity", f"the network has {len(shaped.inputs)} inputs, a file is for one")
    ((name, kind),) = shaped.inputs.items()
    spec = shaped.spec.data
    components = spec.transforms if spec else ()
    grey = kind.shape[1:2] == (1,) and not any(component.type == "Grayscale" for component in components)
    tables = spec is not None and spec.dataset.type in TABLES and path.suffix.lower() in FILES
    samples = read_samples(path, kind, not grey, learned().columns if tables else None)
    values = _transformed(samples, components, learned)
    _check_shape(path, values, quoted(name), kind)
    if samples.ndim == 4 and is_image(path.name):
        say_what_was_done(path, samples, values, grey)
        of_files = spec is None or spec.dataset.type in ("ImageFolder", *STORED)  # to look at them takes too long
        brightness = None if of_files and function.learned is None else learned().brightness
        if brightness is not None:
            say_if_unlike(path, to_float(size_transforms(components)(samples)), brightness)
    _check_whole(path, values, name, kind)
    names = [str(path)] if len(values) == 1 else [f"{path}:{row}" for row in range(1, len(values) + 1)]
    outputs = function.run([values.to(kind.dtype)])
    yield from _predictions(shaped, outputs, names, function.labels, [None] * len(values))


def _transformed(samples: Tensor, components: Sequence[Component], learned: Callable[[], Learned]) -> Tensor:
    """`samples` with ``[data] transforms`` applied; numbers that come from the data are those that were learned."""
    sizes = size_transforms(components)
    if samples.ndim == 4:
        sizes.check(tuple(samples.shape[1:]))
    values = sizes(samples) if samples.ndim == 4 else samples
    if any(component.type == "StandardScaler" for component in components):
        (steps,) = learned().values.values()
        channels = values.shape[1] if values.ndim > 1 else 1
        if any(len(step.mean) not in (1, channels) for step in steps):
            wanted = max(len(step.mean) for step in steps)
            raise fail("shape-mismatch", f"a sample has {channels} features, the training part has {wanted}")
        return scaled(values.clone(), steps)
    return scaled(values.clone(), value_transforms(components, len(sizes.steps), to_float(values)))


def _check_whole(path: Path, values: Tensor, name: str, kind: TensorType) -> None:
    if kind.dtype.is_floating_point or not values.is_floating_point():
        return
    wrong = (values != values.floor()).nonzero()
    if len(wrong):
        row, dtype = int(wrong[0, 0]) + 1, str(kind.dtype).removeprefix("torch.")
        number = float(values[tuple(wrong[0])])
        message = f"row {row} of {quoted(path)} holds {number:g}, and the input {quoted(name)} takes {dtype}"
        raise fail("wrong-dtype", message)


def _check_shape(path: Path, values: Tensor, name: str, kind: TensorType) -> None:
    given, wanted = tuple(values.shape[1:]), kind.shape[1:]
    fits = len(given) == len(wanted) and all(
        not isinstance(size, int) or size == found for size, found in zip(wanted, given, strict=True)
    )
    if fits:
        return
    found, asked = (" × ".join(map(str, sizes)) for sizes in (given, wanted))
    hint = ""
    if len(given) == len(wanted) == 3 and all(isinstance(size, int) for size in wanted[1:]):
        height, width = wanted[1:]
        hint = f"bring it to that size first, as Pillow's resize(({width}, {height})) does, or train with a Resize"
    raise fail("shape-mismatch", f"a sample of {quoted(path)} is {found}, the input {name} takes {asked}", hint=hint)


def _predictions(
    shaped: ShapedGraph,
    outputs: dict[str, Tensor],
    names: Sequence[str],
    labels: Sequence[str] | None,
    targets: Sequence[Any],
) -> Iterator[Prediction]:
    rows = {name: output.tolist() for name, output in outputs.items()}
    (name, only), *others = outputs.items()
    loss = shaped.spec.train.loss_of(name) if shaped.spec.train else None
    if labels is None or others or only.ndim != 2 or loss is None:
        for row, sample in enumerate(names):
            yield Prediction(sample, {name: values[row] for name, values in rows.items()}, target=targets[row])
        return
    reading = Reading.of(loss.type, loss.args, len(labels), producers(shaped).get(name))
    chosen = reading.predicted(only)
    sure = reading.sure(only, chosen)
    for row, sample in enumerate(names):
        given = {name: values[row] for name, values in rows.items()}
        yield Prediction(sample, given, _name(labels, int(chosen[row])), sure[row], targets[row])


def _name(labels: Sequence[str], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else str(index)
