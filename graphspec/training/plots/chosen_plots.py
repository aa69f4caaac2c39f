"""Which pictures show what a network answered, and what they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphspec.data import DataSet, Samples
from graphspec.data.dataset import Part
from graphspec.data.sources.series_windows import PAST
from graphspec.data.transforms import to_float
from graphspec.losses import Targets
from graphspec.sequences import edits, spelled
from graphspec.system.canvas import Album
from graphspec.training.evaluate.maps import Maps
from graphspec.training.evaluate.measure import MOST_CLASSES, Predictions
from graphspec.training.evaluate.thresholds import of_labels
from graphspec.training.metrics.scores import per_class
from graphspec.training.plots import classifier_plots, image_plots, mask_plots, run_plots
from graphspec.training.plots.forecast_plot import forecasts

#: Wrong predictions that are shown, the most confident first.
MOST_ERRORS = 24


def draw_predictions(
    predictions: Mapping[str, Predictions | Maps], data: DataSet, part: Part, album: Album, whole: bool
) -> None:
    """Draw the predictions of each output on `part` into `album`; without `whole` one picture an output.

    Where there are several outputs, a picture's name begins with its output's.
    """
    for name, each in predictions.items():
        prefix = f"{name}_" if len(predictions) > 1 else ""
        if isinstance(each, Maps):
            _of_maps(each, data, part, album, prefix, whole)
        elif each.term.reading.labels is not None:
            names = data.applied[each.term.target or ""]
            album.add(f"{prefix}classes.png", classifier_plots.class_bars, of_labels(each), names, part)
        elif each.term.reading.blank is not None:
            _of_sequences(each, data, part, album, prefix)
        elif each.term.row.targets is Targets.GROUPS:
            continue  # an embedding is no answer
        elif each.term.target in data.labels:
            _of_classes(each, data, part, album, prefix, whole)
        else:
            _of_values(each, data, part, album, prefix)


def _of_classes(predictions: Predictions, data: DataSet, part: Part, album: Album, prefix: str, whole: bool) -> None:
    classes, counts = data.labels[predictions.term.target or ""], predictions.confusion()
    if len(classes) <= MOST_CLASSES:
        album.add(f"{prefix}confusion_matrix.png", run_plots.confusion_matrix, counts, classes, part)
    if not whole:
        return
    album.add(f"{prefix}classes.png", classifier_plots.class_bars, per_class(counts), classes, part)
    probability = predictions.term.reading.probabilities(predictions.outputs)
    if probability is None:
        return
    predicted = predictions.predicted
    confidence = probability.gather(1, predicted.unsqueeze(1))[:, 0]
    right = predicted == predictions.targets
    shown = predictions.term.counted(torch.stack([confidence, right.to(confidence.dtype)], 1), predictions.targets)[0]
    album.add(f"{prefix}reliability.png", classifier_plots.reliability, shown[:, 0], shown[:, 1] > 0, part)
    right |= (predictions.targets < 0) | (predictions.targets >= len(classes))  # ignored: no errors
    rows = worst_errors(confidence, right)
    pictures = _pictures(data.samples(part), rows)
    if pictures is not None and len(rows):
        named = [run_plots.short(name, 14) for name in classes]
        pairs = [f"{named[int(predictions.targets[row])]} → {named[int(predicted[row])]}" for row in rows.tolist()]
        wrong = int((~right).sum())
        album.add(f"{prefix}errors.png", classifier_plots.errors, pictures, pairs, confidence[rows], wrong, part)


def _of_maps(maps: Maps, data: DataSet, part: Part, album: Album, prefix: str, whole: bool) -> None:
    """Of classes at positions: the samples predicted worst, laid over their pictures where there are any."""
    classes, counts = data.labels[maps.term.target or ""], maps.confusion()
    pictures = _pictures(data.samples(part), maps.rows) if maps.targets.ndim == 3 else None
    if pictures is not None:
        album.add(
            f"{prefix}masks.png", mask_plots.overlays, pictures, maps.targets, maps.predicted, maps.score, classes, part
        )
    if (pictures is None or whole) and len(classes) <= MOST_CLASSES:
        album.add(f"{prefix}confusion_matrix.png", run_plots.confusion_matrix, counts, classes, part)
    if whole:
        album.add(f"{prefix}classes.png", classifier_plots.class_bars, per_class(counts), classes, part)


def _of_sequences(predictions: Predictions, data: DataSet, part: Part, album: Album, prefix: str) -> None:
    """The pictures that are read with the most edits."""
    found, wanted = predictions.term.reading.sequences(predictions.outputs), predictions.targets
    wrong = edits(found, wanted)
    rows = wrong.argsort(descending=True, stable=True)[: int((wrong > 0).sum())][:MOST_ERRORS]
    pictures = _pictures(data.samples(part), rows)
    if pictures is None or not len(rows):
        return
    names = data.labels[predictions.term.target or ""]
    pairs = [f"{spelled(wanted[row], names)} → {spelled(found[row], names) or '(nothing)'}" for row in rows.tolist()]
    album.add(f"{prefix}errors.png", classifier_plots.errors, pictures, pairs, None, int((wrong > 0).sum()), part)


def _of_images(predictions: Predictions, data: DataSet, part: Part, album: Album, prefix: str) -> None:
    """The images that are farthest from what they should be, beside the network's input where that is an image."""
    wanted, predicted = predictions.targets.to(torch.float32), predictions.outputs
    probability = predictions.term.reading.probability
    if probability is not None and probability.each:
        predicted = probability.tensors(predicted)  # logits of values in [0, 1]
    error = (predicted - wanted).square().flatten(1).mean(1)
    rows = error.argsort(descending=True)[: image_plots.MOST_ROWS]
    given = as_given(data, part, rows) if data.corrupt else _pictures(data.samples(part), rows)
    album.add(f"{prefix}images.png", image_plots.images_beside, given, wanted[rows], predicted[rows], error[rows], part)


