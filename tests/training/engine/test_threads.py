"""The thread count follows from the network and its batch alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from graphspec import compiler
from graphspec.training.engine.threads import ALL_THREADS, forward_flops, restored_threads, set_threads

CONV: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 3, "16*H", "16*H"]},
    "layers": {"conv": {"type": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1}},
}


@pytest.mark.parametrize(("batch", "size"), [(1, 16), (5, 48)])
def test_flops_are_those_of_a_batch(batch: int, size: int) -> None:
    """2 × multiply-adds: 27 of them for each of the 8 channels of a pixel."""
    shaped = compiler.load(CONV).shaped
    assert forward_flops(shaped, [torch.zeros(batch, 3, size, size)]) == 2 * 27 * 8 * batch * size**2


@pytest.mark.parametrize(("flops", "count"), [(0, 1), (int(ALL_THREADS) - 1, 1), (int(ALL_THREADS), 2)])
def test_small_steps_take_one_thread_and_large_ones_all(flops: int, count: int) -> None:
    with restored_threads():
        torch.set_num_threads(2)
        assert set_threads(flops) == torch.get_num_threads() == count


def test_the_caller_s_count_comes_back() -> None:
    with restored_threads():
        torch.set_num_threads(2)
        with restored_threads():
            torch.set_num_threads(1)
        assert torch.get_num_threads() == 2
