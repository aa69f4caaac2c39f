"""``[train] loss``: which losses are computed of which outputs and targets, checked against torch's signatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.losses import LOSSES, OWN, UNNAMED, Targets, loss_table
from graphspec.ops.components import choose, construct, known_hint
from graphspec.output_reading import Reading
from graphspec.scales import ANY_NUMBER
from graphspec.spec.base import Component
from graphspec.spec.train import TEACHER
from graphspec.training.optim.objective import Objective, Term
from graphspec.training.optim.targets import preparation

#: Keys of a loss that are not arguments of torch's.
OWN_KEYS = ("output", "target", "factor", "like")
#: Losses that compare logits with a teacher's, softened by a ``temperature``.
SOFTENED = ("KLDivLoss", "CrossEntropyLoss", "BCEWithLogitsLoss")
#: What the teacher's outputs are called among the targets.
TAUGHT = f"{TEACHER}.{{}}"
#: Arguments of torch's losses that are tensors.
_TENSORS = ("weight", "pos_weight")
#: Arguments that name what says how long sequences are.
_LENGTHS = ("input_lengths", "target_lengths")
AT = ("train", "loss")
_OF_CLASSES = (Targets.CLASSES, Targets.SIGNS, Targets.SEQUENCES, Targets.GROUPS)
_FOR_CLASSES = (
    'for numbers use "MSELoss"; in [data] dataset, classes = true (csv, parquet) or classes = COUNT (npz) reads a '
    "target of whole numbers as classes; an array y is given as y.astype(int)"
)


@dataclasses.dataclass(frozen=True)
class Head:
    """An output: how many columns it has, and the type of the layer that computes it, where they are known."""

    columns: int | None = None
    producer: str | None = None


@dataclasses.dataclass(frozen=True)
class Target:
    """A target field: how many classes it has (None for values), and their counts in the training part; or how many
    ``labels``, of which several may apply, and how often each does not and does (``2 × labels``). ``one_hot``: its rows
    are 0 but for one 1.
    """

    classes: int | None
    counts: Callable[[], Tensor] | None = None
    labels: int | None = None
    one_hot: bool = False


def build_objective(
    losses: Component | tuple[Component, ...],
    targets: Mapping[str, str],
    fields: Mapping[str, Target],
    outputs: tuple[str, ...],
    device: torch.device,
    heads: Mapping[str, Head] = MappingProxyType({}),
    taught: bool = False,
) -> Objective:
    """The objective that ``[train] loss`` names.

    `outputs` are the network's, `heads` what is known of them; `targets` maps those that have one to their field of the
    data, `fields` describes every field; where the network is `taught`, ``target = "teacher"`` is its teacher. Lists
    among a loss's arguments (``weight``) become tensors.
    """
    terms = []
    for component, at in placed(losses):
        loss, own = _parted(component)
        names = _outputs(loss.type, own.get("output"), outputs, at)
        if taught and own.get("target") == TEACHER:
            terms.append(_taught_term(component, names, heads.get(names[0], Head()), device, at))
            continue
        against = _other_output(loss.type, own.get("target"), names, outputs, fields, at)
        target = None if against else _target(loss.type, own.get("target"), names[0], targets, fields, at)
        about = fields[target] if target is not None else Target(None)
        term = _term(component, names, target, about, heads.get(names[0], Head()), at)
        term.loss.to(device)
        terms.append(dataclasses.replace(term, against=against, lengths=_lengths(loss, target, outputs, fields, at)))
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
    _check_like(loss.type, own.get("like"), at)
    _module(loss, Target(None, lambda: torch.ones(2)), None, at)


def _parted(component: Component) -> tuple[Component, dict[str, Any]]:
    """A loss with torch's arguments alone, and the keys of our own; ``like`` is noted of a user's loss alone."""
    of_torch = component.type in LOSSES and component.type not in OWN
    softened = component.type in SOFTENED and component.args.get("target") == TEACHER
    keys = (*OWN_KEYS, "temperature") if softened else OWN_KEYS
    own = {key: component.args[key] for key in keys if key in component.args and not (of_torch and key == "like")}
    rest = {key: value for key, value in component.args.items() if key not in own}
    return Component.model_construct(type=component.type, args=rest), own


def _module(component: Component, about: Target, columns: int | None, at: Path) -> nn.Module:
    """torch's loss; lists among its arguments become tensors."""
    known, name = loss_table(), component.type
    if name not in known and name in _other_losses():
        why, hint = UNNAMED.get(name, ("does not take outputs and a target alone", ""))
        raise fail("bad-loss", f"{name} {why}", at=at, hint=hint)
    if name not in known:
        raise fail("bad-loss", f"unknown loss {quoted(name)}", at=at, hint=known_hint(name, known, "loss"))
    if component.args.get("reduction", "mean") not in LOSSES[name].reductions:
        raise fail("bad-loss", "the loss of a batch is its mean", at=(*at, "reduction"), hint="remove reduction")
    for old in ("size_average", "reduce"):  # torch's, from before there was a reduction
        if old in component.args:
            raise fail("bad-loss", "the loss of a batch is its mean", at=(*at, old), hint=f"remove {old}")
    tensors = _arguments(component, about, columns, at)
    for key in _TENSORS:
        _check_weights(tensors.get(key), (*at, key))
    checked = Component.model_construct(type=name, args=tensors)
    return construct(checked, choose(checked, known, "loss", at), at)