def as_given(data: DataSet, part: Part, rows: Tensor) -> Tensor | None:
    """The first input that is pictures as the network is given it, corrupted, at `rows`."""
    names = [name for name, each in data.samples(part).inputs.items() if each.ndim == 4 and each.shape[1] in (1, 3)]
    if not names:
        return None
    found: dict[int, Tensor] = {}
    wanted, start = set(rows.tolist()), 0
    for batch in data.batches(part).in_order():
        for row in range(len(batch)):
            if start + row in wanted:
                found[start + row] = batch.inputs[names[0]][row].cpu()
        start += len(batch)
    return torch.stack([found[row] for row in rows.tolist()])


def worst_errors(confidence: Tensor, right: Tensor) -> Tensor:
    """The samples whose wrong class has the highest probability, the highest first: int64, ``MOST_ERRORS`` at most."""
    wrong = (~right).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True)[:MOST_ERRORS]]


def _pictures(samples: Samples, rows: Tensor) -> Tensor | None:
    """The first input that is pictures, at `rows`: floats in [0, 1]; None where there is none that can be shown."""
    for name, value in samples.inputs.items():
        if value.ndim == 4 and value.shape[1] in (1, 3):
            device = next(iter(samples.targets.values())).device
            return to_float(samples.take(rows.to(device)).inputs[name]).cpu().clamp(0, 1)
    return None


def _of_values(predictions: Predictions, data: DataSet, part: Part, album: Album, prefix: str) -> None:
    """One picture; none where an output is more than a few columns and no image."""
    if predictions.outputs.ndim == 4 and predictions.outputs.shape == predictions.targets.shape:
        _of_images(predictions, data, part, album, prefix)
        return
    wanted, predicted = predictions.targets.flatten(1), predictions.outputs.flatten(1)
    if wanted.shape != predicted.shape or (wanted.shape[1] > run_plots.MOST_PANELS and data.series is None):
        return
    if data.series is not None:
        target = predictions.term.target or ""
        naive = data.series.naive(data.samples(part).inputs[PAST].cpu())[target]
        album.add(f"{prefix}forecast.png", forecasts, wanted, predicted, naive, target, part)
        return
    (name, feature), *others = data.samples(part).inputs.items()
    target = predictions.term.target or ""
    if not others and wanted.shape[1] == 1 and feature[:1].numel() == 1:
        line = feature.flatten().cpu().to(torch.float32)
        album.add(f"{prefix}fit.png", run_plots.fitted_line, line, wanted[:, 0], predicted[:, 0], (name, target))
    else:
        album.add(f"{prefix}predictions.png", run_plots.predicted_against_true, wanted, predicted, target, part)
