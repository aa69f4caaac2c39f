"""From samples to predictions: transformed as in training, run, and read as the loss reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.data.binding import bind
from graphspec.data.place import DataPlace
from graphspec.data.transforms import size_transforms, to_float, value_transforms
from graphspec.diagnostics import fail, quoted
from graphspec.losses import Reading
from graphspec.predicting.files import read_samples
from graphspec.shapes import ShapedGraph, TensorType
from graphspec.shapes.producer import producers
from graphspec.spec.base import Component
from graphspec.training import load_data

#: The function computed: forward's inputs in order to the outputs by name.
Run = Callable[[Sequence[Tensor]], dict[str, Tensor]]


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """One sample: where it comes from, the outputs by name and, for a classifier, the class and its probability.

    ``probability`` is None where the loss gives the outputs no such meaning, ``truth`` where it is not known.
    """

    sample: str
    outputs: dict[str, Any]
    label: str | None = None
    probability: float | None = None
    truth: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return dataclasses.asdict(self)


def module_function(module: nn.Module, names: Sequence[str]) -> Run:
    """`module` in eval mode without gradients, its outputs called `names`."""
    module.eval()

    @torch.inference_mode()
    def run(values: Sequence[Tensor]) -> dict[str, Tensor]:
        found = module(*values)
        return found if isinstance(found, dict) else {names[0]: found}

    return run


def predict(
    shaped: ShapedGraph,
    run: Run,
    files: Sequence[Path] = (),
    *,
    labels: Sequence[str] | None = None,
    count: int = 8,
    place: DataPlace = DataPlace(),
) -> list[Prediction]:
    """Predict `files` or, without any, the first `count` samples of the test part, whose truth is known.

    `labels` are the class names; where the data are read they come from there.
    """
    if files:
        return [prediction for path in files for prediction in _of_file(shaped, run, path, labels, place)]
    data = load_data(shaped.spec, place)
    fields = bind(shaped, data)
    batch = data.batch(count, "test")
    target = fields.targets.get(next(iter(shaped.outputs)))
    truths = [None] * len(batch) if target is None else batch.targets[target].tolist()
    classes = data.labels.get(target) if target else None
    known = [truth if classes is None or truth is None else _name(classes, truth) for truth in truths]
    names = [f"test {number}" for number in range(len(batch))]
    return list(_predictions(shaped, run(fields.inputs_of(batch)), names, classes, known))


def _of_file(
    shaped: ShapedGraph, run: Run, path: Path, labels: Sequence[str] | None, place: DataPlace
) -> Iterator[Prediction]:
    if len(shaped.inputs) != 1:
        raise fail("arity", f"the network has {len(shaped.inputs)} inputs, a file is for one")
    ((name, kind),) = shaped.inputs.items()
    components = shaped.spec.data.transforms if shaped.spec.data else ()
    grey = kind.shape[1:2] == (1,) and not any(component.type == "Grayscale" for component in components)
    samples = read_samples(path, kind, colour=not grey)
    values = _transformed(shaped, samples, components, place).to(kind.dtype)
    _check_shape(quoted(path), values, quoted(name), kind)
    names = [str(path)] if len(values) == 1 else [f"{path}:{row}" for row in range(1, len(values) + 1)]
    yield from _predictions(shaped, run([values]), names, labels, [None] * len(values))


def _transformed(shaped: ShapedGraph, samples: Tensor, components: Sequence[Component], place: DataPlace) -> Tensor:
    """`samples` with ``[data] transforms`` applied; the data set is read where a transform's numbers come from it."""
    sizes = size_transforms(components)
    values = to_float(sizes(samples))
    measured = any(component.type == "StandardScaler" for component in components)
    training = load_data(shaped.spec, place).train.inputs.values() if measured else [values]
    for step in value_transforms(components, len(sizes.steps), next(iter(training))):
        values = step(values)
    return values


def _check_shape(what: str, values: Tensor, name: str, kind: TensorType) -> None:
    given, wanted = tuple(values.shape[1:]), kind.shape[1:]
    fits = len(given) == len(wanted) and all(
        not isinstance(size, int) or size == found for size, found in zip(wanted, given, strict=True)
    )
    if not fits:
        found, asked = (" × ".join(map(str, sizes)) for sizes in (given, wanted))
        hint = "a Resize in [data] transforms changes images" if len(given) == len(wanted) == 3 else ""
        raise fail("shape-mismatch", f"a sample of {what} is {found}, the input {name} takes {asked}", hint=hint)


def _predictions(
    shaped: ShapedGraph,
    outputs: dict[str, Tensor],
    names: Sequence[str],
    labels: Sequence[str] | None,
    truths: Sequence[Any],
) -> Iterator[Prediction]:
    rows = {name: output.tolist() for name, output in outputs.items()}
    (name, only), *others = outputs.items()
    loss = shaped.spec.train.loss_of(name) if shaped.spec.train else None
    if labels is None or others or only.ndim != 2 or loss is None:
        for row, sample in enumerate(names):
            yield Prediction(sample, {name: values[row] for name, values in rows.items()}, truth=truths[row])
        return
    reading = Reading.of(loss.type, loss.args, len(labels), producers(shaped).get(name))
    chosen = reading.predicted(only)
    sure = reading.sure(only, chosen)
    for row, sample in enumerate(names):
        given = {name: values[row] for name, values in rows.items()}
        yield Prediction(sample, given, _name(labels, int(chosen[row])), sure[row], truths[row])


def _name(labels: Sequence[str], index: int) -> str:
    return labels[index] if index < len(labels) else str(index)
