"""What a compiled module costs over hand-written PyTorch: time and peak memory of a forward pass, side by side.

    python benchmarks/forward.py [--rounds 15]

torchvision's own ResNet-18 and MobileNetV2 against the modules compiled from specs/zoo with the same weights, one
thread, rounds interleaved. Time is a ratio of medians; memory is the greatest sum of live tensors, as torch's profiler
counts allocations.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
import torchvision
from torch import nn
from torch.profiler import ProfilerActivity, profile

import graphspec

ZOO = Path(__file__).parents[1] / "specs" / "zoo"
NETWORKS = {"resnet18": torchvision.models.resnet18, "mobilenet_v2": torchvision.models.mobilenet_v2}


def seconds(module: nn.Module, image: torch.Tensor) -> float:
    """One forward pass."""
    start = time.perf_counter()
    module(image)
    return time.perf_counter() - start


def peak(module: nn.Module, image: torch.Tensor) -> int:
    """Bytes of live tensors at the worst moment of a forward pass."""
    options = {"profile_memory": True, "record_shapes": True, "with_stack": True}
    with profile(activities=[ProfilerActivity.CPU], **options) as found:
        module(image)
    live = most = 0
    events = [event for event in found._memory_profile().timeline if str(event[1]).endswith(("CREATE", "DESTROY"))]
    for _, action, _, size in events:
        live += size if str(action).endswith("CREATE") else -size
        most = max(most, live)
    return most


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(f"{'network':14}{'hand-written':>14}{'compiled':>12}{'time':>8}{'memory':>9}")
    with torch.no_grad():
        for name, make in NETWORKS.items():
            theirs = make().eval()
            ours = graphspec.compile(ZOO / f"{name}.toml").eval()
            ours.load_state_dict(theirs.state_dict())
            image = torch.randn(4, 3, 224, 224)
            assert torch.equal(ours(image), theirs(image))
            times: dict[int, list[float]] = {0: [], 1: []}
            for turn in range(rounds):
                for index in (0, 1) if turn % 2 else (1, 0):
                    times[index].append(seconds((theirs, ours)[index], image))
            medians = [statistics.median(times[index]) for index in (0, 1)]
            memory = peak(ours, image) / peak(theirs, image)
            row = f"{name:14}{medians[0] * 1e3:11.1f} ms{medians[1] * 1e3:9.1f} ms"
            print(f"{row}{medians[1] / medians[0]:8.3f}{memory:9.3f}")


if __name__ == "__main__":
    main()
