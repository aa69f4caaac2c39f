"""From samples to predictions: transformed as in training, run, and read as the loss reads them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

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
from graphspec.predicting.arrays import Arrays, are_paths, arrays_of
from graphspec.predicting.files import TABLES as FILES
from graphspec.predicting.files import TEXT, read_samples, read_table, read_text
from graphspec.predicting.function import Function
from graphspec.predicting.pictures import say_if_unlike, say_what_was_done
from graphspec.predicting.prediction import Prediction, named, predictions
from graphspec.predicting.sample_checks import taken
from graphspec.predicting.texts import Sampling, continued, inputs_of
from graphspec.shapes.producer import reading_of
from graphspec.spec.base import Component
from graphspec.training import load_data


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
    return list(_of_test_part(function, 8 if count is None else count, place))


def _of_test_part(function: Function, count: int, place: DataPlace) -> Iterator[Prediction]:
    """The first `count` samples of the test part, or all, where it has fewer."""
    shaped = function.network.shaped
    data = load_data(shaped.spec, place)
    binding, batch = bind(shaped, data), data.batch(count, "test")
    learned = function.learned or Learned.of(data)
    output = next(iter(shaped.outputs))
    target = binding.targets.get(output)
    classes = data.labels.get(target) if target else None
    if target is None:
        targets = [None] * len(batch)
    elif classes is None:
        targets = batch.targets[target].tolist()
    else:
        targets = named(batch.targets[target], reading_of(shaped, output, len(classes)), classes, learned)
    names = [f"test {number}" for number in range(len(batch))]
    yield from predictions(shaped, function.run(binding.inputs_of(batch)), names, classes, targets, learned)


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
    sized = _checked_sized(samples, components)
    values = _valued(sized, components, learned)
    given = taken(path, values, name, kind)
    if samples.ndim == 4:
        if is_image(path.name):
            say_what_was_done(path, samples, values, grey)
        _look_at(function, path, sized, learned)
    yield from _run(function, _rows(path, len(values)), [given])


def _of_arrays(function: Function, arrays: Arrays, learned: Callable[[], Learned]) -> Iterator[Prediction]:
    """Samples as the data set holds them, prepared as the training part was."""
    shaped = function.network.shaped
    components = shaped.spec.data.transforms if shaped.spec.data else ()
    values = []
    for name, kind in shaped.inputs.items():
        if len(arrays) == 1:
            sized = _checked_sized(arrays[name], components)
            value = _valued(sized, components, learned)
        else:
            sized = _sized(arrays[name], components)
            value = scaled(sized.clone(), learned().values.get(name, ()))
        values.append(taken("the array", value, name, kind))
        if sized.ndim == 4:
            _look_at(function, "the array", sized, learned)
    yield from _run(function, [f"sample {row}" for row in range(len(values[0]))], values)


def _look_at(function: Function, path: Path | str, sized: Tensor, learned: Callable[[], Learned]) -> None:
    """Say where pictures, of the network's size, are unlike those of the training part."""
    spec = function.network.shaped.spec.data
    of_files = spec is None or spec.dataset.type in (*OF_IMAGE_FILES, *STORED)  # to look at them takes too long
    if function.learned is None and (of_files or isinstance(path, str)):
        return
    if (known := learned().brightness) is not None:
        say_if_unlike(path, to_float(sized), known)


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
        values.append(taken(path, value, name, kind))
    yield from _run(function, _rows(path, len(values[0])), values)


def _of_series(function: Function, path: Path, learned: Learned) -> Iterator[Prediction]:
    """What comes after the last row of each series like those that were trained on."""
    series, ((name, kind),) = learned.series, function.network.shaped.inputs.items()
    assert series is not None
    called, windows = latest(series, read_csv(path, series.notation))
    past = taken(path, scaled(windows, learned.values[PAST]), name, kind)
    names = [f"{path}: {each}" for each in called] if series.group else [str(path)]
    yield from _run(function, names, [past])


def _run(function: Function, names: Sequence[str], values: Sequence[Tensor]) -> Iterator[Prediction]:
    """The predictions of samples as the network takes them, whose targets nobody knows."""
    outputs = function.run(values)
    labels, learned = function.labels, function.learned
    yield from predictions(function.network.shaped, outputs, names, labels, [None] * len(names), learned)


def _rows(path: Path, count: int) -> list[str]:
    """What the samples in `path` are called."""
    return [str(path)] if count == 1 else [f"{path}:{row}" for row in range(1, count + 1)]


def _checked_sized(samples: Tensor, components: Sequence[Component]) -> Tensor:
    """`samples` as :func:`_sized` makes them. Raises ``GraphspecError`` where a transform does not take their size."""
    if samples.ndim == 4:
        size_transforms(components).check(tuple(samples.shape[1:]))
    return _sized(samples, components)


def _sized(samples: Tensor, components: Sequence[Component]) -> Tensor:
    """Pictures with those of ``[data] transforms`` applied that change their size; all else as it is."""
    return size_transforms(components)(samples) if samples.ndim == 4 else samples


def _valued(values: Tensor, components: Sequence[Component], learned: Callable[[], Learned]) -> Tensor:
    """`values` of that size with the other transforms applied; numbers of the data are those that were learned."""
    if any(component.type == "StandardScaler" for component in components):
        (steps,) = learned().values.values()
        channels = values.shape[1] if values.ndim > 1 else 1
        if any(len(step.mean) not in (1, channels) for step in steps):
            wanted = max(len(step.mean) for step in steps)
            raise fail("shape-mismatch", f"a sample has {channels} features, the training part has {wanted}")
        return scaled(values.clone(), steps)
    return scaled(
        values.clone(), value_transforms(components, len(size_transforms(components).steps), to_float(values))
    )
