"""The loop: feedforward, loss, backward, update."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from graphspec.data import Batches, Samples
from graphspec.diagnostics import GraphspecError, fail
from graphspec.training.evaluation.in_halves import in_halves
from graphspec.training.learner import Learner
from graphspec.training.metrics.metric_set import MetricSet, Scores
from graphspec.training.objective import Values


def train_step(learner: Learner, batch: Samples, share: float = 1.0, update: bool = True) -> float:
    """One step on one batch; gives the batch's mean loss, which is finite, or raises before the update.

    On a GPU it gives the newest loss that was looked at, see :mod:`graphspec.training.checks.finite`.

    Where several batches make one update, `share` is this one's part of their samples, and the last has `update`.
    """
    inputs, target = learner.fields.inputs_of(batch), learner.fields.targets_of(batch)

    if learner.recorded is not None and share == 1 and learner.recorded.fits(inputs, target):
        loss, output = learner.recorded(inputs, target)  # feedforward, loss and backward, as below
        value = learner.watch(loss, lambda loss: not_finite(learner, inputs, loss))
    else:
        with learner.precision.autocast():
            output = learner.forward(*inputs)  # feedforward
            loss = learner.objective(output, target)  # loss
        value = learner.watch(loss, lambda loss: not_finite(learner, inputs, loss))
        learner.precision.backward(loss if share == 1 else loss * share)  # backward
    if update:
        learner.update(partial(_again, learner, inputs, target) if learner.asks_again else None)  # update

    learner.metrics.update(value if learner.watch.every == 1 else loss.detach().double(), _detached(output), target)
    learner.batch += 1
    return value


@torch.inference_mode()
def measure(learner: Learner, batches: Batches, scores: Scores | None = None) -> dict[str, float]:
    """``loss`` and the metrics of a part, the module in eval mode; `scores` also gets every output and target."""
    found = MetricSet(learner.metrics.components, learner.objective, learner.device)
    learner.module.eval()
    for batch, output in in_halves(learner.answer, batches.in_order(max(batches.batch_size, 512))):
        target = learner.fields.targets_of(batch)
        found.update(learner.objective(output, target).item(), output, target)
        if scores is not None and learner.objective.first is not None:
            scores.update(*learner.objective.first.pair(output, target))
    learner.module.train()
    return found.compute()


def _again(learner: Learner, inputs: list[Tensor], target: Values) -> Tensor:
    """Loss and gradients of the same batch at the weights of now."""
    learner.clear_gradients()
    with torch.enable_grad():
        loss = learner.objective(learner.forward(*inputs), target)
        loss.backward()
    return loss


def _detached(output: Values) -> Values:
    if isinstance(output, Tensor):
        return output.detach().float() if output.requires_grad or output.dtype != torch.float32 else output
    return {name: value.detach().float() for name, value in output.items()}


def not_finite(learner: Learner, inputs: list[Tensor], loss: float) -> GraphspecError:
    """The error for a loss of `loss`, naming the first layer whose output is not finite."""
    layer = _first_not_finite(learner.module, inputs)
    where = f'layer "{layer}" gives the first value that is not finite' if layer else "every layer's output is finite"
    place = f"step {learner.step + 1} (epoch {learner.epoch + 1}, batch {learner.batch + 1})"
    hint = "nothing was updated; a smaller lr often helps"
    return fail("non-finite", f"the loss is {loss} at {place}: {where}", at=("train",), hint=hint)


@torch.no_grad()
def _first_not_finite(module: nn.Module, inputs: list[Tensor]) -> str:
    found: list[str] = []

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(layer: nn.Module, arguments: object, output: object) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(name)

        return layers[name].register_forward_hook(hook)

    layers = {name: layer for name, layer in module.named_modules() if name and not list(layer.children())}
    handles = [watch(name) for name in layers]
    module(*inputs)
    for handle in handles:
        handle.remove()
    return found[0] if found else ""
