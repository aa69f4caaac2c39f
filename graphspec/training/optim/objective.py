"""What is minimised: losses of torch.nn on named outputs, with the targets brought to what each takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.losses import LOSSES, Loss, Reading, Targets, loss_table
from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component
from graphspec.training.optim.targets import preparation

#: Keys of a loss that are not arguments of torch's.
OWN_KEYS = ("output", "target", "factor")
#: Arguments of torch's losses that are tensors.
_TENSORS = ("weight", "pos_weight")
AT = ("train", "loss")

Values = Tensor | Mapping[str, Tensor]
#: What part of a whole some samples are: by their number, or for each term by what its mean is over.
Share = float | tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Term:
    """A loss of one or several outputs, with the preparation of its target.

    ``reading`` is what the first output says: of how many classes, None for regression, and what probability it has.
    ``factor`` weighs the term in the sum. ``ignores`` says that samples of one class do not count.
    """

    name: str
    loss: nn.Module
    outputs: tuple[str, ...]
    target: str | None
    prepare: Callable[[Tensor, Tensor], Tensor]
    reading: Reading
    factor: float = 1.0
    ignores: bool = False

    @property
    def row(self) -> Loss:
        """What is known of the loss."""
        return LOSSES[self.name]

    @property
    def classes(self) -> int | None:
        """How many classes its target has, None where it has values."""
        return self.reading.classes

    @property
    def weighed(self) -> bool:
        """Whether its mean is over weights, which differ from sample to sample."""
        return self.row.weighed and (getattr(self.loss, "weight", None) is not None or self.ignores)

    def mass(self, target: Values) -> float:
        """What the sum over the samples of `target` is divided by, 0 where none of them counts."""
        labels = None if self.target is None else pick(target, self.target)
        if labels is None or not self.weighed or labels.is_floating_point():
            return float(_length(target))
        labels = labels[labels != self.loss.ignore_index]
        weight = getattr(self.loss, "weight", None)
        return float(len(labels) if weight is None else weight[labels].sum(dtype=torch.float64))

    def __call__(self, output: Values, target: Values) -> Tensor:
        """The mean loss of a batch (a scalar), times the factor."""
        given = [pick(output, name) for name in self.outputs]
        if self.target is None:
            loss = self.loss(*given)
        else:
            wanted = self.prepare(given[0], pick(target, self.target))
            before = 1 if self.name == "GaussianNLLLoss" else len(given)  # whose variance stands behind the target
            loss = self.loss(*given[:before], wanted, *given[before:])
        return loss if self.factor == 1 else loss * self.factor

    def pair(self, output: Values, target: Values) -> tuple[Tensor, Tensor]:
        """The output and the target that this term compares; a mixed label counts as its greater part."""
        assert self.target is not None
        truth = pick(target, self.target)
        if self.classes is not None and truth.is_floating_point():
            truth = truth.argmax(1)
        return pick(output, self.outputs[0]), truth


@dataclasses.dataclass(frozen=True)
class Objective:
    """The sum of the terms, which a training step minimises."""

    terms: tuple[Term, ...]

    def __call__(self, output: Values, target: Values) -> Tensor:
        """The loss of a batch: a scalar; values by name where the network has several outputs."""
        first, *others = (term(output, target) for term in self.terms)
        return sum(others, start=first)

    @property
    def weighed(self) -> bool:
        """Whether the loss of a batch is not the mean of the losses of its parts, however many samples each has."""
        return any(term.weighed for term in self.terms)

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
    def scored(self) -> dict[str, Term]:
        """By output: the first term that compares it with a target, which is what metrics and pictures are of."""
        return {term.outputs[0]: term for term in reversed(self.terms) if term.row.compared}

    @property
    def first(self) -> Term | None:
        """The first term that compares an output with a target."""
        return next((term for term in self.terms if term.row.compared), None)


def share_of(part: Sequence[float], whole: Sequence[float]) -> tuple[float, ...]:
    """What part of each of the `whole` masses is."""
    return tuple(one / all_ if all_ else 0.0 for one, all_ in zip(part, whole, strict=True))


def _length(values: Values) -> int:
    return len(values if isinstance(values, Tensor) else next(iter(values.values())))


def pick(values: Values, name: str) -> Tensor:
    """The value called `name`; of a network with one output, the only one."""
    return values if isinstance(values, Tensor) else values[name]


@dataclasses.dataclass(frozen=True)
class Head:
    """An output: how many columns it has, and the type of the layer that computes it, where they are known."""

    columns: int | None = None
    producer: str | None = None


@dataclasses.dataclass(frozen=True)
class Target:
    """A target field: how many classes it has (None for values), and their counts in the training part."""

    classes: int | None
    counts: Callable[[], Tensor] | None = None


def build_objective(
    losses: Component | tuple[Component, ...],
    targets: Mapping[str, str],
    fields: Mapping[str, Target],
    outputs: tuple[str, ...],
    device: torch.device,
    heads: Mapping[str, Head] = MappingProxyType({}),
) -> Objective:
    """The objective that ``[train] loss`` names.

    `outputs` are the network's, `heads` what is known of them; `targets` maps those that have one to their field of the
    data, `fields` describes every field. Lists among a loss's arguments (``weight``) become tensors.
    """
    terms = []
    for component, at in placed(losses):
        loss, own = _parted(component)
        names = _outputs(loss.type, own.get("output"), outputs, at)
        target = _target(loss.type, own.get("target"), names[0], targets, fields, at)
        about = fields[target] if target is not None else Target(None)
        factor, head = _factor(own.get("factor", 1.0), at), heads.get(names[0], Head())
        terms.append(_term(loss, names, target, about, factor, head, device, at))
    return Objective(tuple(terms))


def placed(losses: Component | tuple[Component, ...]) -> list[tuple[Component, Path]]:
    """What ``[train] loss`` lists, each with its place. Raises ``GraphspecError`` where it lists nothing."""
    if not isinstance(losses, tuple):
        return [(losses, AT)]
    if not losses:
        raise fail("bad-loss", "loss is an empty list", at=AT)
    return [(component, (*AT, i)) for i, component in enumerate(losses)]


def check_loss(component: Component, outputs: tuple[str, ...], at: Path) -> None:
    """Refuse what is wrong with one loss of a network with `outputs`, whatever the data are."""
    loss, own = _parted(component)
    _outputs(loss.type, own.get("output"), outputs, at)
    _factor(own.get("factor", 1.0), at)
    _module(loss, Target(None, lambda: torch.ones(2)), None, at)


def _parted(component: Component) -> tuple[Component, dict[str, Any]]:
    """A loss with torch's arguments alone, and the keys of our own."""
    own = {key: component.args[key] for key in OWN_KEYS if key in component.args}
    rest = {key: value for key, value in component.args.items() if key not in own}
    return Component.model_construct(type=component.type, args=rest), own


