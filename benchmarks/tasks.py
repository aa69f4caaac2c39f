"""The tasks of ``specs/`` beside plain PyTorch or scikit-learn, on the same parts of the same data.

    graphspec train specs/NAME.toml && graphspec export runs/NAME     # multilabel before transfer, digits before distil
    python benchmarks/tasks.py [NAME …]

A run's figure is that of its test part, as ``evaluation.json`` of ``runs/NAME`` has it; whether ``exports/NAME`` was
verified stands in its manifest. What is beside it is computed here: the textbook loop over the spec's own network, its
best epoch by validation, or what scikit-learn makes of the samples.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_jaccard_index
from torchmetrics.functional.text import char_error_rate

from graphspec import compiler
from graphspec.compiler import Network
from graphspec.data import DataSet, data_of

HERE = Path(__file__).parents[1]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
#: Of a module, inputs and targets; higher is better.
Score = Callable[[nn.Module, Tensor, Tensor], float]
Other = Callable[[Network, DataSet], float]
Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclasses.dataclass(frozen=True)
class Task:
    """``metric`` of the spec's run, and what gives the ``other`` figure, in words and as a function."""

    title: str
    metric: str
    how: str
    other: Other


def pair(data: DataSet, part: Any) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a whole part, transformed and not augmented; of targets that are the input, that."""
    batch = data.batch(len(data.samples(part)), part)
    x = next(iter(batch.inputs.values()))
    return x, next(iter(batch.targets.values()), x)


def schedule(network: Network, optimizer: torch.optim.Optimizer, batches: int) -> tuple[Any, bool]:
    """The spec's scheduler, and whether it steps with each batch."""
    assert network.spec.train is not None
    settings, epochs = network.spec.train.scheduler, network.spec.train.epochs
    if settings is None:
        return torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0), False
    if settings.type == "OneCycleLR":
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, total_steps=epochs * batches, **settings.args), True
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs), False


