"""Where memory is too small for a batch, it is computed in pieces, and the update is the whole batch's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

#: One step on the full batch of 1,294 digits: the first layer gives 340 MB of activations.
SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {
        "conv": {"type": "Conv2d", "out_channels": 1024, "kernel_size": 1},
        "pool": {"type": "AdaptiveAvgPool2d", "output_size": 1},
        "flatten": "Flatten",
        "logits": {"type": "Linear", "out_features": 10},
    },
    "data": {"dataset": "digits", "batch_size": 1294, "validation": 0.1},
    "train": {"epochs": 2, "optimizer": {"type": "SGD", "lr": 0.1}},
}
SCRIPT = """
import json, resource, sys, warnings
from pathlib import Path
import torch
from graphspec import pipeline
from graphspec.training import loop, train
from graphspec.training.progress import Silent

torch.set_num_threads(1)
shaped = pipeline.shape(pipeline.load(json.loads(sys.argv[1])))
module = pipeline.build(shaped)
room = int(sys.argv[3])

class Limit(Silent):
    def start(self, *_):
        if room:
            used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + room, resource.RLIM_INFINITY))

    def epoch(self, row, epochs):
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

warnings.simplefilter("always")
train(module, shaped, run=Path(sys.argv[2]), reporter=Limit(), device="cpu")
"""


def run(folder: Path, room: int) -> str:
    """Train in a process whose address space may grow by `room` bytes (0: no limit) once training begins."""
    arguments = [json.dumps(SPEC), str(folder), str(room)]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_half_batches_make_the_whole_batchs_update(tmp_path: Path) -> None:
    assert "out-of-memory" not in run(tmp_path / "free", 0)
    assert "is computed in" in run(tmp_path / "tight", 450 * 2**20)
    free, tight = (load_file(tmp_path / name / "last.safetensors") for name in ("free", "tight"))
    for name, value in free.items():
        assert torch.allclose(tight[name], value, atol=1e-5, rtol=0), name
    metrics = [
        (tmp_path / name / "metrics.csv").read_text().splitlines()[1].split(",")[1:5] for name in ("free", "tight")
    ]
    assert metrics[0][0] == metrics[1][0] == "1"
    assert abs(float(metrics[0][2]) - float(metrics[1][2])) < 1e-5
    assert metrics[0][3] == metrics[1][3]
