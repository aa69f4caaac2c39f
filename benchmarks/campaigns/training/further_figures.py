"""C10 to C12: figures without a value, means over weights, frozen layers, norms, losses and what they take."""

# ruff: noqa: E501 - a table
from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from further_trial import Table, alike, first, linear, near, npz, says, spec, stepped, trained, zeroed
from torch import Tensor, nn

FIGURES = Table("C10")
LEARNED = Table("C11")
RNG = np.random.default_rng(3)
COUNT = 23
X = RNG.standard_normal((COUNT, 4)).astype(np.float32)
Y = (X @ RNG.standard_normal((4, 1)) + 0.3).astype(np.float32)
KINDS = RNG.integers(0, 3, COUNT)
WEIGHTS = [1.0, 5.0, 0.25]
PLAIN = {"type": "SGD", "lr": 1e-30}


def first_loss(
    y: Any, loss: Any, wanted: float, outputs: int = 3, layers: Any = None, within: float = 1e-4, **train: Any
) -> str:
    """A zero network that does not learn: the part's loss, over batches of 5 of 23 samples, is `wanted`."""
    data = npz(x=X, y=y) | {"batch_size": 5}
    trial = trained(spec(data, layers or linear(outputs), {"loss": loss, "optimizer": PLAIN, **train}))
    return trial.said if trial.parts is None else near(trial.figure("loss"), wanted, within)


def update(y: Any, loss: Any, torch_loss: Any, outputs: int = 3, batch: int = 5, accumulate: int = 5) -> str:
    """One update of all 23 samples by accumulated batches is that of one batch."""
    data = npz(x=X, y=y) | {"batch_size": batch}
    trial = trained(spec(data, linear(outputs), {"loss": loss, "accumulate": accumulate}))
    if trial.parts is None:
        return trial.said
    x = torch.from_numpy(X)
    module = stepped(zeroed(nn.Linear(4, outputs)), lambda net: torch_loss(net(x)))
    return first(
        alike(trial.weights["fc.weight"], module.weight.detach()), alike(trial.weights["fc.bias"], module.bias.detach())
    )


def _kinds(**more: Any) -> Any:
    return lambda out: F.cross_entropy(out, torch.from_numpy(KINDS), **more)


def ignored(value: int) -> Any:
    found = KINDS.copy()
    found[:11] = value
    return found


