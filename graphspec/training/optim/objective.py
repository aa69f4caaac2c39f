"""What is minimised: losses of torch.nn on named outputs, each with its target prepared and its output read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.diagnostics import fail
from graphspec.losses import LOSSES, OWN, Loss, Targets
from graphspec.output_reading import Reading
from graphspec.scales import Scale, Span
from graphspec.sequences import cut, lengths_of
from graphspec.system.out_of_memory import is_out_of_memory

#: What torch's losses say of an output that is not what they take.
_OUT_OF_RANGE = ("between 0 and 1", "negative")
Values = Tensor | Mapping[str, Tensor]
#: What part of a whole some samples are: by their number, or for each term by what its mean is over.
Share = float | tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Term:
    """A loss of one or several outputs, with the preparation of its target.

    ``reading`` is what the first output says: of how many classes, None for regression, and what probability it has.
    ``factor`` weighs the term in the sum. ``ignores`` says that samples of one class do not count. ``against`` is an
    output that stands for the target; ``taught`` is what the teacher's output is called among the targets, and with a
    ``temperature`` both are logits that are divided by it. ``arguments`` are the loss's, ``producer`` is the type of
    the layer that gives the first output. ``lengths`` are the outputs and fields that say how long sequences are, by
    the loss's argument.
    """

    name: str
    loss: nn.Module
    outputs: tuple[str, ...]
    target: str | None
    prepare: Callable[[Tensor, Tensor], Tensor]
    reading: Reading
    factor: float = 1.0
    ignores: bool = False
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    producer: str | None = None
    against: str | None = None
    taught: str | None = None
    temperature: float | None = None
    lengths: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def compared(self) -> bool:
        """Whether the first output is compared with a target of the data, so that it can be scored."""
        return self.row.compared and self.target is not None

    @property
    def row(self) -> Loss:
        """What is known of the loss."""
        return LOSSES[self.name]

    @property
    def classes(self) -> int | None:
        """How many classes its target has, None where it has values."""
        return self.reading.classes

    @property
    def decides(self) -> bool:
        """Whether the output is one class of each sample or position, which can be right or wrong."""
        return self.classes is not None and self.reading.blank is None

    @property
    def takes(self) -> Scale:
        """What its first output has to be."""
        return self.row.scale(self.arguments)

    @property
    def among(self) -> Span:
        """Which numbers its targets have to be, where they are values."""
        return self.row.span(self.arguments)

    @property
    def weighed(self) -> bool:
        """Whether its mean is over weights, which differ from sample to sample."""
        return (
            self.taught is None
            and self.row.weighed
            and (getattr(self.loss, "weight", None) is not None or self.ignores)
        )

    def mass(self, target: Values) -> float:
        """What the sum over the samples of `target` is divided by, 0 where none of them counts."""
        labels = None if self.target is None else pick(target, self.target)
        if labels is None or not self.weighed or labels.is_floating_point():
            return float(_length(target))
        labels = labels[labels != self.loss.ignore_index]
        weight = getattr(self.loss, "weight", None)
        return float(len(labels) if weight is None else weight[labels].sum(dtype=torch.float64))

    def __call__(self, output: Values, target: Values) -> Tensor:
        """The mean loss of a batch (a scalar), times the factor.

        Raises ``GraphspecError`` where torch's loss refuses an output or a target.
        """
        own = self.name in OWN
        try:
            loss = self._of(output, target)
        except Exception as error:
            if is_out_of_memory(error) or not (own or isinstance(error, RuntimeError | ValueError | IndexError)):
                raise
            hint = self.row.instead if any(words in str(error) for words in _OUT_OF_RANGE) else ""
            raise fail("bad-loss", f"{self.name} cannot be computed: {error}", ("train", "loss"), hint) from error
        if own and not (isinstance(loss, Tensor) and loss.ndim == 0 and loss.is_floating_point()):
            given = f"a tensor {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
            raise fail("bad-loss", f"{self.name} gives {given}, not the mean of a batch, a scalar", ("train", "loss"))
        return loss if self.factor == 1 else loss * self.factor

    def _of(self, output: Values, target: Values) -> Tensor:
        given = [pick(output, name) for name in self.outputs]
        if self.taught is not None:
            return self._of_teacher(given[0], pick(target, self.taught))
        if self.against is not None:
            wanted = pick(output, self.against)
        elif self.target is None:
            return self.loss(*given)
        else:
            wanted = self.prepare(given[0], pick(target, self.target))
        at = self.row.target_after or len(given)
        return self.loss(*given[:at], wanted, *given[at:], **self._lengths(output, target))

    def _lengths(self, output: Values, target: Values) -> dict[str, Tensor]:
        """How long each sample's sequences are, by the loss's argument, where something says so."""
        known: dict[str, Tensor] = {}
        for values in (target, output):
            known |= {} if isinstance(values, Tensor) else values
        return {argument: known[name] for argument, name in self.lengths.items()}

    def _of_teacher(self, output: Tensor, wanted: Tensor) -> Tensor:
        """The loss against the teacher's output; of softened logits times the square of the temperature, so that the
        gradients keep their size (Hinton et al. 2015, section 2).
        """
        if self.temperature is None:
            return self.loss(output, wanted)
        output, wanted = output / self.temperature, wanted / self.temperature
        if self.name == "BCEWithLogitsLoss":
            wanted = wanted.sigmoid()
        elif self.name == "KLDivLoss" and self.loss.log_target:
            output, wanted = output.log_softmax(1), wanted.log_softmax(1)
        else:
            output, wanted = output.log_softmax(1) if self.name == "KLDivLoss" else output, wanted.softmax(1)
        return self.loss(output, wanted) * self.temperature**2

    def pair(self, output: Values, target: Values) -> tuple[Tensor, Tensor]:
        """The output and the target that this term compares; a mixed label counts as its greater part.

        Steps behind the end of a sequence are blank for certain, and classes behind the target's -1.
        """
        assert self.target is not None
        truth = pick(target, self.target)
        if self.row.targets is Targets.SEQUENCES:
            return self._of_sequences(pick(output, self.outputs[0]), truth, self._lengths(output, target))
        if self.classes is not None and truth.is_floating_point():
            truth = truth.argmax(1)
        return pick(output, self.outputs[0]), truth

    def _of_sequences(self, output: Tensor, truth: Tensor, lengths: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        blank = self.reading.blank or 0
        if "input_lengths" in lengths:
            steps = torch.arange(output.shape[2], device=output.device)
            behind = steps >= lengths["input_lengths"].reshape(-1, 1).to(output.device)
            certain = torch.full_like(output[:1, :, :1], -torch.inf).index_fill(1, steps.new_tensor(blank), 0.0)
            output = torch.where(behind.unsqueeze(1), certain, output)
        return output, cut(truth, lengths.get("target_lengths", lengths_of(truth, blank)))

    def counted(self, output: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Of a pair, the samples that the loss does not ignore; of one with positions, those, ``positions × C``."""
        if not self.ignores or truth.is_floating_point():
            return output, truth
        ignored: Any = self.arguments["ignore_index"]
        counts = truth != ignored
        output = output.movedim(1, -1)
        # of one rank whether any is ignored or not: batches are joined
        return (output.flatten(0, -2), truth.flatten()) if counts.all() else (output[counts], truth[counts])