def _term(
    component: Component, outputs: tuple[str, ...], target: str | None, about: Target, head: Head, at: Path
) -> Term:
    component, own = _parted(component)
    name, classes, factor = component.type, about.classes, _factor(own.get("factor", 1.0), at)
    _check_like(name, own.get("like"), at)
    loss = _module(component, about, head.columns, at)
    if classes is None and target is not None and LOSSES[name].targets in _OF_CLASSES:
        hint = _FOR_CLASSES if not about.one_hot else "these are one-hot rows: y.argmax(1) is the class of each"
        raise fail("bad-loss", f"{name} is for classes, the data set has none", at=at, hint=hint)
    if name == "KLDivLoss" and component.args.get("log_target") is True and classes is not None:
        raise fail("bad-loss", "class labels have no logarithms", at=(*at, "log_target"), hint="remove log_target")
    prepare = preparation(LOSSES[name].targets, classes)
    reading = Reading.of(name, component.args, classes, head.producer)
    if about.labels is not None and reading.probability is not None and reading.probability.each:
        reading = dataclasses.replace(reading, labels=about.labels)
    return Term(
        name, loss, outputs, target, prepare, reading, factor, "ignore_index" in component.args, component.args,
        head.producer,
    )  # fmt: skip


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


def _check_weights(weights: Any, at: Path) -> None:
    if not isinstance(weights, Tensor):
        return
    if not weights.isfinite().all() or (weights < 0).any():
        raise fail("bad-loss", "weights are finite and not below 0", at=at)
    if not weights.any():
        raise fail("bad-loss", "every weight is 0: nothing is learned", at=at)


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


def _other_output(
    loss: str, named: Any, names: tuple[str, ...], outputs: tuple[str, ...], fields: Mapping[str, Target], at: Path
) -> str | None:
    """The output that stands for the target, where `named` is one and no field of the data."""
    if named not in outputs or named in fields or LOSSES[loss].targets is Targets.NONE:
        return None
    if named in names:
        raise fail("bad-loss", f"the output {quoted(named)} is compared with itself", at=(*at, "target"))
    if LOSSES[loss].targets not in (Targets.VALUES, Targets.OWN) and loss != "CrossEntropyLoss":
        message = f"{loss} compares with {LOSSES[loss].targets.value}, which the output {quoted(named)} is not"
        raise fail("bad-loss", message, at=(*at, "target"))
    return str(named)


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


def check_taught(component: Component, at: Path) -> None:
    """Refuse a loss that cannot compare with a teacher's output, and a temperature that is none."""
    name, row = component.type, LOSSES.get(component.type)
    if name in SOFTENED:
        temperature = component.args.get("temperature", 1.0)
        number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
        if not (number and 0 < temperature < float("inf")):
            message = f"temperature must be a number above 0, not {temperature!r}"
            raise fail("bad-value", message, (*at, "temperature"), "the logits of both are divided by it")
    if row is None or name in SOFTENED:
        return
    values = row.targets in (Targets.VALUES, Targets.OWN) and row.outputs == 1
    if not values or (row.span(component.args) is not ANY_NUMBER and name != "BCELoss"):
        hint = f"{', '.join(SOFTENED)} take its logits, MSELoss and L1Loss its values"
        raise fail("bad-loss", f"{name} cannot compare with what a teacher gives", at=at, hint=hint)


def _taught_term(component: Component, names: tuple[str, ...], head: Head, device: torch.device, at: Path) -> Term:
    """The term of a loss that compares with the teacher's output of the same name."""
    term = _term(component, names, None, Target(None), head, at)
    term.loss.to(device)
    temperature = float(component.args.get("temperature", 1.0)) if component.type in SOFTENED else None
    return dataclasses.replace(term, taught=TAUGHT.format(names[0]), temperature=temperature)


def _lengths(
    loss: Component, target: str | None, outputs: tuple[str, ...], fields: Mapping[str, Target], at: Path
) -> dict[str, str]:
    """What says how long sequences are, by argument: another field of the data or, of an output's steps, an output."""
    found = {key: str(loss.args[key]) for key in _LENGTHS if loss.args.get(key)}
    for key, named in found.items():
        known = [*(field for field in fields if field != target), *(outputs if key == "input_lengths" else ())]
        if named not in known or (named in outputs and len(outputs) == 1):
            what = "an output or another field of the data" if key == "input_lengths" else "another field of the data"
            hint = suggest(named, known) or f"it names {what}"
            raise fail("field-mismatch", f"{key}: nothing is called {quoted(named)}", at=(*at, key), hint=hint)
    return found


def _check_like(loss: str, named: Any, at: Path) -> None:
    """`named` is noted in a run; what a loss is like is said where it is written."""
    if named is not None and loss in OWN and named != LOSSES[loss].like:
        like = LOSSES[loss].like or "no loss of torch"
        raise fail("bad-loss", f"{loss} is like {like}, not {quoted(str(named))}", at=(*at, "like"), hint="remove it")


def _factor(value: Any, at: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise fail("bad-value", f"factor must be a number above 0, not {value!r}", at=(*at, "factor"))
    return float(value)


def _other_losses() -> list[str]:
    return [name for name in dir(nn) if name.endswith("Loss")]