W = torch.tensor(WEIGHTS)
BOTH = RNG.integers(0, 2, (COUNT, 3)).astype(np.float32)
for _name, _y, _loss, _torch, _outputs in (
    ("classes", KINDS, "CrossEntropyLoss", _kinds(), 3),
    ("weighted classes", KINDS, {"type": "CrossEntropyLoss", "weight": WEIGHTS}, _kinds(weight=W), 3),
    ("smoothed labels", KINDS, {"type": "CrossEntropyLoss", "label_smoothing": 0.3}, _kinds(label_smoothing=0.3), 3),
    ("weighted and smoothed", KINDS, {"type": "CrossEntropyLoss", "weight": WEIGHTS, "label_smoothing": 0.3}, _kinds(weight=W, label_smoothing=0.3), 3),
    ("ignored labels", ignored(-100), {"type": "CrossEntropyLoss", "ignore_index": -100}, lambda out: F.cross_entropy(out, torch.from_numpy(ignored(-100))), 3),
    ("ignored labels of a class", ignored(1), {"type": "CrossEntropyLoss", "ignore_index": 1}, lambda out: F.cross_entropy(out, torch.from_numpy(ignored(1)), ignore_index=1), 3),
    ("ignored, weighted and smoothed", ignored(-100), {"type": "CrossEntropyLoss", "ignore_index": -100, "weight": WEIGHTS, "label_smoothing": 0.1}, lambda out: F.cross_entropy(out, torch.from_numpy(ignored(-100)), weight=W, label_smoothing=0.1), 3),
    ("squares", Y, "MSELoss", lambda out: F.mse_loss(out, torch.from_numpy(Y)), 1),
    ("Huber's", Y, {"type": "HuberLoss", "delta": 0.3}, lambda out: F.huber_loss(out, torch.from_numpy(Y), delta=0.3), 1),
    ("smooth absolute", Y, {"type": "SmoothL1Loss", "beta": 0.3}, lambda out: F.smooth_l1_loss(out, torch.from_numpy(Y), beta=0.3), 1),
    ("several labels", BOTH, "BCEWithLogitsLoss", lambda out: F.binary_cross_entropy_with_logits(out, torch.from_numpy(BOTH)), 3),
    ("several labels, weighted", BOTH, {"type": "BCEWithLogitsLoss", "weight": WEIGHTS}, lambda out: F.binary_cross_entropy_with_logits(out, torch.from_numpy(BOTH), weight=W), 3),
    ("several labels, positives weighted", BOTH, {"type": "BCEWithLogitsLoss", "pos_weight": WEIGHTS}, lambda out: F.binary_cross_entropy_with_logits(out, torch.from_numpy(BOTH), pos_weight=W), 3),
    ("margins of several labels", BOTH, {"type": "MultiLabelSoftMarginLoss", "weight": WEIGHTS}, lambda out: F.multilabel_soft_margin_loss(out, torch.from_numpy(BOTH), weight=W), 3),
    ("margins of classes, weighted", KINDS, {"type": "MultiMarginLoss", "weight": WEIGHTS}, lambda out: F.multi_margin_loss(out, torch.from_numpy(KINDS), weight=W), 3),
    ("Poisson's", np.abs(Y), "PoissonNLLLoss", lambda out: F.poisson_nll_loss(out, torch.from_numpy(np.abs(Y))), 1),
):  # fmt: skip
    FIGURES.add(f"accumulated: {_name}", lambda y=_y, loss=_loss, t=_torch, o=_outputs: update(y, loss, t, o))
    FIGURES.add(f"measured in pieces: {_name}", lambda y=_y, loss=_loss, t=_torch, o=_outputs: _pieces(y, loss, t, o))


def _pieces(y: Any, loss: Any, torch_loss: Any, outputs: int) -> str:
    wanted = float(torch_loss(torch.zeros(COUNT, outputs)))
    return first_loss(y, loss, wanted, outputs)


@FIGURES
def all_labels_of_one_batch_ignored() -> str:
    """A batch whose labels are all ignored changes nothing and makes nothing NaN."""
    y = np.full(COUNT, -100)
    y[:3] = 0, 1, 2
    data = npz(x=X, y=y)
    trial = trained(spec(data, linear(3), {"loss": {"type": "CrossEntropyLoss", "ignore_index": -100}, "epochs": 2}))
    if trial.parts is None:
        return trial.said
    return "" if all(torch.isfinite(value).all() for value in trial.weights.values()) else "weights that are NaN"


@FIGURES
def a_last_batch_of_one_sample_weighs_one_sample() -> str:
    y = KINDS[:21]
    data = npz(x=X[:21], y=y) | {"batch_size": 20}
    trial = trained(
        spec(data, linear(3), {"loss": {"type": "CrossEntropyLoss", "weight": WEIGHTS}, "optimizer": PLAIN})
    )
    return trial.said if trial.parts is None else near(trial.figure("loss"), float(np.log(3)))


def norm(layer: Any, count: int, batch: int, **data: Any) -> Any:
    layers = {"bn": layer, **linear(1)}
    return trained(
        spec(npz(x=X[:count], y=Y[:count]) | {"batch_size": batch} | data, layers, {"loss": "MSELoss", "epochs": 2})
    )


@LEARNED
def a_last_batch_of_one_sample_with_BatchNorm() -> str:
    trial = norm("BatchNorm1d", 21, 5)
    return "" if trial.parts is not None else says(trial, "drop_last", "batch of one", refused=True)


@LEARNED
def one_sample_with_BatchNorm() -> str:
    return says(norm("BatchNorm1d", 1, 1), "BatchNorm", refused=True)


