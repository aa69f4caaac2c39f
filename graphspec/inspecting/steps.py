"""The four steps on one batch, each looked at: feedforward, loss, backward, update."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import partial
from typing import Unpack

import torch
from torch import Tensor

from graphspec.compiler import Network, Reading, Source
from graphspec.data import Samples
from graphspec.data.place import DataLike, DataPlace
from graphspec.diagnostics import GraphspecError
from graphspec.inspecting.activations import ends_of
from graphspec.inspecting.findings import Facts, findings
from graphspec.inspecting.inspection import Finding, Inspection, LayerState
from graphspec.inspecting.observer import Seen, observed
from graphspec.shapes.shaped import ShapedLayer
from graphspec.training.learner import Learner
from graphspec.training.loop import again, train_step
from graphspec.training.prepare import prepared
from graphspec.training.run import checkpoint
from graphspec.training.run.resume import take_up
from graphspec.training.run.run_folder import RunFolder


def inspect(source: Source, *, device: str = "auto", data: DataLike = None, **reading: Unpack[Reading]) -> Inspection:
    """The first training batch, as training sees it, through feedforward, loss, backward and update of a spec or a run.

    A run is looked at where it stands: the weights, the optimiser's state and the rate of its newest checkpoint.
    Nothing is kept of that step. Layer by layer: activations, gradients, moves of weights; ``.findings`` says what is
    wrong.

    Raises ``GraphspecError`` where the network cannot be trained at all.
    """
    network = Network.open(source, "run", "spec", data=data, **reading)
    with network.located():
        return _inspected(network, device, DataPlace.of(data))


def _inspected(network: Network, device: str, place: DataPlace) -> Inspection:
    with prepared(network, device, place) as (learner, batches):
        state = checkpoint.load(RunFolder(network.folder).checkpoints) if network.folder else None
        if state is not None:
            take_up(learner, state, state.get("run", {}))
        learner.train_mode()
        batch = next(iter(batches.shuffled(learner.epoch)))
        step = _Step(learner, batch, network.with_module(learner.module))
        step.forward_and_backward()
        if math.isfinite(step.loss):
            step.update()
    facts = step.facts()
    return Inspection(
        name=network.name, run=network.folder, epoch=learner.epoch, samples=len(batch), inputs=facts.inputs,
        layers=facts.layers, loss=step.loss, after=step.after, gradient=step.norm, lr=step.lr,
        findings=tuple(_placed(finding, network) for finding in findings(facts)),
    )  # fmt: skip


class _Step:
    """One batch through the steps, with what is seen on the way."""

    def __init__(self, learner: Learner, batch: Samples, network: Network) -> None:
        self.learner, self.batch, self.network = learner, batch, network
        self.inputs = learner.binding.inputs_of(batch)
        self.target = learner.binding.lesson_of(batch, self.inputs)
        self.seen: Mapping[str, Seen] = {}
        self.gradients: dict[str, float] = {}
        self.moves: dict[str, float] = {}
        self.loss = self.after = self.norm = math.nan
        with learner.schedule.warmed(learner.step):
            self.lr = learner.schedule.lr

    def forward_and_backward(self) -> None:
        """Feedforward, loss and backward. A loss that is not finite is a finding, and ends here."""
        random = torch.get_rng_state()
        with observed(self.network) as self.seen:
            try:
                self.loss = train_step(self.learner, self.batch, update=False)
            except GraphspecError as error:
                if error.diagnostics[0].code != "non-finite":
                    raise
        torch.set_rng_state(random)
        scale = self.learner.precision.scaler.get_scale() if self.learner.precision.scaler else 1.0
        for name, parameter in self.learner.module.named_parameters():
            if parameter.grad is not None:
                self.gradients[name] = parameter.grad.double().norm().item() / scale
        self.norm = math.hypot(*self.gradients.values()) if math.isfinite(self.loss) else math.nan

    def update(self) -> None:
        """Move the weights, and look how far, and what has become of this batch's loss."""
        learner = self.learner
        before = {name: value.detach().clone() for name, value in learner.module.named_parameters()}
        learner.update(partial(again, learner, self.inputs, self.target) if learner.asks_again else None)
        for name, value in learner.module.named_parameters():
            size = before[name].double().norm().item()
            if size and value.ndim > 1:  # biases begin at 0 or near it
                self.moves[name] = (value.detach() - before[name]).double().norm().item() / size
        with torch.no_grad(), learner.precision.autocast():  # the same noise as before
            self.after = float(learner.objective(learner.module(*self.inputs), self.target))

    def facts(self) -> Facts:
        """What the findings are made of."""
        learns = {name: value.requires_grad for name, value in self.learner.module.named_parameters()}
        layers = tuple(self._layer(layer, learns) for layer in self.network.shaped.layers if layer.name in self.seen)
        fields = zip(self.network.shaped.inputs, self.inputs, strict=True)
        inputs = {name: _spread(value) for name, value in fields if value.is_floating_point()}
        return Facts(
            self.network, layers, self.seen, inputs,
            self.gradients, self.moves, self.loss, self.after, self.norm, self.lr, self.learner.trend.first,
        )  # fmt: skip

    def _layer(self, layer: ShapedLayer, learns: Mapping[str, bool]) -> LayerState:
        seen = self.seen[layer.name]
        own = [f"{layer.name}.{name}" for name in layer.parameters if f"{layer.name}.{name}" in learns]
        gradients = [self.gradients[name] for name in own if name in self.gradients]
        moves = [self.moves[name] for name in own if name in self.moves]
        dead = None if seen.silent is None else int(seen.silent.sum())
        bounded = seen.share(seen.near_ends) if ends_of(layer) else None
        return LayerState(
            layer.name, layer.type, seen.mean, seen.std, seen.share(seen.zeros), bounded, dead,
            None if seen.silent is None else len(seen.silent), seen.gradient,
            math.hypot(*gradients) if gradients else None, max(moves, default=None),
            any(learns[name] for name in own) if own else None, seen.by_time,
        )  # fmt: skip


def _spread(value: Tensor) -> tuple[float, float]:
    plain = value.double()
    return plain.mean().item(), plain.std(correction=0).item()


def _placed(finding: Finding, network: Network) -> Finding:
    """`finding` with the file and the line that it is about."""
    source = network.spec.source
    position = source.locate(finding.at)
    line = f":{position.line}" if position else ""
    return dataclasses.replace(finding, place=f"{source.origin(finding.at)}{line}" if finding.at else "")
