"""What is checked before the first step, so that a run does not end in its last batch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from graphspec.data import Batches, DataSet
from graphspec.data.checks import shared_samples
from graphspec.diagnostics import fail, quoted, warn
from graphspec.losses import Targets
from graphspec.scales import ANY, SPANS
from graphspec.system.torch_private import AnyBatchNorm, AnyInstanceNorm
from graphspec.training.checks.sequence_lengths import check_sequences
from graphspec.training.learner import Learner
from graphspec.training.optim.objective import Term, pick

_OTHER_TARGETS = "MSELoss takes any numbers; two numbers that stand for two classes are written 0 and 1"
#: Share of targets that a last layer may miss, as outliers.
_FEW = 0.01
#: Samples whose targets are looked at where they are made with each batch.
_MADE = 512
#: How far probabilities may be from what they sum to.
_ROUNDING = 1e-3


def preflight(learner: Learner, batches: Batches, data: DataSet) -> None:
    """Raise ``GraphspecError`` where the output, the loss, the targets and the batches do not go together."""
    module, binding, terms = learner.module, learner.binding, learner.objective.terms
    rows = len(data.train)
    if batches.batch_size > rows:
        message = f"batch_size {batches.batch_size} is more than the {rows} training samples"
        raise fail("no-data", message, at=("data", "batch_size"), hint=f"batch_size = {rows} takes them all at once")
    for term in terms:
        if batches.mix and term.target is not None and not term.row.takes_mixed:
            message = f"MixUp and CutMix make shares of classes, and {term.name} compares with {term.row.targets.value}"
            hint = 'use "CrossEntropyLoss", or leave them out of augment'
            raise fail("bad-loss", message, at=("train", "loss"), hint=hint)
        _check_targets(term, data, batches)
        _say_if_constant(term, data)
    batch = next(batches.in_order(2))
    module.eval()
    with torch.inference_mode():
        inputs = binding.inputs_of(batch)
        output, target = module(*inputs), binding.lesson_of(batch, inputs)
        for term in terms:
            if term.row.targets is Targets.SEQUENCES:
                check_sequences(term, output, target, data)
            elif term.row.targets is Targets.GROUPS:
                _check_embedding(term, *term.pair(output, target))
            elif term.compared and len(term.outputs) == 1:
                _check_output(term, *term.pair(output, target), data)
            if term.compared and len(term.outputs) == 1:
                _check_scale(term, pick(output, term.outputs[0]))
            term(output, target)
        if batches.mix:
            mixed = next(batches.shuffled(0))
            inputs = binding.inputs_of(mixed)
            output, target = module(*inputs), binding.lesson_of(mixed, inputs)
            for term in terms:
                term(output, target)
    learner.train_mode()
    _check_last_batch(learner, batches)
    if data.validation is not None and (count := shared_samples(data.train, data.validation)):
        which = "1 validation sample also stands" if count == 1 else f"{count} validation samples also stand"
        warn("bad-data", f"{which} in the training part", at=("data", "dataset"))


def _say_if_constant(term: Term, data: DataSet) -> None:
    """Warn where every sample has the same target: nothing is there to learn."""
    values = None if term.target is None else data.train.targets.get(term.target)
    if not isinstance(values, Tensor) or len(values) < 2 or term.classes == 1:
        return
    if not values.numel() or not bool((values == values[:1]).all()):  # made with each batch, they are none here
        return
    first = values.flatten()[0].item()
    names = data.labels.get(str(term.target))
    what = f"{first:g}" if names is None else f"the class {quoted(names[int(first)])}"
    what = what if bool((values == first).all()) else "the same"
    message = f"{quoted(str(term.target))} is {what} in every sample of the training part: nothing is there to learn"
    warn("bad-data", message, at=("data", "dataset"))


def _check_targets(term: Term, data: DataSet, batches: Batches) -> None:
    """Whether values are among those that the loss compares with, and that the last layer can give."""
    parts = {"training": data.train, "validation": data.validation}
    for part, samples in parts.items():
        values = None if samples is None or term.target is None else samples.targets[term.target]
        if values is not None and data.copied is not None:  # made with each batch
            values = next(batches.in_order(_MADE)).targets[data.copied] if part == "training" else None
        if values is None or not values.is_floating_point() or term.classes is not None:
            continue
        if (outside := term.among.outside(values)).any():
            place = outside.nonzero()[0]
            message = f"{quoted(str(term.target))} of the {part} part is {values[tuple(place)]:g} at row {place[0]}"
            takes = f"{term.name} takes targets {term.among}"
            raise fail("bad-loss", f"{message}, and {takes}", at=("train", "loss"), hint=_OTHER_TARGETS)
        _check_reach(term, values, part)


def _check_reach(term: Term, values: Tensor, part: str) -> None:
    """Warn where the last layer cannot give some of the `values`."""
    span = SPANS.get(str(term.producer))
    if span is None or term.takes is not ANY or not term.compared or part != "training":
        return
    share = span.outside(values).to(torch.float64).mean().item()
    if share > _FEW:
        message = f"{term.producer} gives values {span}, and {share:.0%} of {quoted(str(term.target))} are others"
        warn(
            "activation-missing", message, at=("train", "loss"), hint=f"leave {term.producer} out, or scale the target"
        )


def _check_output(term: Term, output: Tensor, target: Tensor, data: DataSet) -> None:
    given = " × ".join(["N", *map(str, output.shape[1:])])
    if term.classes is None:
        if output.shape != target.shape:
            wanted = " × ".join(["N", *map(str, target.shape[1:])])
            raise fail(
                "shape-mismatch",
                f"the output is {given}, the targets of {data.name} are {wanted}",
                at=("train", "loss"),
                hint="a Flatten before the Linear layers makes one row of a sample"
                if output.ndim > target.ndim
                else "",
            )
        return
    count = term.classes
    if count == 1:
        message = f"every sample of {data.name} is of one class, {quoted(data.labels[str(term.target)][0])}"
        raise fail("class-count", message, at=("data", "dataset"), hint="to tell classes apart takes two of them")
    one_column = count == 2 and term.row.targets not in (Targets.CLASSES, Targets.OWN)
    widths = [1, count] if one_column else [count]
    places = target.shape[1:]
    if output.ndim < 2 or output.shape[1] not in widths or output.shape[2:] != places:
        at_each = "".join(f" × {size}" for size in places)
        wanted = " or ".join(f"N × {width}{at_each}" for width in widths)
        where = f" at each of {at_each[3:]} positions" if places else ""
        message = f"the output is {given}, but {data.name} has {count} classes{where}"
        raise fail(
            "class-count", message, at=("outputs",), hint=f"{term.name} needs {wanted}{_instead(output, target, count)}"
        )


def _check_embedding(term: Term, output: Tensor, target: Tensor) -> None:
    if output.ndim == 2 and target.ndim == 1:
        return
    given, classes = (" × ".join(["N", *map(str, value.shape[1:])]) for value in (output, target))
    message = f"{term.name} takes embeddings N × features and a class of each sample, not {given} and {classes}"
    raise fail("shape-mismatch", message, at=("train", "loss"))


def _instead(output: Tensor, target: Tensor, count: int) -> str:
    """What else may be meant where an output does not fit labels ``N × …``."""
    if target.ndim == 1:
        return "; a Flatten before the Linear layers makes one row of a sample" if output.ndim > 2 else ""
    if output.shape == target.shape and count == 2:
        return "; of one-hot rows y.argmax(1) is the class, and BCEWithLogitsLoss takes several labels a sample"
    return "; numbers are written as floats" if output.shape == target.shape else ""


def _check_scale(term: Term, output: Tensor) -> None:
    """Whether an output of which nothing is known by its layer has the values that the loss takes."""
    probability = term.reading.probability_of(output.shape[1] if output.ndim > 1 else None)
    if probability is None or not probability.of_its_scale or not len(output):
        return
    shares = probability.tensors(output.float())
    sums = torch.ones(()) if probability.each else shares.sum(1)
    if shares.min() >= 0 and shares.max() <= 1 + _ROUNDING and (sums - 1).abs().max() <= _ROUNDING:
        return
    message = f"{term.name} takes {term.takes.name}, and {quoted(term.outputs[0])} gives others"
    warn("activation-missing", message, at=("train", "loss"), hint=term.row.instead)


def _check_last_batch(learner: Learner, batches: Batches) -> None:
    """BatchNorm cannot train on one sample without spatial size; a last batch of one would say so an epoch late."""
    single = batches.batch_size == 1 or (len(batches.samples) % batches.batch_size == 1 and not batches.drop_last)
    norms = (AnyBatchNorm, AnyInstanceNorm)
    if not single or not any(isinstance(layer, norms) and layer.training for layer in learner.module.modules()):
        return
    batch = next(batches.in_order(1))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            copy.deepcopy(learner.module)(*learner.binding.inputs_of(batch))
        except ValueError as error:
            if "more than 1" not in str(error):
                raise
            size, rows = batches.batch_size, len(batches.samples)
            raise fail(
                "batch-of-one",
                f"{rows} samples in batches of {size} leave a last batch of one, on which BatchNorm cannot train",
                at=("data", "batch_size"), hint="set drop_last = true, or another batch_size",
            ) from error  # fmt: skip