@LEARNED
def batches_of_one_with_BatchNorm() -> str:
    return says(norm("BatchNorm1d", 20, 1), "BatchNorm", "batch_size", refused=True)


@LEARNED
def BatchNorm_whose_last_batch_is_left_out() -> str:
    trial = norm("BatchNorm1d", 21, 5, drop_last=True)
    return trial.said if trial.parts is None else near(float(trial.weights["bn.num_batches_tracked"]), 8)


@LEARNED
def BatchNorm_of_plain_means() -> str:
    """momentum = "none" is torch's None: the mean of all batches."""
    trial = norm({"type": "BatchNorm1d", "momentum": "none"}, 20, 5)
    if trial.parts is None:
        return "" if "momentum" in trial.said else trial.said
    return alike(trial.weights["bn.running_mean"], torch.from_numpy(X[:20].mean(0)), 1e-5)


@LEARNED
def BatchNorm_without_weights() -> str:
    trial = norm({"type": "BatchNorm1d", "affine": False, "momentum": 0.5}, 20, 20)
    if trial.parts is None:
        return trial.said
    return first("" if "bn.weight" not in trial.weights else "has a weight",
                 alike(trial.weights["bn.running_mean"], torch.from_numpy(X[:20].mean(0)) * 0.75))  # fmt: skip


@LEARNED
def Dropout_is_off_where_it_is_measured() -> str:
    data = npz(x=X, y=Y)
    layers = {
        "drop": {"type": "Dropout", "p": 0.9},
        "fc": {"type": "Linear", "out_features": 1, "init": {"weight": "ones_", "bias": "zeros_"}},
    }
    trial = trained(spec(data, layers, {"loss": "MSELoss", "optimizer": PLAIN}))
    return (
        trial.said
        if trial.parts is None
        else near(trial.figure("loss"), float(((X.sum(1, keepdims=True) - Y) ** 2).mean()))
    )


@LEARNED
def a_frozen_Dropout_and_InstanceNorm() -> str:
    """What is frozen is as in evaluation: nothing is dropped, no statistics move."""
    layers = {"norm": {"type": "BatchNorm1d", "freeze": True}, **linear(1)}
    data = npz(x=X, y=Y)
    trial = trained(spec(data, layers, {"loss": "MSELoss", "epochs": 2}))
    if trial.parts is None:
        return trial.said
    return first(
        alike(trial.weights["norm.running_mean"], torch.zeros(4)),
        alike(trial.weights["norm.running_var"], torch.ones(4)),
    )


def measured(y: Any, metrics: list[Any], loss: Any = "CrossEntropyLoss", outputs: int = 3, **more: Any) -> Any:
    return trained(spec(npz(x=X[: len(y)], y=y), linear(outputs), {"loss": loss, "metrics": metrics, **more}))


def none(trial: Any, metric: str) -> str:
    """No value, and that is said nowhere as 0; or a refusal that names the metric."""
    if trial.parts is None:
        return "" if metric in trial.said else trial.said
    value = trial.figure(metric)
    return "" if np.isnan(value) else f"{metric} is {value}"


FIGURES.add("roc_auc of one class", lambda: none(measured(np.zeros(COUNT, np.int64), ["roc_auc"]), "roc_auc"))
FIGURES.add(
    "r2 of one value",
    lambda: says(measured(np.full((COUNT, 1), 3, np.float32), ["r2"], "MSELoss", 1), "r2", "no value"),
)
FIGURES.add(
    "average precision without positives",
    lambda: says(measured(BOTH * 0, ["average_precision"], "BCEWithLogitsLoss"), "average_precision", "no value"),
)


@FIGURES
def top_five_of_three_classes() -> str:
    trial = measured(KINDS, [{"type": "top_k_accuracy", "k": 5}])
    return says(trial, "always 1") if trial.parts is None else near(trial.figure("top_k_accuracy"), 1.0)


