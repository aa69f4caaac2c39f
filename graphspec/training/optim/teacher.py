"""``[train] teacher``: a run whose outputs losses compare with (Hinton et al., Distilling the Knowledge, 2015)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from graphspec.compiler import Network
from graphspec.data import DataSet
from graphspec.data.learned import Learned
from graphspec.diagnostics import GraphspecError, fail, quoted, warn
from graphspec.found import expect
from graphspec.module.initial import inside
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.spec.data import DataSpec
from graphspec.spec.model import NetworkSpec
from graphspec.spec.train import TEACHER, TrainSpec, first_output
from graphspec.training.learner import Learner
from graphspec.training.optim.build_objective import AT as LOSS
from graphspec.training.optim.build_objective import SOFTENED, TAUGHT, check_taught, placed
from graphspec.training.run.run_folder import read_weights

AT = ("train", "teacher")
_LOSS = f'loss = ["CrossEntropyLoss", {{ type = "KLDivLoss", target = "{TEACHER}", temperature = 2.0, ' \
    'reduction = "batchmean" }]'  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A frozen ``module`` in evaluation mode: ``names`` are its outputs, ``order`` says which of the network's inputs
    each of its own is.
    """

    module: nn.Module
    names: tuple[str, ...]
    order: tuple[int, ...]

    @torch.no_grad()
    def __call__(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """What it gives for forward's arguments, as further targets."""
        found = self.module(*(inputs[i] for i in self.order))
        named = found if isinstance(found, Mapping) else {self.names[0]: found}
        return {TAUGHT.format(name): value for name, value in named.items()}


def check_teacher(settings: TrainSpec, outputs: tuple[str, ...]) -> None:
    """Refuse a teacher that no loss, or every loss, compares with, and a path out of the working directory.

    Whether a run is there is looked at where training begins: what comes of it needs no teacher.
    """
    softened = [at for loss, at in placed(settings.loss) if loss.type in SOFTENED and "temperature" in loss.args]
    if settings.teacher is None:
        if at := next(iter(softened), None):
            message = "a temperature softens what a teacher gives, and there is none"
            raise fail("missing-argument", message, (*at, "temperature"), 'teacher = "runs/NAME"')
        return
    _folder_of(settings.teacher)
    taught = [(loss, at) for loss, at in placed(settings.loss) if settings.is_taught(loss)]
    if not taught:
        raise fail("bad-value", "no loss compares with the teacher", AT, _LOSS)
    if TEACHER in outputs:
        raise fail("name-clash", f"{quoted(TEACHER)} is an output of the network, and [train] has a teacher", AT)
    if not settings.of_data:
        message = "every loss compares with the teacher: nothing would be measured on validation and test"
        raise fail("bad-loss", message, LOSS, f"{_LOSS}, each with its factor")
    for loss, at in taught:
        check_taught(loss, at)
        output = first_output(loss, outputs[0])
        if loss.type in SOFTENED and settings.loss_of(output) is None:
            message = f"no loss but the teacher's says what {quoted(output)} is"
            raise fail("bad-loss", message, at, f'{{ type = "CrossEntropyLoss", output = "{output}" }} beside it')


def _folder_of(text: str) -> Path:
    return inside(text, AT, "copy it there")


def fingerprint(settings: TrainSpec | None) -> str:
    """A sha256 of the teacher's weights, by which a run that goes on knows it; empty where there is none."""
    if settings is None or settings.teacher is None:
        return ""
    digest = hashlib.sha256()
    for name, value in sorted(read_weights(_folder_of(settings.teacher)).items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def taught(learner: Learner, network: Network, data: DataSet) -> Learner:
    """`learner`, which is to train `network` on `data`, with the teacher that ``[train]`` names.

    Raises ``GraphspecError`` where there is no such run, or where its inputs, outputs, classes or transforms are other.
    """
    settings = network.spec.train
    if settings is None or settings.teacher is None:
        return learner
    folder = _folder_of(settings.teacher)
    teacher = _opened(folder)
    _check_samples(folder, teacher.spec, network.spec, data)
    order = _order_of(teacher.shaped, network.shaped)
    names = _outputs_of(teacher.shaped, network.shaped, settings)
    module = teacher.build().requires_grad_(False).eval().to(learner.device)
    learner.binding = dataclasses.replace(learner.binding, teacher=Teacher(module, names, order))
    return learner


def _opened(folder: Path) -> Network:
    try:
        expect(folder, "run")
    except GraphspecError as error:
        raise GraphspecError([dataclasses.replace(each, at=AT) for each in error.diagnostics]) from None
    return Network.open(folder, "run")


def _check_samples(folder: Path, teacher: NetworkSpec, own: NetworkSpec, data: DataSet) -> None:
    """Refuse a teacher to whom the same sample would be another: by classes, transforms, vocabularies or texts."""
    learned = Learned.read(folder)
    if learned is None or teacher.data is None or own.data is None:
        return
    if learned.labels and data.labels and dict(learned.labels) != dict(data.labels):
        theirs, mine = (", ".join(map(quoted, next(iter(each.values())))) for each in (learned.labels, data.labels))
        raise fail("field-mismatch", "the teacher's classes are others", AT, f"it knows {theirs}, the data have {mine}")
    if other := next(_differences(learned, teacher.data, own.data, data), ""):
        hint = "give both the same [data], and the same [train] seed, by which parts are split"
        raise fail("field-mismatch", f"the teacher has learned from samples with other {other}", AT, hint)
    if teacher.data.dataset == own.data.dataset and _split(teacher) != _split(own):
        message = "the teacher's data were split otherwise: it may know samples that this run is measured on"
        warn("field-mismatch", message, AT, hint="the same [data] and [train] seed split alike")


def _differences(learned: Learned, theirs: DataSpec, mine: DataSpec, data: DataSet) -> Iterator[str]:
    sizes = [[each for each in spec.transforms if each.type in data.sizes.names] for spec in (theirs, mine)]
    if sizes[0] != sizes[1] or {**learned.values} != {**data.values}:
        yield "transforms"
    now = Learned.of(data).as_dict()
    for what, key in (("columns", "columns"), ("texts", "text")):
        if learned.as_dict()[key] != now[key]:
            yield what
    if (learned.text and learned.text.content) != (data.text and data.text.content):
        yield "tokens"


def _split(spec: NetworkSpec) -> object:
    assert spec.data is not None
    data = spec.data
    return data.split, data.test, data.validation, data.folds, data.fold, spec.train and spec.train.seed


def _order_of(teacher: ShapedGraph, own: ShapedGraph) -> tuple[int, ...]:
    """Which of the network's inputs each of the teacher's is: the only one, else that of the same name."""
    mine, theirs = list(own.inputs), list(teacher.inputs)
    if len(mine) == len(theirs) == 1:
        theirs = mine
    if set(mine) != set(theirs):
        raise fail("field-mismatch", f"the teacher takes {', '.join(theirs)}, the network {', '.join(mine)}", at=AT)
    for name, kind in zip(theirs, teacher.inputs.values(), strict=True):
        if kind.dtype != own.inputs[name].dtype or not _fits(kind, own.inputs[name]):
            raise fail("field-mismatch", f"the teacher takes {kind}, the network {own.inputs[name]}", at=AT)
    return tuple(map(mine.index, theirs))


def _outputs_of(teacher: ShapedGraph, own: ShapedGraph, settings: TrainSpec) -> tuple[str, ...]:
    """The names of the teacher's outputs, of which the only one may be called otherwise than the network's."""
    types, first = dict(teacher.output_types), next(iter(own.outputs))
    wanted = [first_output(loss, first) for loss in settings.losses if settings.is_taught(loss)]
    if len(types) == 1 and len(set(wanted)) == 1:
        types = {wanted[0]: next(iter(types.values()))}
    for name in wanted:
        if name not in types:
            hint = f"it has {', '.join(map(quoted, types))}"
            raise fail("field-mismatch", f"the teacher has no output {quoted(name)}", AT, hint)
        if not _fits(types[name], own.output_types[name]):
            message = f"the teacher gives {types[name]}, the output {quoted(name)} is {own.output_types[name]}"
            raise fail("field-mismatch", message, at=AT)
    return tuple(types)


def _fits(one: TensorType, other: TensorType) -> bool:
    """Whether two shapes are one behind the batch, dims that are open fitting everything."""
    pairs = list(zip(one.shape[1:], other.shape[1:], strict=False))
    whole = all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in pairs)
    return whole and len(one.shape) == len(other.shape)
