"""The layers of which the outputs tell nothing: their weights could be wrong and every output would still pass.

In a network as it is initialised the signal may fade on its way (every block of it divides it by ten, say) until the
last bias is all that can be seen. Such layers must be judged by their own values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from graphspec.exporting.reference import Reference, as_float64, in_float64
from graphspec.exporting.tolerance import allowed_error
from graphspec.module.names import within
from graphspec.verifying.judge import DAMAGE, Expected, family_noise

#: Each costs a backward pass; these are the ordinary magnitudes.
MOST_FAMILIES = 3


def unobserved_layers(reference: Reference, expectations: Sequence[Expected], costly: bool = False) -> set[str]:
    """The layers with weights whose random relative change by `DAMAGE` moves no output by more than is allowed there.

    They are looked for in the first `MOST_FAMILIES` families of `expectations`: a layer that only others show is judged
    by its own values too, which harms nothing. Of a `costly` module they are all its layers with weights, whose values
    cost less than to ask.

    The movement is estimated to first order, by one backward pass for each floating-point output of the float64
    module: for random signs s, the gradient of Σ s·output by w, times the changes DAMAGE·u·w with u uniform in ±1, is
    as long as the change of that output.
    """
    module = reference.double
    weights = {name: weight for name, weight in module.named_parameters() if weight.is_floating_point()}
    weights = {name: weight for name, weight in weights.items() if weight.any()}
    owners = [layer for layer in reference.shaped.layers if layer.parameters and layer.module == layer.name]
    unobserved = {layer.name for layer in owners if any(within(name, layer.module) for name in weights)}
    if costly:
        return unobserved
    noise = family_noise(expectations)
    families = {expected.case.family: expected for expected in expectations if expected.case.family != "zeros"}
    tried = list(families.items())[:MOST_FAMILIES][::-1]  # most layers show on the greatest inputs
    for family, expected in tried:
        if not unobserved:
            break
        for output, changes in _movements(reference, expected, weights):
            allowed = allowed_error(
                expected.outputs.double[output], noise[family, output], expected.outputs.unit(output)
            )
            seen = [name for name, change in changes.items() if change > allowed]
            unobserved -= {layer for layer in unobserved if any(within(name, layer) for name in seen)}
    return unobserved


def _movements(
    reference: Reference, expected: Expected, weights: Mapping[str, Tensor]
) -> Iterator[tuple[str, dict[str, float]]]:
    with _recorded(weights):
        for output, value in _outputs(reference, expected).items():
            yield output, _changes(value, weights)


@contextmanager
def _recorded(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, gradients reach `weights`."""
    for weight in weights.values():
        weight.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        for weight in weights.values():
            weight.requires_grad_(False)


def _outputs(reference: Reference, expected: Expected) -> dict[str, Tensor]:
    """The outputs that gradients can come from."""
    with in_float64():
        result = reference.double(*map(as_float64, expected.case.inputs.values()))
    table = {reference.output_names[0]: result} if isinstance(result, Tensor) else result
    return {name: value for name, value in table.items() if value.requires_grad and value.numel()}


def _changes(value: Tensor, weights: Mapping[str, Tensor]) -> dict[str, float]:
    """By weight, how far an element of `value` moves (root of the mean square) where that weight alone is wrong."""
    signs = torch.randint(0, 2, value.shape, generator=torch.Generator().manual_seed(0)).to(value) * 2 - 1
    gradients = torch.autograd.grad(value, list(weights.values()), signs, retain_graph=True, allow_unused=True)
    scale = DAMAGE / (3.0 * value.numel()) ** 0.5  # u has variance 1/3
    return {
        name: 0.0 if gradient is None else scale * float(torch.linalg.vector_norm(gradient * weight.detach()))
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
    }