def _module(component: Component, about: Target, columns: int | None, at: Path) -> nn.Module:
    """torch's loss; lists among its arguments become tensors."""
    known, name = loss_table(), component.type
    if name not in known and name in _other_losses():
        raise fail("bad-loss", f"{name} does not take outputs and a target alone", at=at)
    if name not in known:
        hint = suggest(name, known) or f"known: {', '.join(sorted(known))}"
        raise fail("bad-loss", f'unknown loss "{name}"', at=at, hint=hint)
    if component.args.get("reduction", "mean") != "mean":
        raise fail("bad-loss", "the loss of a batch is its mean", at=(*at, "reduction"), hint="remove reduction")
    tensors = _arguments(component, about, columns, at)
    checked = Component.model_construct(type=name, args=tensors)
    return construct(checked, choose(checked, known, "loss", at), at)


def _term(
    component: Component, outputs: tuple[str, ...], target: str | None, about: Target, factor: float,
    head: Head, device: torch.device, at: Path,
) -> Term:  # fmt: skip
    name, classes = component.type, about.classes
    loss = _module(component, about, head.columns, at).to(device)
    if classes is None and LOSSES[name].targets in (Targets.CLASSES, Targets.SIGNS):
        raise fail("bad-loss", f"{name} is for classes, the data set has none", at=at, hint='use "MSELoss"')
    if name == "KLDivLoss" and component.args.get("log_target") is True and classes is not None:
        raise fail("bad-loss", "class labels have no logarithms", at=(*at, "log_target"), hint="remove log_target")
    prepare = preparation(LOSSES[name].targets, classes)
    reading = Reading.of(name, component.args, classes, head.producer)
    return Term(name, loss, outputs, target, prepare, reading, factor, "ignore_index" in component.args)


