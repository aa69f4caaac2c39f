"""The data sets that scikit-learn carries with it: no files, no network."""

from __future__ import annotations

import torch

from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source


def digits(place: Place) -> Source:
    """1,797 hand-written digits, 1 × 8 × 8 in [0, 1] (0 to 16 as stored), 10 classes."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).to(torch.float32).div(16).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    return Source(Samples({"image": images}, {"label": labels}), labels={"label": tuple(map(str, bunch.target_names))})


def _table(place: Place, name: str) -> Source:
    """A classification table: ``N × features`` float32 and int64 labels."""
    from sklearn import datasets

    loaders = {"iris": datasets.load_iris, "wine": datasets.load_wine, "breast_cancer": datasets.load_breast_cancer}
    bunch = loaders[name]()
    features = torch.from_numpy(bunch.data).to(torch.float32)
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    names = tuple(map(str, bunch.target_names))
    return Source(Samples({"features": features}, {"label": labels}), labels={"label": names})


def iris(place: Place) -> Source:
    """Fisher's 150 irises: 4 measures, 3 species."""
    return _table(place, "iris")


def wine(place: Place) -> Source:
    """178 wines: 13 measures, 3 cultivars."""
    return _table(place, "wine")


def breast_cancer(place: Place) -> Source:
    """569 tumours (Wisconsin): 30 measures, malignant (0) or benign (1)."""
    return _table(place, "breast_cancer")


def diabetes(place: Place) -> Source:
    """442 patients: 10 measures (scaled by scikit-learn), the disease's progression after a year as ``N × 1``."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    features = torch.from_numpy(bunch.data).to(torch.float32)
    progression = torch.from_numpy(bunch.target).to(torch.float32).unsqueeze(1)
    return Source(Samples({"features": features}, {"progression": progression}))