@dataclasses.dataclass(frozen=True)
class Objective:
    """The sum of the terms, which a training step minimises."""

    terms: tuple[Term, ...]

    @property
    def title(self) -> str:
        """The names of its losses: ``CrossEntropyLoss + 0.5 MSELoss``."""
        return " + ".join(term.name if term.factor == 1 else f"{term.factor:g} {term.name}" for term in self.terms)

    def __call__(self, output: Values, target: Values) -> Tensor:
        """The loss of a batch: a scalar; values by name where the network has several outputs."""
        first, *others = (term(output, target) for term in self.terms)
        return sum(others, start=first)

    @property
    def weighed(self) -> bool:
        """Whether the loss of a batch is not the mean of the losses of its parts, however many samples each has."""
        return any(term.weighed for term in self.terms)

    @property
    def whole(self) -> bool:
        """Whether a term compares the samples of a batch with each other, so that no part of it has its loss."""
        return any(term.row.targets is Targets.GROUPS for term in self.terms)

    def masses(self, target: Values) -> tuple[float, ...]:
        """What each term's sum over the samples of `target` is divided by."""
        return tuple(term.mass(target) for term in self.terms)

    def each(self, output: Values, target: Values, masses: Sequence[float]) -> list[Tensor]:
        """The terms by themselves; one whose mass is 0 is 0, where torch divides by it."""
        return [
            term(output, target) if mass else pick(output, term.outputs[0]).sum() * 0
            for term, mass in zip(self.terms, masses, strict=True)
        ]

    def split(self, output: Values, target: Values, share: Share) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and what the batch adds to the loss of the whole of which it is `share`."""
        if isinstance(share, float):
            loss = self(output, target)
            return loss, loss if share == 1 else loss * share
        each = self.each(output, target, share)
        return torch.stack(each).sum(), torch.stack([loss * part for loss, part in zip(each, share, strict=True)]).sum()

    @property
    def of_data(self) -> Objective:
        """The terms that have to do with the data alone: what is measured, a teacher being there in training only.

        One that is left alone is measured as it is, without its factor.
        """
        terms = tuple(term for term in self.terms if term.taught is None)
        if len(terms) == len(self.terms):
            return self
        return Objective(terms if len(terms) > 1 else tuple(dataclasses.replace(term, factor=1.0) for term in terms))

    @property
    def scored(self) -> dict[str, Term]:
        """By output: the first term that compares it with a target, which is what metrics and pictures are of."""
        return {term.outputs[0]: term for term in reversed(self.terms) if term.compared}

    @property
    def first(self) -> Term | None:
        """The first term that compares an output with a target."""
        return next((term for term in self.terms if term.compared), None)


def share_of(part: Sequence[float], whole: Sequence[float]) -> tuple[float, ...]:
    """What part of each of the `whole` masses is."""
    return tuple(one / all_ if all_ else 0.0 for one, all_ in zip(part, whole, strict=True))


def _length(values: Values) -> int:
    return len(values if isinstance(values, Tensor) else next(iter(values.values())))


def pick(values: Values, name: str) -> Tensor:
    """The value called `name`; of a network with one output, the only one."""
    return values if isinstance(values, Tensor) else values[name]