def textbook(loss: Loss, score: Score, changed: Change | None = None) -> Other:
    """The loop as it is taught, over the spec's network; `changed` augments a batch."""

    def other(network: Network, data: DataSet) -> float:
        settings, size = network.spec.train, data.batch_size
        assert settings is not None
        torch.manual_seed(0)
        module, (x, y), kept = network.build(), pair(data, "train"), (-np.inf, 0.0)
        args = {key: value for key, value in settings.optimizer.args.items() if key != "groups"}
        optimizer = getattr(torch.optim, settings.optimizer.type)(module.parameters(), **args)
        scheduler, each = schedule(network, optimizer, -(-len(x) // size))
        for _ in range(settings.epochs):
            module.train()
            for rows in torch.randperm(len(x)).split(size):
                batch = changed(x[rows], y[rows]) if changed else (x[rows], y[rows])
                optimizer.zero_grad()
                loss(module, *batch).backward()
                optimizer.step()
                if each:
                    scheduler.step()
            if not each:
                scheduler.step()
            module.eval()
            with torch.no_grad():
                found = score(module, *pair(data, "validation"))
                if found > kept[0]:
                    kept = found, score(module, *pair(data, "test"))
        return kept[1]

    return other


def entropy(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(module(x), y.long())


def accuracy(module: nn.Module, x: Tensor, y: Tensor) -> float:
    return (module(x).argmax(1) == y).float().mean().item()


def overlap(module: nn.Module, x: Tensor, y: Tensor) -> float:
    return multiclass_jaccard_index(module(x).argmax(1), y.long(), 3).item()


def mirrored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    turned = torch.rand(len(x)) < 0.5
    x, y = x.clone(), y.clone()
    x[turned], y[turned] = x[turned].flip(-1), y[turned].flip(-1)
    return x, y


def noisy(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return (x + 0.2 * torch.randn_like(x)).clamp(0, 1), y


def restored(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """R², the noise being put on now."""
    torch.manual_seed(1)
    error = F.mse_loss(module(noisy(x, y)[0]), y, reduction="none").flatten(1).sum(0)
    spread = (y - y.mean(0)).pow(2).flatten(1).sum(0)
    return (1 - error[spread > 0] / spread[spread > 0]).mean().item()


def elbo(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    out = module(x)
    return 64 * F.binary_cross_entropy_with_logits(out["image_logits"], y) + 8 * out["kl"].mean()


def applied(module: nn.Module, x: Tensor, y: Tensor) -> float:
    return float(f1_score(y, module(x) > 0, average="macro", zero_division=0))


def ctc(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    steps = module(x).permute(2, 0, 1)
    return F.ctc_loss(steps, y.clamp(min=0), torch.full((len(x),), len(steps)), (y > 0).sum(1), zero_infinity=False)


def misread(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of characters that are wrong, below 0: higher is better."""
    rows = module(x).argmax(1).tolist()
    read = [
        "".join(chr(64 + k) for k, last in zip(row, [-1, *row], strict=False) if k not in (0, last)) for row in rows
    ]
    return -char_error_rate(read, ["".join(chr(64 + k) for k in row if k > 0) for row in y.tolist()]).item()


def distilled(network: Network, data: DataSet) -> float:
    """By what the network of ``runs/digits`` makes of each batch, at a temperature of 4."""
    teacher = Network.open(HERE / "runs" / "digits", "run").build().eval().requires_grad_(False)

    def softened(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        own, lesson = module(x), (teacher(x) / 4).softmax(1)
        apart = F.kl_div((own / 4).log_softmax(1), lesson, reduction="batchmean")
        return 0.3 * F.cross_entropy(own, y) + 0.7 * 16 * apart

    return textbook(softened, accuracy)(network, data)


def nearest(network: Network, data: DataSet) -> float:
    """Whether the nearest of the others, by pixels, is of the same class."""
    x, y = pair(data, "test")
    _, rows = NearestNeighbors(n_neighbors=2).fit(x.flatten(1)).kneighbors()
    return float((y[torch.from_numpy(rows)[:, 0]] == y).float().mean())


def words(network: Network, data: DataSet) -> float:
    """Logistic regression on TF-IDF of the ids that the network is given."""
    texts, classes = zip(*(pair(data, part) for part in ("train", "test")), strict=True)
    written = [[" ".join(f"w{k}" for k in row if k) for row in each.tolist()] for each in texts]
    coder = TfidfVectorizer().fit(written[0])
    model = LogisticRegression(max_iter=2000, C=10).fit(coder.transform(written[0]), classes[0])
    return float(model.score(coder.transform(written[1]), classes[1]))


def trigrams(network: Network, data: DataSet) -> float:
    """Nats a character by the two before it, counts backed by the shorter model's: the best of three weights."""
    train, text = (data.samples(part).targets["next"].flatten() for part in ("train", "test"))
    ids = len(data.labels["next"])
    tables = [torch.zeros((ids,) * length) for length in (1, 2, 3)]
    for length, counts in enumerate(tables, 1):
        counts.index_put_(tuple(train.unfold(0, length, 1).t()), torch.tensor(1.0), accumulate=True)

    def nats(weight: float) -> float:
        shares = torch.full((ids,), 1 / ids)
        for counts in tables:
            shares = (counts + weight * shares) / (counts.sum(-1, keepdim=True) + weight)
        return -shares[tuple(text.unfold(0, 3, 1).t())].log().mean().item()

    return min(map(nats, (4.0, 16.0, 64.0)))


def ridge(network: Network, data: DataSet) -> float:
    (x, y), (unseen, truth) = (pair(data, part) for part in ("train", "test"))
    model = Ridge().fit(x.flatten(1), y)
    return float(np.abs(model.predict(unseen.flatten(1)) - truth.numpy()).mean())


def columns(network: Network, data: DataSet) -> float:
    """Logistic regression on the numbers, scaled, and the texts, one-hot."""
    batches = [data.batch(len(data.samples(part)), part) for part in ("train", "test")]
    ids = [torch.stack([each.inputs["island"], each.inputs["sex"]], 1).numpy() for each in batches]
    coder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(ids[0])
    x, unseen = (
        np.concatenate([coder.transform(k), b.inputs["sizes"].numpy()], 1) for k, b in zip(ids, batches, strict=True)
    )
    y, truth = (each.targets["species"] for each in batches)
    return float(LogisticRegression(max_iter=1000).fit(x, y).score(unseen, truth))


def least(loss: Loss) -> Score:
    return lambda module, x, y: -float(loss(module, x, y))


PLAIN = "plain PyTorch"
TASKS = {
    "digits": Task("classes of images", "accuracy", PLAIN, textbook(entropy, accuracy)),
    "segmentation": Task("masks, U-Net", "iou", f"{PLAIN}, mirrored", textbook(entropy, overlap, mirrored)),
    "deeplab": Task("masks, DeepLab", "iou", f"{PLAIN}, mirrored", textbook(entropy, overlap, mirrored)),
    "denoise": Task("the input again", "r2", PLAIN, textbook(lambda m, x, y: F.mse_loss(m(x), y), restored, noisy)),
    "vae": Task("the input again, VAE", "loss", PLAIN, textbook(elbo, least(elbo))),
    "text_classifier": Task("texts", "accuracy", "TF-IDF, logistic regression", words),
    "char_gpt": Task("a text that goes on", "loss", "the best trigram model", trigrams),
    "series": Task("series", "mae", "ridge regression on the windows", ridge),
    "table": Task("tables", "accuracy", "logistic regression", columns),
    "multilabel": Task(
        "several labels", "f1", f"{PLAIN}, thresholds of a half",
        textbook(lambda m, x, y: F.binary_cross_entropy_with_logits(m(x), y.float()), applied),
    ),
    "ctc": Task("a sequence without places", "char_error_rate", PLAIN, textbook(ctc, misread)),
    "triplet": Task("embeddings", "recall_at_k", "nearest neighbour of the pixels", nearest),
    "distil": Task("another network's outputs", "accuracy", PLAIN, distilled),
    "transfer": Task("transfer", "char_error_rate", f"{PLAIN}, from scratch", textbook(ctc, misread)),
}  # fmt: skip


def without_weights(path: Path) -> dict[str, Any]:
    """The spec with weights that are drawn, all of which learn from the start."""
    spec = tomllib.loads(path.read_text(encoding="utf-8"))
    for key in ("init", "unfreeze", "teacher"):
        spec["train"].pop(key, None)
    for layer in spec["layers"].values():
        if isinstance(layer, dict):
            layer.pop("freeze", None)
    return spec


def lines_of(path: Path) -> int:
    """Lines of a spec that are neither empty nor a comment."""
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#")


def verified(folder: Path) -> str:
    """What of a bundle its manifest says was measured."""
    if not (folder / "manifest.json").is_file():
        return "not exported"
    manifest = json.loads((folder / "manifest.json").read_text())
    rows = manifest["verification"]["runtimes"].values()
    verdict = "verified" if all(row["passed"] for row in rows) else "NOT EQUAL"
    return f"{', '.join(manifest['formats'])}: {verdict}"


def row_of(name: str) -> Iterator[str]:
    """The cells of a task's row."""
    spec, run, task = HERE / "specs" / f"{name}.toml", HERE / "runs" / name, TASKS[name]
    data = data_of(spec)
    counts = " / ".join(str(len(data.samples(part))) for part in ("train", "validation", "test"))
    reached = json.loads((run / "evaluation.json").read_text())["parts"]["test"][task.metric]
    other = abs(task.other(compiler.load(without_weights(spec)), data))
    yield from (task.title, f"`{name}.toml`, {lines_of(spec)}", f"{data.name}, {counts}")
    yield from (f"{task.metric} {reached:.4f}", f"{other:.4f}, {task.how}", verified(HERE / "exports" / name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    torch.set_num_threads(1)
    print("| task | spec, lines | data: train / validation / test | graphspec | beside it | exported |")
    print("|---|---|---|---|---|---|")
    for name in parser.parse_args().names or TASKS:
        if not (HERE / "runs" / name / "evaluation.json").is_file():
            print(f"runs/{name} is not there: graphspec train specs/{name}.toml", file=sys.stderr)
            continue
        print(f"| {' | '.join(row_of(name))} |", flush=True)


if __name__ == "__main__":
    main()
