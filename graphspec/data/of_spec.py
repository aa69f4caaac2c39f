"""The data set of a whole spec: ``[data]``, split by the seed of ``[train]``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from graphspec.data.dataset import DataSet, load
from graphspec.data.place import DataLike, DataPlace, of_given
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import fail, located
from graphspec.found import HasSpec, SpecLike, read_spec
from graphspec.spec.model import NetworkSpec
from graphspec.system.out_of_memory import enough_memory


def load_data(spec: NetworkSpec, place: DataPlace = DataPlace()) -> DataSet:
    """The data set of `spec`, split by ``[train] seed``. Raises ``GraphspecError`` where the spec has no ``[data]``."""
    spec = of_given(spec, place)
    if spec.data is None:
        raise fail("no-training", f'"{spec.name}" has no [data] section', hint='add [data] with dataset = "…"')
    if _kept and (found := _kept.pop(_key(spec, place), None)):
        return found
    _kept.clear()
    seed = spec.train.seed if spec.train else 0
    with enough_memory("the data set", ("data", "dataset"), hint="fewer samples, or smaller images, need less"):
        return load(
            spec.data, place, seed=seed, inputs=spec.inputs, wanted=Wanted(spec.train.of_data if spec.train else ())
        )


def read_vocabulary(spec: NetworkSpec, place: DataPlace = DataPlace()) -> Mapping[str, int]:
    """How many ids the data of `spec` give its inputs. The data set is kept for the next :func:`load_data` of it."""
    data = load_data(spec, place)
    _kept[_key(spec, place)] = data
    return data.vocabulary


#: A data set that was read for its vocabulary, by what it was read for; training takes it up.
_kept: dict[object, DataSet] = {}


def _key(spec: NetworkSpec, place: DataPlace) -> object:
    about = {"inputs": True, "data": True, "train": {"seed", "loss"}}
    return os.getcwd(), place, spec.model_dump_json(include=about)  # type: ignore[arg-type]


def data_of(
    spec: SpecLike | HasSpec, data: DataLike = None, *, variant: str | None = None, overrides: Iterable[str] = ()
) -> DataSet:
    """The data set that a spec names, split as training splits it; its test part stays sealed.

    `data` is a folder in place of ``[data] root``, or a :class:`graphspec.DataPlace`. It is ``graphspec.data(…)``.

    Raises:
        GraphspecError: what is wrong with the spec or its data.
    """
    read = read_spec(spec, variant, overrides)
    with located(read.source):
        return load_data(read, DataPlace.of(data))
