"""Series: windows of the past and their future, apart in time or by group; the naive forecast; what comes next."""

from __future__ import annotations

import datetime
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

DAY = datetime.timedelta(days=1)


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
    assert Series(("x", "z"), 5, 4, season, targets=("x",)).naive(past)["x"].tolist() == [expected]


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ({"target": "lode"}, r'no column "lode"; did you mean "load"'),
        ({"drop": []}, r'row 2, column "note": "day" is no number.*drop = \["note"\]'),
        ({"window": 0}, r"window must be a whole number above 0"),
        ({"season": 6}, r"season = 6 is more than the window of 5"),
        ({"window": 99}, r"no series has 102 rows"),
        ({"target": ["load", "load"]}, r"target is a column, or a list of columns, each once"),
        ({"target": ["load", "heet"]}, r'no column "heet"; did you mean "heat"'),
        ({"time": "not"}, r'no column "not"; did you mean "note"'),
        ({"time": "note"}, r'row 2, column "note": "day" is no time: dates are written as 2026-11-27'),
        (
            {"time": "station", "drop": ["note"]},
            r'row 3, column "station": "0" is not after the row before it.*group = "…"',
        ),
        ({"group": "stations"}, r'no column "stations"; did you mean "station"'),
    ],
)
def test_what_is_wrong_is_said(dataset: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        read(tmp_path, dataset=dataset)


def test_each_of_several_targets_is_a_field(tmp_path: Path) -> None:
    data = read(tmp_path, dataset={"target": ["heat", "load"], "columns": ["load", "heat"]}, test=0, validation=0)
    assert data.train.inputs[PAST][2].tolist() == [[20, 30, 40, 50, 60], [2, 3, 4, 5, 6]]
    assert {name: each[2].tolist() for name, each in data.train.targets.items()} == {
        "heat": [70, 80, 90],
        "load": [7, 8, 9],
    }


DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=day) for day in range(60)]
STEPS = {
    "days": (DAYS, "1 day"),
    "weeks": (DAYS[::7], "1 week"),
    "months": ([datetime.date(2024 + month // 12, month % 12 + 1, 15) for month in range(30)], "1 month"),
    "ends of months": ([datetime.date(2024, month + 1, 1) - DAY for month in range(1, 12)], "1 month"),
    "quarters": ([datetime.date(2020 + n // 4, n % 4 * 3 + 1, 1) for n in range(12)], "3 months"),
    "hours": ([f"2024-03-0{1 + n // 12} {n % 12 * 2:02}:00" for n in range(30)], "2 hours"),
    "with a zone": ([f"2024-03-01T00:{n * 5:02}:00+02:00" for n in range(12)], "5 minutes"),
    "numbers": ([f"{n / 10:.1f}" for n in range(20)], "0.1"),
}


@pytest.mark.parametrize("kind", STEPS)
def test_windows_across_a_gap_in_time_are_left_out_which_is_said(kind: str, tmp_path: Path) -> None:
    times, unit = STEPS[kind]
    rows = [(time, row) for row, time in enumerate(times) if row != 6]
    (tmp_path / "s.csv").write_text("when,x\n" + "".join(f"{time},{row}\n" for time, row in rows))
    dataset = {"type": "series", "file": "s.csv", "target": "x", "window": 2, "horizon": 1, "time": "when"}
    spec = DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0})
    with pytest.warns(
        GraphspecWarning, match=r'a gap in time, before .*row 8, column "when": 2 of \d+ windows lie acr'
    ):
        data = load(spec, tmp_path)
    reached = torch.cat([data.train.inputs[PAST][:, 0], data.train.targets["x"]], 1)
    assert reached.tolist() == [[n, n + 1, n + 2] for n in range(len(times) - 2) if not n <= 6 <= n + 2]
    assert data.series is not None
    assert data.series.lines()[-1] == f'column "when": says when, in steps of {unit}'


def test_series_of_a_group_are_split_at_one_time(tmp_path: Path) -> None:
    """One begins a month later than the other: no day that is trained on comes after one that is tested on."""
    rows = [(day, "a", number) for number, day in enumerate(DAYS)]
    rows += [(day, "b", 1000 + number) for number, day in enumerate(DAYS) if number >= 30]
    (tmp_path / "s.csv").write_text("when,shop,x\n" + "".join(f"{day},{shop},{x}\n" for day, shop, x in rows))
    dataset = {"type": "series", "file": "s.csv", "target": "x", "window": 4, "horizon": 2}
    dataset |= {"time": "when", "group": "shop"}
    data = load(DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0.3}), tmp_path)
    train, test = data.train, data.test.open()
    assert all((part.inputs[PAST].diff() == 1).all() for part in (train, test))
    assert {float(x) // 1000 for x in test.targets["x"].flatten()} == {0, 1}
    assert (train.targets["x"] % 1000).max() < (test.targets["x"] % 1000).min()


def test_what_comes_next_is_said_of_each_series_by_each_output(tmp_path: Path) -> None:
    """Two targets of three shops, one of them too short: the last rows again, as the network's weights are."""
    rows = [(shop, n, (n + 1) * of, n * of) for shop, of, count in (("a", 1, 30), ("b", 2, 30)) for n in range(count)]
    (tmp_path / "s.csv").write_text("shop,t,x,y\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    spec = {
        "graphspec": 1, "inputs": {"past": ["N", 2, 4]},
        "layers": {"x": {"type": "Linear", "from": "flat", "out_features": 2},
                   "y": {"type": "Linear", "from": "flat", "out_features": 2}},
        "outputs": ["x", "y"],
        "data": {"dataset": {"type": "series", "file": "s.csv", "target": ["x", "y"], "window": 4, "horizon": 2,
                             "group": "shop", "time": "t"}},
        "train": {"epochs": 1, "loss": [{"type": "MSELoss", "output": "x"}, {"type": "L1Loss", "output": "y"}],
                  "metrics": [{"type": "mae", "output": "y"}]},
    }  # fmt: skip
    spec["layers"] = {"flat": "Flatten", **spec["layers"]}  # type: ignore[dict-item]
    report = graphspec.train(spec, run=tmp_path / "run", data=tmp_path)
    test = graphspec.data(spec, tmp_path).test.open()
    future, past = test.targets["y"].numpy(), test.inputs[PAST][:, 1, -1:].numpy()
    naive = mean_absolute_error(future, np.repeat(past, 2, 1))
    assert report.metrics["naive"]["y_mae"] == pytest.approx(naive, rel=1e-5)
    assert {each.name for each in report.run.glob("*forecast.png")} == {"x_forecast.png", "y_forecast.png"}
    (tmp_path / "new.csv").write_text((tmp_path / "s.csv").read_text() + "c,0,1,1\nc,1,1,1\n")
    with pytest.warns(GraphspecWarning, match='shop "c": fewer than the 4 rows of a window: no forecast'):
        found = graphspec.predict(tmp_path / "run", [tmp_path / "new.csv"])
    assert [each.sample.rpartition(": ")[2] for each in found] == ["a", "b"]
    last = torch.tensor([[[27, 28, 29, 30], [26, 27, 28, 29]]])
    given = graphspec.Network.open(tmp_path / "run").build().eval()(torch.cat([last, 2 * last]).float())
    for row, each in enumerate(found):
        assert each.outputs["y"] == pytest.approx(given["y"][row].tolist(), rel=1e-5)
    (tmp_path / "gap.csv").write_text("shop,t,x,y\n" + "".join(f"a,{t},1,1\n" for t in (1, 2, 3, 5, 6)))
    with pytest.raises(GraphspecError, match=r'gap\.csv, row 5, column "t": a gap in time lies before this row'):
        graphspec.predict(tmp_path / "run", [tmp_path / "gap.csv"])


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
