"""From outputs to predictions: what they say, by the names of classes and what was learned from the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.data.learned import Learned
from graphspec.exporting.several_labels import SeveralLabels
from graphspec.output_reading import Reading
from graphspec.sequences import cut, lengths_of, spelled
from graphspec.shapes import ShapedGraph
from graphspec.shapes.producer import reading_of


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
    several = SeveralLabels.of(shaped, learned)
    if several is not None:
        yield from _of_labels(several, only, names, targets)
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


def named(targets: Tensor, reading: Reading | None, labels: Sequence[str], learned: Learned) -> list[Any]:
    """True `targets` as predictions say theirs: by the names of classes, as a sequence, or at every position."""
    if targets.ndim > 1 and reading is not None and reading.blank is not None:
        sequences = cut(targets.to(torch.int64), lengths_of(targets, reading.blank))
        return [spelled(row, labels) for row in sequences]
    if targets.ndim > 1:
        return list(map(_at_positions(learned, labels), targets))
    return [_name(labels, each) if isinstance(each, int) else each for each in targets.tolist()]


def _of_labels(
    several: SeveralLabels, output: Tensor, names: Sequence[str], targets: Sequence[Any]
) -> Iterator[Prediction]:
    """Of labels of which several may apply: those that do, and the probability of each."""
    shares, applying = several.reading.probability, several.applying(output)
    probabilities = [None] * len(names) if shares is None else shares.tensors(output).tolist()
    for row, sample in enumerate(names):
        each = dict(zip(several.names, probabilities[row] or (), strict=False))
        true = None if targets[row] is None else _listed(several.named(targets[row]))
        given = {several.output: output[row].tolist()}
        yield Prediction(sample, given, _listed(applying[row]), target=true, labels=each or None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


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
