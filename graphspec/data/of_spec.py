"""The data set of a whole spec: ``[data]``, split by the seed of ``[train]``."""

from __future__ import annotations

from typing import Unpack

from graphspec.compiler import Reading, Source
from graphspec.compiler import load as load_spec
from graphspec.data.dataset import DataSet, load
from graphspec.data.place import DataLike, DataPlace
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import fail
from graphspec.spec.model import NetworkSpec
from graphspec.system.out_of_memory import enough_memory


def load_data(spec: NetworkSpec, place: DataPlace = DataPlace()) -> DataSet:
    """The data set of `spec`, split by ``[train] seed``. Raises ``GraphspecError`` where the spec has no ``[data]``."""
    if spec.data is None:
        raise fail("no-training", f'"{spec.name}" has no [data] section', hint='add [data] with dataset = "…"')
    seed = spec.train.seed if spec.train else 0
    with enough_memory("the data set", ("data", "dataset"), hint="fewer samples, or smaller images, need less"):
        dtypes = {name: kind.dtype for name, kind in spec.inputs.items()}
        return load(spec.data, place, seed=seed, dtypes=dtypes, wanted=Wanted(spec.train.losses if spec.train else ()))


def data_of(spec: Source, data: DataLike = None, **reading: Unpack[Reading]) -> DataSet:
    """The data set that a spec names, split as training splits it; its test part stays sealed.

    `data` is a folder in place of ``[data] root``, or a :class:`graphspec.DataPlace`. It is ``graphspec.data(…)``.

    Raises:
        GraphspecError: what is wrong with the spec or its data.
    """
    network = load_spec(spec, **reading)
    with network.located():
        return load_data(network.spec, DataPlace.of(data))