def against_scikit_learn(metric: str, average: str | None = None) -> str:
    """After an epoch, of the predictions that the weights make."""
    import sklearn.metrics as m

    asked: Any = {"type": metric, "average": average} if average else metric
    trial = measured(KINDS, [asked])
    if trial.parts is None:
        return trial.said
    w = trial.weights
    logits = torch.from_numpy(X) @ w["fc.weight"].T + w["fc.bias"]
    p, guess = logits.softmax(1).numpy(), logits.argmax(1).numpy()
    how = average or "macro"
    wanted = {
        "f1": lambda: m.f1_score(KINDS, guess, average=how, zero_division=0),
        "precision": lambda: m.precision_score(KINDS, guess, average=how, zero_division=0),
        "recall": lambda: m.recall_score(KINDS, guess, average=how, zero_division=0),
        "roc_auc": lambda: m.roc_auc_score(KINDS, p, multi_class="ovr"),
    }[metric]()
    found = next(value for key, value in trial.parts["train"].items() if key.startswith(metric))
    return near(float(found), float(wanted))


for _metric in ("f1", "precision", "recall", "roc_auc"):
    FIGURES.add(f"{_metric} is scikit-learn's", lambda metric=_metric: against_scikit_learn(metric))


def misuse(layers: Any, loss: Any, y: Any, *words: str, refused: bool | None = None) -> str:
    trial = trained(spec(npz(x=X, y=y), layers, {"loss": loss, "epochs": 2}))
    return says(trial, *words, refused=refused)


def ending(kind: Any, outputs: int = 3) -> dict[str, Any]:
    return {**linear(outputs), "last": kind}


ONE = (KINDS > 0).astype(np.float32)[:, None]
for _name, _layers, _loss, _y, _words in (
    ("softmax before CrossEntropyLoss", ending({"type": "Softmax", "dim": 1}), "CrossEntropyLoss", KINDS, ("Softmax",)),
    ("softmax, the function", ending({"type": "softmax", "dim": 1}), "CrossEntropyLoss", KINDS, ("softmax",)),
    ("Sigmoid before CrossEntropyLoss", ending("Sigmoid"), "CrossEntropyLoss", KINDS, ("Sigmoid",)),
    ("ReLU before CrossEntropyLoss", ending("ReLU"), "CrossEntropyLoss", KINDS, ("ReLU",)),
    ("Tanh before CrossEntropyLoss", ending("Tanh"), "CrossEntropyLoss", KINDS, ("Tanh",)),
    ("LogSoftmax before CrossEntropyLoss is harmless", ending({"type": "LogSoftmax", "dim": 1}), "CrossEntropyLoss", KINDS, ()),
    ("Softmax before NLLLoss", ending({"type": "Softmax", "dim": 1}), "NLLLoss", KINDS, ("NLLLoss",)),
    ("nothing before BCELoss", linear(1), "BCELoss", ONE, ("BCELoss",)),
    ("Softmax of one column", ending({"type": "Softmax", "dim": 1}, 1), "BCELoss", ONE, ("Softmax",)),
    ("Softmax over the batch", ending({"type": "Softmax", "dim": 0}), "CrossEntropyLoss", KINDS, ("Softmax",)),
    ("ReLU before MSELoss of negative values", ending("ReLU", 1), "MSELoss", Y, ("ReLU",)),
    ("Sigmoid before MSELoss of values beyond 1", ending("Sigmoid", 1), "MSELoss", Y * 5, ("Sigmoid",)),
    ("Tanh before L1Loss of values beyond 1", ending("Tanh", 1), "L1Loss", Y * 5, ("Tanh",)),
    ("Poisson's loss of negative counts", linear(1), "PoissonNLLLoss", Y, ("PoissonNLLLoss",)),
    ("Hinge's loss of 0 and 1", linear(1), "SoftMarginLoss", ONE, ("SoftMarginLoss",)),
    ("one output for three classes", linear(1), "CrossEntropyLoss", KINDS, ("3",)),
    ("two outputs for three classes", linear(2), "CrossEntropyLoss", KINDS, ("3",)),
    ("five outputs for three classes", linear(5), "CrossEntropyLoss", KINDS, ("5",)),
    ("BCEWithLogitsLoss of targets beyond 1", linear(1), "BCEWithLogitsLoss", ONE * 2, ("2",)),
    ("weights of the wrong number", linear(3), {"type": "CrossEntropyLoss", "weight": [1.0, 2.0]}, KINDS, ("weight", "3")),
    ("a weight below 0", linear(3), {"type": "CrossEntropyLoss", "weight": [1.0, -2.0, 1.0]}, KINDS, ("weight",)),
    ("weights of 0 alone", linear(3), {"type": "CrossEntropyLoss", "weight": [0.0, 0.0, 0.0]}, KINDS, ("weight",)),
    ("an ignored class that all are", linear(3), {"type": "CrossEntropyLoss", "ignore_index": 0}, KINDS * 0, ("ignore",)),
    ("a loss by element", linear(1), {"type": "MSELoss", "reduction": "none"}, Y, ("reduction",)),
    ("a loss that is a sum", linear(1), {"type": "MSELoss", "reduction": "sum"}, Y, ("reduction",)),
):  # fmt: skip
    LEARNED.add(_name, lambda layers=_layers, loss=_loss, y=_y, words=_words: misuse(layers, loss, y, *words))


