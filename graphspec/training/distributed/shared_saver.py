"""Saving a run of several processes: all give what they have, the first one writes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.seeds import generator
from graphspec.spec.model import NetworkSpec
from graphspec.training.distributed.group import Group
from graphspec.training.distributed.parallel import gathered
from graphspec.training.distributed.shared_step import Agreement
from graphspec.training.learner import Learner
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.saver import Saver


class SharedSaver(Saver):
    """A saver of which each process has one; they save at the same steps, and the first one writes."""

    def __init__(
        self, learner: Learner, spec: NetworkSpec, data: DataSet, folder: RunFolder, group: Group, agreement: Agreement
    ) -> None:
        super().__init__(learner, spec, data, folder)
        self._group, self._agreement = group, agreement

    def due(self, least: float = 0.0) -> bool:
        """Whether the first process wants to save: within an epoch as agreed in the last step, else now."""
        return self._agreement.save if least else self._group.agree(super().due())

    def wants(self, least: float) -> bool:
        """Whether this process by itself would save."""
        return super().due(least)

    def save(self) -> None:
        """As :meth:`Saver.save`; all processes must ask. Where the first one cannot write, all stop."""
        started = time.perf_counter()
        state, best = gathered(self.learner.state_dict()), gathered(self.best())
        own = _random_state(self._group.device).to(self._group.device)
        state["random"]["ranks"] = torch.stack(self._group.gather(own)).cpu()
        self._group.once(lambda: self.write(state, best))
        self.note_saved(started)


def _random_state(device: torch.device) -> Tensor:
    """The state of this process's generators, the CPU's first."""
    states = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]
    return torch.cat(states)


def own_random_state(state: Mapping[str, Any], group: Group) -> None:
    """Take up this process's own generators from a checkpoint of as many processes; of another number, draw anew."""
    found = state["random"].get("ranks")
    if found is None or found.shape != (group.size, len(_random_state(group.device))):
        if group.rank:  # the first process has taken up the one that the checkpoint has
            torch.manual_seed(generator(state["progress"]["step"], "rank", group.rank).initial_seed())
        return
    cpu, rest = found[group.rank].split([len(torch.get_rng_state()), found.shape[1] - len(torch.get_rng_state())])
    torch.set_rng_state(cpu.clone())  # torch 2.15 does not bear a view here
    if len(rest):
        torch.cuda.set_rng_state(rest.clone(), group.device)
