"""What is wrong with a step, in plain words: a rule for each fault, in the order of causes."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping

from graphspec.compiler import Network
from graphspec.diagnostics import quoted
from graphspec.inspecting.activations import SILENT, ends_of
from graphspec.inspecting.inspection import Finding, FindingKind, LayerState
from graphspec.inspecting.observer import Seen
from graphspec.shapes.parameters import FROM_FILE
from graphspec.shapes.shaped import ShapedLayer

#: Inputs are expected near 1: so far from 0 on the average (root mean square) they are not.
_LARGE, _SMALL = 10.0, 1e-3
#: This part of a layer's units or values, seen in so many rows, is a fault.
_MOST, _ROWS = 0.5, 16
#: A gradient this many times smaller, or greater, at one end of the network than at the other.
_VANISHED, _EXPLODED = 1e-4, 1e3
#: Over a few steps of a recurrent layer less is a fault already, where each step multiplies it by so much: sums over
#: time grow by a number of steps, not by powers.
_GROWING, _A_STEP = 30.0, 1.5
#: A recurrent layer of fewer steps says nothing of time.
_STEPS = 4
#: Relative moves of weights: usual is 1e-3; above the first most of a weight is replaced, below the second none moves.
_REPLACED, _STILL = 1.0, 1e-6
_NORMS = ("BatchNorm", "LayerNorm", "InstanceNorm", "GroupNorm", "RMSNorm")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What was seen: ``inputs`` with mean and standard deviation, ``layers`` in execution order; by the name of each
    parameter the norm of its gradient, and ‖Δw‖ / ‖w‖. ``first`` is the loss of a run's first batch."""

    network: Network
    layers: tuple[LayerState, ...]
    seen: Mapping[str, Seen]
    inputs: dict[str, tuple[float, float]]
    gradients: Mapping[str, float]
    moves: Mapping[str, float]
    loss: float
    after: float
    gradient: float
    lr: float
    first: float | None

    @property
    def shaped(self) -> Mapping[str, ShapedLayer]:
        """The layers by name."""
        return {layer.name: layer for layer in self.network.shaped.layers}

    @property
    def weighted(self) -> list[LayerState]:
        """Layers with weights to which a gradient comes back."""
        return [layer for layer in self.layers if layer.learns and layer.gradient is not None]


def findings(facts: Facts) -> Iterator[Finding]:
    """All that is wrong; what only follows from an earlier finding is left out."""
    inputs = list(_inputs(facts))
    yield from inputs
    if not math.isfinite(facts.loss):
        yield _not_finite(facts)
        return
    silent = [*itertools.islice(_dead(facts), 1), *itertools.islice(_saturated(facts), 1)]  # later ones follow from it
    exploding = list(_exploding(facts))
    yield from silent
    yield from exploding
    vanishing = [] if silent or exploding else list(_vanishing(facts))
    yield from vanishing
    yield from _frozen(facts)
    if not silent:
        yield from _unreached(facts)
    if not inputs and not exploding:
        yield from _rate(facts)


def _inputs(facts: Facts) -> Iterator[Finding]:
    for name, (mean, std) in facts.inputs.items():
        size = math.hypot(mean, std)
        if not math.isfinite(size) or _SMALL <= size <= _LARGE or not size or _is_normed(facts, name):
            continue
        message = f"the input {quoted(name)} is not scaled: its mean is {mean:.4g}, its standard deviation {std:.4g}"
        yield Finding(
            "unscaled-input", message, 'weights begin for inputs near 1: [data] transforms = ["StandardScaler"]',
            at=("inputs", name),
        )  # fmt: skip


def _is_normed(facts: Facts, name: str) -> bool:
    """Whether all that take an input bring it to one scale first."""
    takers = [layer for layer in facts.network.shaped.layers if layer.first and layer.first.layer == name]
    return bool(takers) and all(layer.type.startswith(_NORMS) for layer in takers)


def _not_finite(facts: Facts) -> Finding:
    first = next((layer for layer in facts.layers if not facts.seen[layer.name].finite), None)
    if first is None:
        where = "every layer's output is finite"
        return Finding("not-finite", f"the loss is not finite, and {where}", "look at loss and targets", at=("train",))
    layer = facts.shaped[first.name]
    message = f"{layer} gives the first value that is not finite, and so the loss is none"
    return Finding("not-finite", message, "a smaller lr, a norm before it, or scaled inputs help", first.name, layer.at)


def _dead(facts: Facts) -> Iterator[Finding]:
    for state in facts.layers:
        rows = facts.seen[state.name].rows
        if state.dead is None or not state.units or rows < _ROWS or state.dead < _MOST * state.units:
            continue
        layer = facts.shaped[state.name]
        message = (
            f"{layer} is dead in {_of(state.dead, state.units)} units: zero for the whole batch, "
            "so no gradient passes and they cannot learn"
        )
        hint = "a smaller lr, the default bias, BatchNorm before it, or LeakyReLU helps"
        yield Finding("dead-units", message, hint, state.name, layer.at)


def _of(part: int, whole: int) -> str:
    return f"all {whole}" if part == whole else f"{part} of {whole}"


