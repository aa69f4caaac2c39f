"""The comparison rules of other tools, as their sources have them, on a file and the module it came from.

All of them run the file once in onnxruntime as installed and compare it with the float32 module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphspec.exporting.sampler import Sampler

Array = NDArray[np.generic]
Compare = Callable[[Array, Array], bool]


def torch_verify(expected: Array, actual: Array) -> bool:
    """torch.onnx.export(verify=True): a fault is max|d| ≥ 5e-3 or max|d|/(|ref| + 1e-7) ≥ 0.1."""
    difference = np.abs(expected.astype(np.float32) - actual.astype(np.float32))
    return bool(difference.max() < 5e-3 and (difference / (np.abs(expected) + 1e-7)).max() < 0.1)


def optimum(expected: Array, actual: Array) -> bool:
    """Optimum's ONNX export: np.allclose with atol 1e-5 (and numpy's own rtol of 1e-5)."""
    return bool(np.allclose(expected, actual, atol=1e-5))


def polygraphy(expected: Array, actual: Array) -> bool:
    """Polygraphy's default: every element within 1e-5 + 1e-5 · |ref|."""
    return bool((np.abs(expected - actual) <= 1e-5 + 1e-5 * np.abs(expected)).all())


def onnxslim(expected: Array, actual: Array) -> bool:
    """onnxslim's model check: np.allclose with rtol 1e-3 and atol 1e-4, NaN equal to NaN."""
    return bool(np.allclose(expected, actual, rtol=1e-3, atol=1e-4, equal_nan=True))


#: Rule → its comparison, and the inputs it makes: the export's own sample, or uniforms with every open dim at 1.
RULES: dict[str, tuple[Compare, bool]] = {
    "torch verify=True": (torch_verify, False),
    "Optimum": (optimum, False),
    "Polygraphy": (polygraphy, True),
    "onnxslim": (onnxslim, True),
}


def verdicts(module: nn.Module, sampler: Sampler, path: Path, outputs: list[str], seed: int) -> dict[str, bool]:
    """Which rules accept the file at `path`; a file that onnxruntime refuses is refused by all."""
    samples = {False: sampler.draw(seed=seed), True: _uniform(sampler, seed)}
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found = {uniform: _run(session, outputs, inputs) for uniform, inputs in samples.items()}
    except Exception:  # whatever onnxruntime raises, the file does not run
        return dict.fromkeys(RULES, False)
    with torch.no_grad():
        expected = {uniform: _arrays(module(*inputs.values()), outputs) for uniform, inputs in samples.items()}
    return {
        rule: all(
            want.shape == got.shape and compare(want, got)
            for want, got in zip(expected[uniform], found[uniform], strict=True)
        )
        for rule, (compare, uniform) in RULES.items()
    }


def _uniform(sampler: Sampler, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = sampler.draw(dict.fromkeys(sampler.sizes, 1), seed=seed)
    return {
        name: torch.rand(value.shape, generator=generator) if value.is_floating_point() else value
        for name, value in inputs.items()
    }


def _run(session: onnxruntime.InferenceSession, outputs: list[str], inputs: Mapping[str, Tensor]) -> list[Array]:
    return list(session.run(outputs, {name: value.numpy() for name, value in inputs.items()}))


def _arrays(result: Tensor | Mapping[str, Tensor], outputs: list[str]) -> list[Array]:
    values = [result] if isinstance(result, Tensor) else [result[name] for name in outputs]
    return [value.numpy() for value in values]
