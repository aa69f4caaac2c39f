"""From samples to predictions: transformed as in training, run, and read as the loss reads them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor

from graphspec.data.binding import bind
from graphspec.data.learned import Learned
from graphspec.data.place import DataPlace
from graphspec.data.samples import Samples
from graphspec.data.sources.builtin import OF_IMAGE_FILES
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.parts import is_image
from graphspec.data.sources.series import latest
from graphspec.data.sources.series_windows import PAST
from graphspec.data.sources.tables import TABLES
from graphspec.data.sources.torchvision_sets import STORED
from graphspec.data.text.encoding import TextEncoding
from graphspec.data.transforms import scaled, size_transforms, to_float, value_transforms
from graphspec.diagnostics import fail, quoted
from graphspec.output_reading import Reading
from graphspec.predicting.arrays import Arrays, are_paths, arrays_of
from graphspec.predicting.files import TABLES as FILES
from graphspec.predicting.files import TEXT, read_samples, read_table, read_text
from graphspec.predicting.function import Function
from graphspec.predicting.pictures import say_if_unlike, say_what_was_done
from graphspec.predicting.texts import Sampling, continued, inputs_of
from graphspec.sequences import cut, lengths_of, spelled
from graphspec.shapes import ShapedGraph, TensorType
from graphspec.shapes.dims import admits
from graphspec.shapes.producer import reading_of
from graphspec.spec.base import Component
from graphspec.training import load_data


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """One sample: where it comes from, the outputs by name and, for a classifier, the class and its probability.

    ``probability`` is None where the loss gives the outputs no such meaning, ``target`` where it is not known. Where
    there is a class at each of several positions, ``classes`` are their numbers (``H × W`` of a mask), and ``label``
    says how large a share each class has. Where several labels may apply, ``labels`` has the probability of each, and
    ``label`` lists those that do.
    """

    sample: str
    outputs: dict[str, Any]
    label: str | None = None
    probability: float | None = None
    target: Any = None
    classes: Any = None
    labels: dict[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return dataclasses.asdict(self)


class Drawing(TypedDict, total=False):
    """How many, ``count``, test samples (8), or tokens (200) behind a ``prompt``, which are drawn by ``seed``: the
    likeliest at ``temperature`` 0, as probable as the network has them at 1. A prompt may be one whose class is asked.
    """

    prompt: str | None
    count: int | None
    temperature: float
    seed: int


def predict(
    function: Function,
    files: Any = (),
    *,
    place: DataPlace = DataPlace(),
    **drawing: Unpack[Drawing],
) -> list[Prediction]:
    """Predict `files` (or arrays of samples, see :mod:`graphspec.predicting.arrays`), or what follows a prompt; without
    either, the first samples of the test part, whose target is known.

    Where the data are read, the names of the classes come from there.
    """
    prompt, count = drawing.get("prompt"), drawing.get("count")
    paths = are_paths(files)
    if prompt is not None and (not paths or files):
        raise fail("bad-value", "a prompt or files, not both", hint="leave one of them out")
    if prompt is not None:
        return _of_prompt(
            function,
            prompt,
            Sampling(200 if count is None else count, drawing.get("temperature", 1.0), drawing.get("seed", 0)),
        )
    shaped = function.network.shaped
    if not paths or files:
        learned = functools.cache(lambda: function.learned or Learned.of(load_data(shaped.spec, place)))
        if not paths:
            return list(_of_arrays(function, arrays_of(files, shaped), learned))
        return [prediction for path in files for prediction in _of_file(function, path, learned)]
    data = load_data(shaped.spec, place)
    binding = bind(shaped, data)
    batch = data.batch(8 if count is None else count, "test")
    target = binding.targets.get(next(iter(shaped.outputs)))
    targets = [None] * len(batch) if target is None else batch.targets[target].tolist()
    classes = data.labels.get(target) if target else None
    if classes is not None and target is not None and batch.targets[target].ndim > 1:
        reading = reading_of(shaped, next(iter(shaped.outputs)), len(classes))
        if reading is not None and reading.blank is not None:
            targets = _spelled(batch.targets[target], reading.blank, classes)
        else:
            targets = list(map(_at_positions(function.learned or Learned.of(data), classes), targets))
    targets = [each if classes is None or not isinstance(each, int) else _name(classes, each) for each in targets]
    names = [f"test {number}" for number in range(len(batch))]
    outputs = function.run(binding.inputs_of(batch))
    return list(predictions(shaped, outputs, names, classes, targets, function.learned or Learned.of(data)))


def _of_prompt(function: Function, prompt: str, sampling: Sampling) -> list[Prediction]:
    """How a running text goes on behind `prompt`, or the class of `prompt` where texts have classes.

    Raises ``GraphspecError`` where the network has not learned from texts.
    """
    text = function.learned.text if function.learned else None
    if text is None:
        raise fail("bad-value", "the network has not learned from texts", hint="leave --prompt out")
    if not text.running:
        return list(_of_texts(function, text, [prompt], [prompt]))
    return [Prediction(prompt, {}, continued(function, text, prompt, sampling))]


def _of_texts(
    function: Function, text: TextEncoding, texts: Sequence[str], names: Sequence[str]
) -> Iterator[Prediction]:
    yield from _run(function, names, inputs_of(function, text, texts, names[0]))


def _of_file(function: Function, path: Path, learned: Callable[[], Learned]) -> Iterator[Prediction]:
    if not path.exists():
        raise fail("no-such-file", f"there is no {quoted(path)}")
    shaped = function.network.shaped
    spec = shaped.spec.data
    text = function.learned.text if function.learned else None
    if text is not None and path.suffix.lower() == TEXT:
        yield from _of_texts(function, text, [read_text(path)], [str(path)])
        return
    if spec is not None and spec.dataset.type in TABLES and path.suffix.lower() in FILES and learned().columns:
        yield from _of_table(function, path, learned())
        return
    if spec is not None and spec.dataset.type in ("series", "seasons") and path.suffix.lower() == ".csv":
        yield from _of_series(function, path, learned())
        return
    if len(shaped.inputs) != 1:
        raise fail("arity", f"the network has {len(shaped.inputs)} inputs, a file is for one")
    ((name, kind),) = shaped.inputs.items()
    components = spec.transforms if spec else ()
    grey = kind.shape[1:2] == (1,) and not any(component.type == "Grayscale" for component in components)
    samples = read_samples(path, kind, not grey)
    values = _transformed(samples, components, learned)
    _check_shape(path, values, quoted(name), kind)
    if samples.ndim == 4 and is_image(path.name):
        say_what_was_done(path, samples, values, grey)
        of_files = spec is None or spec.dataset.type in (*OF_IMAGE_FILES, *STORED)  # to look at them takes too long
        brightness = None if of_files and function.learned is None else learned().brightness
        if brightness is not None:
            say_if_unlike(path, to_float(size_transforms(components)(samples)), brightness)
    _check_whole(path, values, name, kind)
    yield from _run(function, _rows(path, len(values)), [values.to(kind.dtype)])


def _of_arrays(function: Function, arrays: Arrays, learned: Callable[[], Learned]) -> Iterator[Prediction]:
    """Samples as the data set holds them, prepared as the training part was."""
    shaped = function.network.shaped
    components = shaped.spec.data.transforms if shaped.spec.data else ()
    values = []
    for name, kind in shaped.inputs.items():
        if len(arrays) == 1:
            value = _transformed(arrays[name], components, learned)
        else:
            raw = size_transforms(components)(arrays[name]) if arrays[name].ndim == 4 else arrays[name]
            value = scaled(raw.clone(), learned().values.get(name, ()))
        _check_shape("the array", value, quoted(name), kind)
        _check_whole("the array", value, name, kind)
        values.append(value.to(kind.dtype))
    yield from _run(function, [f"sample {row}" for row in range(len(values[0]))], values)


def _of_table(function: Function, path: Path, learned: Learned) -> Iterator[Prediction]:
    """The rows of a table, whose columns become the inputs as they did in training."""
    assert learned.columns is not None
    fields, inputs, values = read_table(path, learned.columns), function.network.shaped.inputs, []
    if learned.text is not None:
        fields = {**learned.text(Samples(fields, {}), quoted(path)).inputs}
    for name, kind in inputs.items():
        field = next(iter(fields)) if len(inputs) == len(fields) == 1 else name
        if field not in fields:
            known = ", ".join(map(quoted, fields))
            raise fail("field-mismatch", f"the input {quoted(name)} has no field in {quoted(path)}, which has {known}")
        value = scaled(fields[field].clone(), learned.values.get(field, ()))
        _check_shape(path, value, quoted(name), kind)
        _check_whole(path, value, name, kind)
        values.append(value.to(kind.dtype))
    yield from _run(function, _rows(path, len(values[0])), values)


def _of_series(function: Function, path: Path, learned: Learned) -> Iterator[Prediction]:
    """What comes after the last row of each series like those that were trained on."""
    series, ((name, kind),) = learned.series, function.network.shaped.inputs.items()
    assert series is not None
    called, windows = latest(series, read_csv(path, series.notation))
    past = scaled(windows, learned.values[PAST])
    _check_shape(path, past, quoted(name), kind)
    names = [f"{path}: {each}" for each in called] if series.group else [str(path)]
    yield from _run(function, names, [past.to(kind.dtype)])


def _run(function: Function, names: Sequence[str], values: Sequence[Tensor]) -> Iterator[Prediction]:
    """The predictions of samples as the network takes them, whose targets nobody knows."""
    outputs = function.run(values)
    labels, learned = function.labels, function.learned
    yield from predictions(function.network.shaped, outputs, names, labels, [None] * len(names), learned)


def _rows(path: Path, count: int) -> list[str]:
    """What the samples in `path` are called."""
    return [str(path)] if count == 1 else [f"{path}:{row}" for row in range(1, count + 1)]


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


def _check_whole(path: Path | str, values: Tensor, name: str, kind: TensorType) -> None:
    if kind.dtype.is_floating_point or not values.is_floating_point():
        return
    wrong = (values != values.floor()).nonzero()
    if len(wrong):
        row, dtype = int(wrong[0, 0]) + 1, str(kind.dtype).removeprefix("torch.")
        number = float(values[tuple(wrong[0])])
        message = f"row {row} of {_called(path)} holds {number:g}, and the input {quoted(name)} takes {dtype}"
        raise fail("wrong-dtype", message)


def _called(path: Path | str) -> str:
    """A file by its name, an array by what it is."""
    return path if isinstance(path, str) else quoted(path)


def _check_shape(path: Path | str, values: Tensor, name: str, kind: TensorType) -> None:
    given, wanted = tuple(values.shape[1:]), kind.shape[1:]
    if admits(wanted, given):
        return
    found, asked = (" × ".join(map(str, sizes)) for sizes in (given, wanted))
    hint = ""
    if len(given) == len(wanted) == 3 and all(isinstance(size, int) for size in wanted[1:]):
        height, width = wanted[1:]
        hint = f"bring it to that size first, as Pillow's resize(({width}, {height})) does, or train with a Resize"
    if len(given) == len(wanted) == 3 and given[2] == wanted[0] and isinstance(path, str):
        hint = "channels come first: x.transpose(0, 3, 1, 2)"
    raise fail("shape-mismatch", f"a sample of {_called(path)} is {found}, the input {name} takes {asked}", hint=hint)


def predictions(
    shaped: ShapedGraph,
    outputs: dict[str, Tensor],
    names: Sequence[str],
    labels: Sequence[str] | None,
    targets: Sequence[Any],
    learned: Learned | None,
) -> Iterator[Prediction]:
    """What the `outputs` of samples called `names` say, by the names of classes and what was learned."""
    rows = {name: output.tolist() for name, output in outputs.items()}
    (name, only), *others = outputs.items()
    reading = reading_of(shaped, name, None if labels is None else len(labels))
    if learned is not None and learned.applied and reading is not None and not others and only.ndim == 2:
        yield from _of_labels(outputs, dataclasses.replace(reading, classes=None), names, targets, learned)
        return
    if labels is None or others or only.ndim < 2 or reading is None or reading.classes is None:
        for row, sample in enumerate(names):
            yield Prediction(sample, {name: values[row] for name, values in rows.items()}, target=targets[row])
        return
    if reading.blank is not None and only.ndim > 2:
        for row, sequence in enumerate(reading.sequences(only)):
            values = {name: each[row] for name, each in rows.items()}
            yield Prediction(names[row], values, spelled(sequence, labels), target=targets[row])
        return
    chosen = reading.predicted(only)
    if only.ndim > 2:
        said = _at_positions(learned, labels)
        for row, sample in enumerate(names):
            given = {name: values[row] for name, values in rows.items()}
            numbers = chosen[row].tolist()
            yield Prediction(sample, given, said(numbers), target=targets[row], classes=numbers)
        return
    sure = reading.sure(only, chosen)
    for row, sample in enumerate(names):
        given = {name: values[row] for name, values in rows.items()}
        yield Prediction(sample, given, _name(labels, int(chosen[row])), sure[row], targets[row])


def _spelled(classes: Tensor, blank: int, labels: Sequence[str]) -> list[str]:
    """The true sequences, up to the blank or a number below 0, by the names of the classes."""
    return [spelled(row, labels) for row in cut(classes.to(torch.int64), lengths_of(classes, blank))]


def _of_labels(
    outputs: dict[str, Tensor], reading: Reading, names: Sequence[str], targets: Sequence[Any], learned: Learned
) -> Iterator[Prediction]:
    """Of labels of which several may apply: those that do, and the probability of each."""
    ((name, output),) = outputs.items()
    ((target, known),) = list(learned.applied.items())[:1]
    reading = dataclasses.replace(reading, labels=len(known), thresholds=learned.thresholds.get(target, ()))
    probabilities = None if reading.probability is None else reading.probability.tensors(output)
    for row, applies in enumerate(reading.applies(output).tolist()):
        each = {} if probabilities is None else dict(zip(known, probabilities[row].tolist(), strict=True))
        true = targets[row] if targets[row] is None else _listed(known, targets[row])
        yield Prediction(
            names[row], {name: output[row].tolist()}, _listed(known, applies), target=true, labels=each or None
        )


def _listed(names: Sequence[str], applies: Sequence[Any]) -> str:
    return ", ".join(name for name, one in zip(names, applies, strict=True) if one) or "none"


def _at_positions(learned: Learned | None, labels: Sequence[str]) -> Callable[[Any], str]:
    """How the classes at a sample's positions are said: as a text where they are tokens, else by their shares."""
    text = learned.text if learned else None
    return text.decode if text is not None and text.running else lambda numbers: shares(torch.tensor(numbers), labels)


def shares(classes: Tensor, labels: Sequence[str]) -> str:
    """How large a share of positions each class has, the largest first: ``"road 62 %, car 38 %"``."""
    numbers, counts = classes.unique(return_counts=True)
    order = counts.argsort(descending=True).tolist()
    return ", ".join(f"{_name(labels, int(numbers[i]))} {counts[i].item() / classes.numel():.1%}" for i in order)


def _name(labels: Sequence[str], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else str(index)