def _arguments(component: Component, about: Target, columns: int | None, at: Path) -> dict[str, Any]:
    """The arguments of torch's loss: numbers become tensors where it takes tensors, ``"balanced"`` becomes weights."""
    found = {key: _tensor(key, value) for key, value in component.args.items()}
    if component.args.get("weight") != "balanced":
        return found
    formula = LOSSES[component.type].balanced
    if about.counts is None:
        raise fail("bad-loss", "there are no classes to balance", at=(*at, "weight"), hint="write the weights")
    if formula is None:
        message = f"{component.type} cannot be balanced: its weight is not of the classes of samples"
        hint = f"use {', '.join(name for name, row in LOSSES.items() if row.balanced)}"
        raise fail("bad-loss", message, at=(*at, "weight"), hint=hint)
    weights = formula(about.counts(), columns)
    twice = [key for key in weights if key != "weight" and key in found]
    if twice:
        raise fail("bad-loss", f'weight = "balanced" gives {twice[0]} too', at=(*at, twice[0]), hint="remove it")
    return found | weights


def _tensor(name: str, value: Any) -> Any:
    """A list, or one number where torch takes a tensor of them, as a float32 tensor."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _TENSORS and number:
        return torch.tensor([value], dtype=torch.float32)
    if not isinstance(value, list | tuple):
        return value
    try:
        return torch.tensor(value, dtype=torch.float32)
    except (TypeError, ValueError):
        return value  # no numbers: torch says so


def _outputs(loss: str, named: Any, outputs: tuple[str, ...], at: Path) -> tuple[str, ...]:
    """The outputs a loss is computed of: those it names, or the only one."""
    wanted = LOSSES[loss].outputs if loss in LOSSES else 1
    if named is None and len(outputs) != wanted:
        hint = f'output = "{outputs[0]}"' if wanted == 1 else f"output = [{', '.join(map(quoted, outputs[:wanted]))}]"
        has = "one output" if len(outputs) == 1 else f"several outputs ({', '.join(outputs)})"
        takes = "one" if wanted == 1 else str(wanted)
        raise fail("bad-loss", f"the network has {has}, {loss} takes {takes}", at=at, hint=hint)
    names = outputs if named is None else (named,) if isinstance(named, str) else tuple(named)
    for name in names:
        if name not in outputs:
            hint = suggest(str(name), outputs) or f"it has {', '.join(map(quoted, outputs))}"
            raise fail("bad-loss", f"the network has no output {quoted(str(name))}", at=(*at, "output"), hint=hint)
    if len(names) != wanted:
        raise fail("bad-loss", f"{loss} takes {wanted} outputs, not {len(names)}", at=(*at, "output"))
    return names


def _target(
    loss: str, named: Any, output: str, targets: Mapping[str, str], fields: Mapping[str, Target], at: Path
) -> str | None:
    """The field a loss compares with: the one it names, its output's own, or the only one there is."""
    if loss in LOSSES and LOSSES[loss].targets is Targets.NONE:
        if named is not None:
            raise fail("bad-loss", f"{loss} takes no target", at=(*at, "target"))
        return None
    found = named if named is not None else targets.get(output) or (next(iter(fields)) if len(fields) == 1 else None)
    if found in fields:
        return str(found)
    has = ", ".join(map(quoted, fields))
    if named is None:
        raise fail("field-mismatch", f"the output {quoted(output)} has no field in the data, which have {has}", at=at)
    hint = suggest(str(named), fields) or f"they have {has}"
    raise fail("field-mismatch", f"the data have no field {quoted(str(named))}", at=(*at, "target"), hint=hint)


def _factor(value: Any, at: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise fail("bad-value", f"factor must be a number above 0, not {value!r}", at=(*at, "factor"))
    return float(value)


def _other_losses() -> list[str]:
    return [name for name in dir(nn) if name.endswith("Loss")]