def _saturated(facts: Facts) -> Iterator[Finding]:
    outputs = {ref.layer for ref in facts.network.shaped.outputs.values()}
    for state in facts.layers:
        if state.saturated is None or state.saturated < _MOST or state.name in outputs:
            continue
        layer = facts.shaped[state.name]
        low, high = ends_of(layer) or (0.0, 1.0)
        message = f"{layer} is saturated: {state.saturated:.0%} of its values are at its ends, {low:g} and {high:g}"
        hint = "smaller weights (init), scaled inputs, or BatchNorm before it help"
        yield Finding("saturated", message, hint, state.name, layer.at)


def _exploding(facts: Facts) -> Iterator[Finding]:
    hint = "[train] clip_grad_norm = 1, smaller weights (init), or an LSTM or GRU helps"
    for state in facts.layers:
        times = state.by_time
        if len(times) < _STEPS or not times[-1]:
            continue
        growth = max(times[: len(times) // 2]) / times[-1]
        if growth > _EXPLODED or (growth > _GROWING and growth > _A_STEP ** (len(times) - 1)):
            layer = facts.shaped[state.name]
            message = (
                f"the gradient explodes in {layer}: over its {len(times)} steps back to the first one it grows "
                f"{_times(growth)}"
            )
            yield Finding("exploding", message, hint, state.name, layer.at)
            return
    layers = facts.weighted
    if len(layers) < 2 or not layers[-1].gradient:
        return
    most = max(layers, key=lambda layer: layer.gradient or 0)
    growth = (most.gradient or 0) / layers[-1].gradient
    if growth > _EXPLODED:
        layer = facts.shaped[most.name]
        message = f"the gradient explodes: at {layer} it is {_times(growth)} that at the last layer with weights"
        hint = "[train] clip_grad_norm = 1, norms between, or smaller weights help"
        yield Finding("exploding", message, hint, most.name, layer.at)


def _vanishing(facts: Facts) -> Iterator[Finding]:
    layers = facts.weighted
    for number, state in enumerate(layers):
        later = max((layer.gradient or 0 for layer in layers[number + 1 :]), default=0)
        if state.gradient is None or later == 0 or state.gradient > _VANISHED * later:
            continue
        layer = facts.shaped[state.name]
        names = [each.name for each in facts.layers]
        behind = facts.layers[names.index(state.name) :]
        flat = [each.type for each in behind if each.saturated is not None or each.type in SILENT]
        between = f" through {len(flat)} × {max(set(flat), key=flat.count)}" if flat else ""
        shrunk = "nothing of it is left" if not state.gradient else f"it is {_times(later / state.gradient)} smaller"
        message = f"the gradient vanishes on its way back{between}: at {layer} {shrunk} than near the end"
        hint = "ReLU instead of sigmoids, BatchNorm between, shortcuts, or a wider init helps"
        yield Finding("vanishing", message, hint, state.name, layer.at)
        return


def _frozen(facts: Facts) -> Iterator[Finding]:
    """A layer that is frozen as the seed drew it: what comes from a file is meant to stay."""
    train = facts.network.spec.train
    if train is not None and train.init is not None:
        return
    for state in facts.layers:
        layer = facts.shaped[state.name]
        if state.learns is False and layer.freeze and FROM_FILE not in layer.init and "weights" not in layer.arguments:
            count = layer.parameter_count
            message = f"{layer} is frozen with the weights that the seed drew: its {count:,} numbers never learn"
            hint = "leave freeze out, or give it learned weights by init or [train] init"
            yield Finding("frozen", message, hint, state.name, layer.at)


def _unreached(facts: Facts) -> Iterator[Finding]:
    """Layers whose weights may learn, and get no gradient."""
    lost = [state for state in facts.layers if state.learns and not state.weight_gradient]
    if not lost:
        return
    layer = facts.shaped[lost[0].name]
    more = f" nor to {len(lost) - 1} more" if len(lost) > 1 else ""
    message = f"no gradient comes back to {layer}{more}: its weights stay as they are"
    hint = "what lies behind it passes none (detach, argmax, round, a dead layer), or no loss asks for its output"
    yield Finding("no-gradient", message, hint, lost[0].name, layer.at)


def _rate(facts: Facts) -> Iterator[Finding]:
    """Whether the step that was taken is far too long, or no step at all."""
    moves, grown = facts.moves, facts.after - facts.loss
    slack = max(abs(facts.loss), 0.1 * abs(facts.first or 0), 1e-3)
    replaced = bool(moves) and sorted(moves.values())[len(moves) // 2] > _REPLACED
    most = max(moves.values(), default=0.0)
    if not grown <= slack or (replaced and grown > 0.1 * slack):
        name = max(moves, key=lambda each: moves[each], default="")
        moved = f" ({name} moves by {most:.3g} times its size)" if name else ""
        brings = f"one step brings this batch's own loss from {facts.loss:.4g} to {facts.after:.4g}{moved}"
        yield _of_rate("lr-too-large", f"the lr {facts.lr:g} is too large: {brings}", "a smaller one")
    elif facts.lr and moves and most < _STILL and facts.gradient:
        stays = f"no weight moves by more than {most:.1g} of its size"
        yield _of_rate("lr-too-small", f"the lr {facts.lr:g} is too small: {stays}", "a larger one")


def _of_rate(kind: FindingKind, message: str, instead: str) -> Finding:
    hint = f"{instead}; graphspec train SPEC --find-lr FILE.png finds it"
    return Finding(kind, message, hint, at=("train", "optimizer"))


def _times(value: float) -> str:
    return f"{value:,.0f} times" if value < 1e6 else f"{value:.1g} times"
