"""CIFAR-shaped data alone: random crop, random mirroring and Normalize, graphspec beside what is written instead.

The lecture's loop: torchvision's data set, PIL, RandomCrop, RandomHorizontalFlip, ToTensor, Normalize, DataLoader.
kornia augments whole float batches, taken by index from the same tensor as graphspec's. Pixels are random: no files.

    python benchmarks/data.py [--samples 10000] [--batch-size 128] [--rounds 5] [--threads 1]

kornia is measured where it can be imported (``pip install --no-deps kornia kornia_rs``).
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from graphspec.data import Batches, Samples
from graphspec.data.augment import augmentations
from graphspec.data.transforms import Normalize
from graphspec.spec.base import Component
from rounds import Seconds, Table, clock, interleaved

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
AUGMENT = [{"type": "RandomCrop", "size": 32, "padding": 4}, "RandomHorizontalFlip"]


class Pictures(Dataset[Any]):
    """What torchvision's CIFAR10 does: an array of pixels, each sample a PIL picture that is transformed."""

    def __init__(self, pixels: Tensor, labels: Tensor) -> None:
        self.data, self.targets = pixels.permute(0, 2, 3, 1).numpy(), labels.tolist()
        steps = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        self.transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[row])), self.targets[row]


def lecture(pixels: Tensor, labels: Tensor, size: int) -> Callable[[int], Iterator[Any]]:
    loader = DataLoader(Pictures(pixels, labels), batch_size=size, shuffle=True)
    return lambda epoch: iter(loader)


def graphspec(pixels: Tensor, labels: Tensor, size: int) -> Callable[[int], Iterator[Any]]:
    augment = augmentations([Component.model_validate(component) for component in AUGMENT])
    samples = Samples({"image": pixels}, {"label": labels})
    return Batches(samples, size, {"image": [Normalize(MEAN, STD)]}, augment).shuffled


def kornia(pixels: Tensor, labels: Tensor, size: int) -> Callable[[int], Iterator[Any]]:
    from kornia import augmentation

    steps = torch.nn.Sequential(
        augmentation.RandomCrop((32, 32), padding=4),
        augmentation.RandomHorizontalFlip(p=0.5),
        augmentation.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    )

    def epoch(number: int) -> Iterator[Any]:
        for index in torch.randperm(len(pixels)).split(size):
            yield steps(pixels[index].float().div_(255)), labels[index]

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (options.samples, 3, 32, 32), dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, 10, (options.samples,), generator=draw)
    contestants = {"the lecture's loop": lecture, "graphspec": graphspec}
    if importlib.util.find_spec("kornia"):
        contestants["kornia"] = kornia

    def an_epoch(epoch: Callable[[int], Iterator[Any]]) -> Callable[[], Seconds]:
        numbers = itertools.count()
        return lambda: clock(lambda: deque(epoch(next(numbers)), maxlen=0))

    work = {name: an_epoch(each(pixels, labels, options.batch_size)) for name, each in contestants.items()}
    title = f"{options.samples} images of 3 × 32 × 32, batches of {options.batch_size}, threads: {options.threads}"
    Table(title, interleaved(work, options.rounds), "the lecture's loop", options.samples).show()


if __name__ == "__main__":
    main()
