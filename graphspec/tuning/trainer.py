"""From the values of a trial to its network, and to its training."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphspec.compiler import Network, load
from graphspec.data import DataSet
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecWarning
from graphspec.spec import of_one_run
from graphspec.spec.tune import TuneSpec
from graphspec.training import RunOptions, TrainReport, train
from graphspec.training.prepare import choose_device
from graphspec.training.run.reporter import Reporter
from graphspec.tuning.space import overrides
from graphspec.tuning.vectorized import VectorizedTrials, vectorized


class Trainer:
    """Trains `network` with other values; `data` are its own, read at `place`. A warning is given once a search."""

    def __init__(self, network: Network, settings: TuneSpec, data: DataSet, place: DataPlace, device: str) -> None:
        self.data = data
        self._spec, self._settings, self._place, self._device = network.spec, settings, place, device
        self._plain = of_one_run(network.spec)
        self._seen: set[str] = set()

    @property
    def logarithmic(self) -> set[str]:
        """The paths whose values are drawn on a logarithmic scale."""
        return {path for path, search in self._settings.space.items() if search.log}

    def network(self, values: Mapping[str, Any], fold: int | None = None) -> Network:
        """The network with `values` by path, without ``[tune]``; that of one `fold`."""
        changes = [] if fold is None else [f"data.fold={fold}"]
        return load(self._plain, overrides=[*overrides(values, self._settings.space), *changes])

    def folds(self, values: Mapping[str, Any]) -> int:
        """How many folds a trial with `values` has; 0 where it is one run."""
        spec = self.network(values).spec
        return (spec.data.folds or 0) if spec.data is not None and spec.folded else 0

    def check(self, change: str) -> None:
        """Refuse ``path=value`` where the network cannot be read with it."""
        load(self._plain, overrides=[change])

    def train(
        self, values: Mapping[str, Any], folder: Path, resume: bool, reporter: Reporter, fold: int | None = None
    ) -> TrainReport:
        """Train the network with `values`, or one `fold` of it, in `folder`; its test part stays sealed."""
        network = self.network(values, fold)
        data = self.data if self._is_of(network) else self._place
        with network.located(), self._once_warned():
            options = RunOptions(folder=folder, resume=resume, device=self._device, evaluated=False)
            return train(network, options, data, reporter)

    def join(self, networks: Sequence[Network]) -> VectorizedTrials | str:
        """Trials of these networks, which differ in their optimisers alone, as one; or why they cannot be."""
        optimizers = [network.spec.train.optimizer for network in networks if network.spec.train]
        device = choose_device(self._device)
        return vectorized(networks[0], self.data, optimizers, device)

    def _is_of(self, network: Network) -> bool:
        """Whether the data of the search are those of `network`, split alike."""
        spec, own = network.spec, self._spec
        return spec.data == own.data and bool(spec.train and own.train and spec.train.seed == own.train.seed)

    @contextlib.contextmanager
    def _once_warned(self) -> Iterator[None]:
        with warnings.catch_warnings():
            usual = warnings.showwarning

            def show(message: Any, *place: Any, **more: Any) -> None:
                if not isinstance(message, GraphspecWarning) or str(message) not in self._seen:
                    self._seen.add(str(message))
                    usual(message, *place, **more)

            warnings.showwarning = show
            yield
