"""Labels of which several may apply to a sample: which do, by the network's output and the run's thresholds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from graphspec.data.learned import Learned
from graphspec.output_reading import Reading
from graphspec.probability import SIGMOID
from graphspec.shapes.producer import reading_of
from graphspec.shapes.shaped import ShapedGraph

#: The rule of a decision for each label by itself, in the manifest.
EACH = "each"


@dataclasses.dataclass(frozen=True, slots=True)
class SeveralLabels:
    """The columns of ``output``, ``N × labels``, are those of ``names``, each read by itself by ``reading``."""

    output: str
    names: tuple[str, ...]
    reading: Reading

    @classmethod
    def of(cls, shaped: ShapedGraph, learned: Learned | None) -> SeveralLabels | None:
        """Of the network's one output and the first target of labels that was learned; None where there is none."""
        outputs, first = shaped.output_types, next(iter(shaped.outputs))
        if learned is None or not learned.applied or len(outputs) > 1 or len(outputs[first].shape) != 2:
            return None
        target, names = next(iter(learned.applied.items()))
        reading, thresholds = reading_of(shaped, first, None), learned.thresholds.get(target, ())
        if reading is None:
            return None
        return cls(first, names, dataclasses.replace(reading, labels=len(names), thresholds=thresholds))

    @property
    def decision(self) -> dict[str, Any]:
        """How the output decides, for the manifest: a label applies where its column, behind a sigmoid where that is
        said, is above its threshold.
        """
        shares, chosen = self.reading.probability, self.reading.thresholds
        alike = self.reading.threshold if shares is None else 0.5
        thresholds = list(chosen) if chosen and shares is not None else [alike] * len(self.names)
        return {
            "output": self.output, "rule": EACH, "labels": list(self.names), "sigmoid": shares is SIGMOID,
            "thresholds": thresholds,
        }  # fmt: skip

    def applying(self, output: Tensor) -> list[list[str]]:
        """The labels that apply to each sample of `output`."""
        return list(map(self.named, self.reading.applies(output).tolist()))

    def named(self, applies: Sequence[float]) -> list[str]:
        """The labels whose number in `applies`, one for each, is not 0."""
        return [name for name, one in zip(self.names, applies, strict=True) if one]
