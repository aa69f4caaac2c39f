"""Series: windows of the past and their future, apart in time or by group; the naive forecast; what comes next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error

import graphspec
from graphspec.data import DataSet, load
from graphspec.data.sources.series_windows import PAST, Series
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.data import DataSpec


def read(root: Path, rows: int = 100, stations: int = 1, **settings: Any) -> DataSet:
    lines = [f"{n},{n * 10},{n % stations},day" for n in range(rows)]
    (root / "s.csv").write_text("load,heat,station,note\n" + "\n".join(lines) + "\n")
    dataset = {"type": "series", "file": "s.csv", "target": "load", "window": 5, "horizon": 3, "drop": ["note"]}
    dataset |= settings.pop("dataset", {})
    spec = {"dataset": dataset, "validation": 0.1, "test": 0.2, **settings}
    return load(DataSpec.model_validate(spec), root)


def test_a_window_is_the_past_of_each_column_and_its_target_what_comes_next(tmp_path: Path) -> None:
    data = read(tmp_path, dataset={"columns": ["heat"]})
    assert data.train.inputs[PAST][2].tolist() == [[2, 3, 4, 5, 6], [20, 30, 40, 50, 60]]
    assert data.train.targets["load"][2].tolist() == [7, 8, 9]


def test_no_training_window_reaches_into_what_is_validated_or_tested_on(tmp_path: Path) -> None:
    data = read(tmp_path, dataset={"columns": ["heat"]})
    assert data.validation is not None
    parts = [data.train, data.validation, data.test.open()]
    ends = [(part.targets["load"].min(), part.targets["load"].max()) for part in parts]
    assert ends[0][1] < ends[1][0]
    assert ends[1][1] < ends[2][0]
    assert ends[2][1] == 99


def test_scaling_is_by_the_past_only(tmp_path: Path) -> None:
    data = read(tmp_path, dataset={"columns": ["heat"]}, transforms=["StandardScaler"])
    past = data.train.inputs[PAST].numpy()
    assert data.transforms[0]["mean"] == pytest.approx([past[:, 0].mean(), past[:, 1].mean()])
    assert past[:, 0].max() < 75


def test_windows_stay_within_a_group_and_groups_on_one_side(tmp_path: Path) -> None:
    data = read(tmp_path, 200, stations=5, split={"group": "station"}, validation=0)
    parts = [data.train.inputs[PAST], data.test.open().inputs[PAST]]
    assert all(torch.equal(part[:, 0].diff(dim=1), torch.full((len(part), 4), 5.0)) for part in parts)
    of_train, of_test = ({int(x) % 5 for x in part[:, 0].flatten().tolist()} for part in parts)
    assert not of_train & of_test
    assert of_train | of_test == set(range(5))


def test_windows_at_random_overlap_and_that_is_said(tmp_path: Path) -> None:
    with pytest.warns(GraphspecWarning, match='windows of a series overlap.*split = "time"'):
        read(tmp_path, split="random", dataset={"columns": ["heat"]})


@pytest.mark.parametrize(("season", "expected"), [(1, [5, 5, 5, 5]), (2, [4, 5, 4, 5]), (5, [1, 2, 3, 4])])
def test_the_naive_forecast_is_the_last_season_again(season: int, expected: list[int]) -> None:
    past = torch.tensor([[[1, 2, 3, 4, 5], [0, 0, 0, 0, 0]]])
    assert Series(("x", "z"), 5, 4, season).naive(past).tolist() == [expected]


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ({"target": "lode"}, r'no column "lode"; did you mean "load"'),
        ({"drop": []}, r'row 2, column "note": "day" is no number.*drop = \["note"\]'),
        ({"window": 0}, r"window must be a whole number above 0"),
        ({"season": 6}, r"season = 6 is more than the window of 5"),
        ({"window": 99}, r"no series has 102 rows"),
    ],
)
def test_what_is_wrong_is_said(dataset: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        read(tmp_path, dataset=dataset)


def test_a_run_measures_the_naive_forecast_draws_and_forecasts_what_comes_next(tmp_path: Path) -> None:
    spec = {
        "graphspec": 1, "inputs": {"past": ["N", 1, 48]},
        "layers": {"flatten": "Flatten", "fc": {"type": "Linear", "out_features": 12}},
        "data": {"dataset": {"type": "seasons", "rows": 600, "season": 24}, "transforms": ["StandardScaler"]},
        "train": {"epochs": 30, "loss": "MSELoss", "optimizer": {"type": "Adam", "lr": 0.01}, "metrics": ["mae"]},
    }  # fmt: skip
    report = graphspec.train(spec, run=tmp_path / "run")
    test = graphspec.data(spec).test.open()
    past, future = test.inputs[PAST][:, 0].numpy(), test.targets["load"].numpy()
    assert report.metrics["naive"]["mae"] == pytest.approx(mean_absolute_error(future, past[:, 24:36]), rel=1e-5)
    assert (tmp_path / "run" / "forecast.png").stat().st_size > 10_000
    assert "naive" in json.loads((tmp_path / "run" / "evaluation.json").read_text())["parts"]

    rows = np.sin(np.arange(60) * 2 * np.pi / 24)
    (tmp_path / "new.csv").write_text("load\n" + "\n".join(map(repr, rows.tolist())) + "\n")
    (found,) = graphspec.predict(tmp_path / "run", [tmp_path / "new.csv"])
    (scale,) = graphspec.data(spec).transforms
    module = graphspec.Network.open(tmp_path / "run").build().eval()
    scaled = (torch.from_numpy(rows[None, None, -48:]) - scale["mean"][0]) / scale["std"][0]
    assert found.outputs["output"] == pytest.approx(module(scaled.float())[0].tolist(), rel=1e-5)
