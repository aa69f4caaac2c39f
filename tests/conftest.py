"""Forks of the process that runs the tests leave alone what other tests have made there.

A child that collects garbage may free an onnxruntime session whose threads only the parent has, and waits for them for
ever; frozen objects are never collected. Tracing puts a guard of CUDA's in place, and autograd, if it starts only then,
starts threads that forbid every later fork to train; it is started before.
"""

import gc
import os

import pytest
import torch

os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)


@pytest.fixture(scope="session", autouse=True)
def autograd_started_before_anything_is_traced() -> None:
    torch.ones(1, requires_grad=True).sum().backward()