@LEARNED
def labels_at_positions_ignored_in_pieces() -> str:
    """N × T labels, of which a batch has few that count: the mean is of all that count."""
    y = RNG.integers(0, 3, (COUNT, 6))
    y[RNG.random((COUNT, 6)) < 0.6] = -100
    y[:5] = -100
    y[0, 0] = 1
    x = RNG.standard_normal((COUNT, 4, 6)).astype(np.float32)
    data = npz(x=x, y=y) | {"batch_size": 5}
    layers = {
        "conv": {"type": "Conv1d", "out_channels": 3, "kernel_size": 1, "init": {"weight": "zeros_", "bias": "zeros_"}}
    }
    trial = trained(
        spec(
            data | {"dataset": {"type": "npz", "file": "d.npz", "classes": 3}},
            layers,
            {"loss": {"type": "CrossEntropyLoss", "ignore_index": -100}, "accumulate": 5, "metrics": ["accuracy"]},
            inputs={"x": ["N", 4, "T"]},
        )
    )
    if trial.parts is None:
        return trial.said
    given, goal = torch.from_numpy(x), torch.from_numpy(y)
    module = stepped(zeroed(nn.Conv1d(4, 3, 1)), lambda net: F.cross_entropy(net(given), goal))
    logits = module(given)
    keep = goal != -100
    right = (logits.argmax(1)[keep] == goal[keep]).double().mean().item()
    return first(alike(trial.weights["conv.weight"], module.weight.detach()), near(trial.figure("accuracy"), right),
                 near(trial.figure("loss"), float(F.cross_entropy(logits, goal)), 1e-4))  # fmt: skip


@LEARNED
def weighted_classes_in_batches_of_one() -> str:
    """Each batch's weighted mean is its own: with one sample a batch the weight drops out, as in torch; accumulated it does not."""
    return update(KINDS, {"type": "CrossEntropyLoss", "weight": WEIGHTS}, _kinds(weight=W), batch=1, accumulate=COUNT)


@LEARNED
def the_last_update_of_fewer_batches() -> str:
    """23 samples, batches of 5, two of them an update: the last update is of one batch of 3."""
    data = npz(x=X, y=Y) | {"batch_size": 5}
    trial = trained(
        spec(data, linear(1), {"loss": "MSELoss", "accumulate": 2, "optimizer": {"type": "SGD", "lr": 0.01}})
    )
    if trial.parts is None:
        return trial.said
    value: Tensor = trial.weights["fc.weight"]
    return "" if torch.isfinite(value).all() and value.abs().sum() > 0 else f"{value}"
