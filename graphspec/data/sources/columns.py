"""What a table's columns are to a network: inputs of their own, features of one table, the target."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from graphspec.data.memory import check_size
from graphspec.data.samples import Samples
from graphspec.data.sources.cells import PLAIN, Notation, is_missing
from graphspec.data.sources.column import Column, listed
from graphspec.data.sources.column_checks import check_feature, check_texts, check_two, check_width
from graphspec.data.sources.table import AT, MOST_COLUMNS, Table
from graphspec.data.text.encoding import MASK
from graphspec.data.text.texts import Texts
from graphspec.diagnostics import fail, quoted

if TYPE_CHECKING:
    from graphspec.spec.model import InputSpec

#: Bytes of memory that a feature of a row takes: float64 as it is read, float32 beside it for the network.
_BYTES = 12
#: Different texts of a column that becomes ids.
MOST_TEXTS = 1_000_000
#: What is done where a cell holds nothing.
Missing = Literal["refuse", "mean", "most_frequent", "drop"]
#: The input that is a table, where its name is the user's to choose.
FEATURES = "features"


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a spec says of a table: the target, whether it is classes, which columns are features (all where none is
    named) and which are left out, what stands for a missing cell, the inputs of the network, and the ``group``
    by which its rows are split, which is no feature.
    """

    target: str
    classes: bool = False
    columns: Sequence[str] = ()
    drop: Sequence[str] = ()
    missing: Missing = "refuse"
    inputs: Mapping[str, InputSpec] = dataclasses.field(default_factory=dict)
    group: str | None = None

    def used(self, table: Table) -> list[str]:
        """The columns of `table` that are features."""
        table.required(self.target, "target")
        left_out = {self.target, *(table.required(name, "drop") for name in self.drop)}
        chosen = {table.required(name, "columns") for name in self.columns} or set(table.columns)
        if self.group is not None:
            at = ("data", "split", "group")
            left_out |= {table.required(self.group, "group", at)} - {n for n in self.inputs if self._alone(n)}
        names = [
            name
            for name in table.columns
            if name not in left_out and (name in chosen or self._alone(name) or self._text(name))
        ]
        if not names:
            raise fail("bad-data", f"{table.path} has no column besides {', '.join(map(quoted, left_out))}", at=AT)
        return names

    def alone(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are the names of inputs for one number or one id, in the order of inputs."""
        known = set(names)
        return [name for name in self.inputs if name in known and self._alone(name)]

    def ids(self, name: str) -> bool:
        """Whether the input called `name` takes whole numbers."""
        return name in self.inputs and not self.inputs[name].dtype.startswith(("float", "bfloat"))

    def texts(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are the names of inputs for the ids of a text, ``N × T``, in the order of inputs."""
        known = set(names)
        return [name for name in self.inputs if name in known and self._text(name)]

    def _text(self, name: str) -> bool:
        return self.ids(name) and len(self.inputs[name].shape) == 2 and not self._alone(name)

    def _alone(self, name: str) -> bool:
        return name in self.inputs and self.inputs[name].shape[1:] in ((), (1,))


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The columns ``alone``, each the input of its name, the ``features`` of the input ``table``, and the target, the
    ``goal``; ``flat`` are the inputs that take ``N`` numbers, not ``N × 1``, ``texts`` those that take a tokenizer's
    ids. ``unused`` no input takes.
    """

    features: tuple[Column, ...]
    goal: Column
    notation: Notation = PLAIN
    dropped: tuple[str, ...] = ()
    alone: tuple[Column, ...] = ()
    flat: tuple[str, ...] = ()
    table: str = FEATURES
    missing: Missing = "refuse"
    unused: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    group: str | None = None

    @classmethod
    def read(cls, table: Table, asked: Asked) -> Columns:
        """From a whole training `table`, before anything is learned from the training part of it.

        Raises ``GraphspecError`` for a column that is neither numbers nor texts, or would take too much memory.
        """
        names, filled = asked.used(table), asked.missing in ("mean", "most_frequent")
        own, texts = asked.alone(names), asked.texts(names)
        taken = {*own, *texts}
        left = [name for name in asked.inputs if name not in {*taken, *map(MASK.format, texts)}]
        rest = [name for name in names if name not in taken] if left or not taken else []
        goal = _column(table, asked.target, asked, goal=True)
        if asked.classes and goal.categories is None:
            goal = Column(asked.target, tuple(map(str, sorted(set(table.wholes(asked.target))))))
        elif goal.categories is None:
            check_two(table, asked.target)
        found = cls(
            tuple(_column(table, name, asked) for name in rest), goal, table.notation, tuple(asked.drop),
            tuple(_column(table, name, asked) for name in own),
            tuple(name for name in own if len(asked.inputs[name].shape) == 1),
            left[0] if taken and len(left) == 1 else FEATURES, asked.missing,
            tuple(n for n in table.columns if n not in {*rest, *taken, asked.target, *asked.drop, asked.group}),
            tuple(texts), asked.group,
        )  # fmt: skip
        check_width(table, found.features)
        check_size(table.path, _BYTES * found.width * len(table.rows))
        for column in found.each:
            check_feature(table, column, filled)
        return found

    @property
    def each(self) -> tuple[Column, ...]:
        """All that are inputs, or part of one."""
        return (*self.alone, *self.features)

    @property
    def width(self) -> int:
        """How many features a row of the table gives."""
        return sum(column.width for column in self.features)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The names of the classes by target; empty where the target is regressed."""
        return {} if self.goal.categories is None else {self.goal.name: self.goal.categories}

    @property
    def vocabulary(self) -> dict[str, int]:
        """How many ids the inputs that are ids have."""
        return {column.name: column.vocabulary for column in self.alone if column.ids}

    def name_of(self, feature: int) -> str:
        """The column that feature number `feature` comes from."""
        ends = np.cumsum([column.width for column in self.features])
        return self.features[int(np.searchsorted(ends, feature, side="right"))].name

    @property
    def names(self) -> list[str]:
        """Every column that an input takes."""
        return [*(column.name for column in self.each), *self.texts]

    def encoded(self, table: Table) -> dict[str, Tensor]:
        """The inputs of every row before missing cells are filled: see :class:`Column`; texts as they are."""
        check_size(table.path, _BYTES * (self.width + len(self.alone)) * len(table.rows))
        found: dict[str, Any] = {column.name: self._shaped(column, table) for column in self.alone}
        found |= {name: _texts(table, name) for name in self.texts}
        if self.features:
            values = torch.zeros(len(table.rows), self.width, dtype=torch.float64)
            for place, column in self.places():
                column.write_features(table, self._fills(column), values[:, place])
            found[self.table] = values
        return found

    def filled(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What :meth:`encoded` gives, without missing cells."""
        found = {column.name: column.filled(inputs[column.name]) for column in self.alone}
        found |= {name: inputs[name] for name in self.texts}
        if self.features:
            values = inputs[self.table]
            filled = [(place, column) for place, column in self.places() if column.fill is not None]
            values = values.clone() if filled else values
            for place, column in filled:
                values[:, place] = column.filled(values[:, place])
            found[self.table] = values
        return found

    def samples(self, table: Table) -> Samples:
        """The encoded inputs and the target of every row."""
        goal, inputs = self.goal, self.encoded(table)
        if goal.categories is None:
            return Samples(inputs, {goal.name: torch.from_numpy(table.numbers(goal.name))[:, None]})
        return Samples(inputs, {goal.name: _labels(table, goal.name, goal.categories)})

    def complete(self, table: Table) -> Table:
        """`table`, of which rows with a missing cell are left out where the spec says so; that is said."""
        return table.complete([self.goal.name, *self.names])

    def with_columns(self, alone: Iterable[Column], features: Iterable[Column]) -> Columns:
        """The same with other columns, as they are learned from the training part."""
        return dataclasses.replace(self, alone=tuple(alone), features=tuple(features))

    def places(self) -> Iterator[tuple[slice, Column]]:
        """Which features of the table each of its columns gives."""
        start = 0
        for column in self.features:
            yield slice(start, start + column.width), column
            start += column.width

    def lines(self) -> list[str]:
        """What was decided about each column, a line each."""
        rows = [(column.name, f"input, {column.line()}") for column in self.alone]
        rows += [(column.name, column.line()) for column in self.features]
        rows += [(name, "input, texts") for name in self.texts]
        goal = self.goal.categories
        about = "a number" if goal is None else f"{len(goal):,} classes: {listed(goal)}"
        rows += [(self.goal.name, f"target, {about}")]
        rows += [(self.group, "what the parts are split by")] if self.group else []
        rows += [(name, "left out: drop") for name in self.dropped]
        rows += [(name, "not used: no input takes it") for name in self.unused]
        return [f"column {quoted(name)}: {text}" for name, text in rows]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any]) -> Columns:
        """The reverse of :meth:`as_dict`. Raises ``TypeError``, ``KeyError`` or ``ValueError`` for anything else."""
        return cls(
            tuple(map(Column.from_dict, noted["features"])), Column.from_dict(noted["goal"]),
            Notation(**noted["notation"]), tuple(map(str, noted["dropped"])),
            tuple(map(Column.from_dict, noted.get("alone", ()))), tuple(map(str, noted.get("flat", ()))),
            str(noted.get("table", FEATURES)), noted.get("missing", "refuse"), tuple(map(str, noted.get("unused", ()))),
            tuple(map(str, noted.get("texts", ()))),
            noted.get("group"),
        )  # fmt: skip

    def _fills(self, column: Column) -> bool:
        return self.missing == "most_frequent" or (self.missing == "mean" and column.categories is None)

    def _shaped(self, column: Column, table: Table) -> Tensor:
        values = column.value(table, self._fills(column))
        return values if column.name in self.flat else values[:, None]


def _column(table: Table, name: str, asked: Asked, goal: bool = False) -> Column:
    ids = not goal and asked.ids(name) and name in asked.alone([name])
    if not ids and table.is_numeric(name):
        return Column(name)
    if not goal and not ids and asked.alone([name]):
        text = table.texts(name)[0]
        hint = f'{name} = {{ shape = ["N"], dtype = "int64" }} takes ids of its texts'
        raise fail("wrong-dtype", f"the column {quoted(name)} holds texts ({quoted(text)})", ("inputs", name), hint)
    filled = asked.missing == "most_frequent" and not goal
    categories = tuple(sorted({text for text in table.texts(name) if not (filled and is_missing(text))}))
    most = MOST_TEXTS if ids else MOST_COLUMNS
    if len(categories) > most:
        message = f"{table.path}: the column {quoted(name)} has {len(categories):,} different texts"
        raise fail("too-large", message, at=AT, hint=f"at most {most:,} are read")
    if not ids:
        check_texts(table, name, categories, goal, filled)
    return Column(name, categories, ids)


def _texts(table: Table, name: str) -> Texts:
    values = table.texts(name)
    missing = next((row for row, text in enumerate(values) if not text.strip()), None)
    if missing is not None:
        raise table.fault(name, missing, "a missing value is no text", 'fill it in, or write missing = "drop"')
    return Texts(tuple(values))


def _labels(table: Table, name: str, categories: Sequence[str]) -> Tensor:
    """``N`` int64; a text outside `categories`, and a missing one, is no class."""
    places = {text: index for index, text in enumerate(categories)}
    texts = list(map(str, table.wholes(name))) if table.is_numeric(name) else table.texts(name)
    for row, text in enumerate(texts):
        if not text.strip():
            raise table.fault(name, row, "a missing value is no class")
        if text not in places:
            raise table.fault(name, row, f"{quoted(text)} is no class of the training table")
    return torch.tensor([places[text] for text in texts])


class LearnedColumns:
    """The form of a table's rows: what stands for missing cells and which texts have ids, by the training part.

    `read` are the columns as they were read, by which the samples are encoded.
    """

    def __init__(self, read: Columns, training: Samples) -> None:
        self._read = read
        alone = [_of_part(column, training.inputs[column.name], read.missing) for column in read.alone]
        features = [_of_part(c, training.inputs[read.table][:, place], read.missing) for place, c in read.places()]
        self.columns = read.with_columns(alone, features)

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """How many ids the inputs have."""
        return self.columns.vocabulary

    def __call__(self, samples: Samples) -> Samples:
        """`samples` with the ids that the training part gives, and no missing cells."""
        inputs = dict(samples.inputs)
        for before, after in zip(self._read.alone, self.columns.alone, strict=True):
            if after.ids:
                inputs[after.name] = _new_ids(before, after)[inputs[after.name] + 1]
        return Samples(self.columns.filled(inputs), samples.targets)


def _new_ids(before: Column, after: Column) -> Tensor:
    """By 1 + the old id the new one: -1 for a missing cell, 0 for a text that the training part does not have."""
    assert before.categories is not None
    assert after.categories is not None
    known = {text: place for place, text in enumerate(after.categories, 1)}
    return torch.tensor([-1, 0, *(known.get(text, 0) for text in before.categories)])


def _of_part(column: Column, values: Tensor, missing: Missing) -> Column:
    """`column` as the encoded `values` of the training part know it."""
    if column.ids:
        assert column.categories is not None
        counts = torch.bincount(values.flatten() + 1, minlength=len(column.categories) + 2)
        kept = tuple(text for text, count in zip(column.categories, counts[2:].tolist(), strict=True) if count)
        fill = column.categories[int(counts[2:].argmax())] if missing == "most_frequent" and kept else None
        return dataclasses.replace(column, categories=kept, fill=fill, missing=int(counts[0]))
    if missing not in ("mean", "most_frequent") or (missing == "mean" and column.categories is not None):
        return column
    gaps = values.isnan()
    rows = gaps if gaps.ndim == 1 else gaps.any(1)
    present = values[~rows]
    if not len(present):
        raise fail("bad-data", f"the column {quoted(column.name)} has no value in the training part", at=AT)
    if column.categories is not None:
        fill_text = column.categories[int(present.sum(0).argmax())]
        return dataclasses.replace(column, fill=fill_text, missing=int(rows.sum()))
    numbers = present.flatten()
    fill_number = float(numbers.mean()) if missing == "mean" else _most_frequent(numbers.tolist())
    return dataclasses.replace(column, fill=fill_number, missing=int(rows.sum()))


def _most_frequent(numbers: Sequence[float]) -> float:
    """The smallest of those that occur most often, as scikit-learn's SimpleImputer has it."""
    counts = Counter(numbers)
    most = max(counts.values())
    return min(number for number, count in counts.items() if count == most)
