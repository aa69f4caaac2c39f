"""How samples are split: by class, by group, in time and in folds, with scikit-learn's own counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import model_selection

from graphspec.data import DataSet, load
from graphspec.data.split import Splitting
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

DRAW = np.random.default_rng(0)
LABELS = DRAW.choice(4, 103, p=[0.5, 0.3, 0.15, 0.05])
GROUPS = DRAW.integers(0, 17, 103)
ROWS = torch.arange(103)
SPLITTINGS = {
    "random": (Splitting("random"), model_selection.KFold(5, shuffle=True, random_state=0)),
    "stratified": (
        Splitting("stratified", labels=torch.from_numpy(LABELS)),
        model_selection.StratifiedKFold(5, shuffle=True, random_state=0),
    ),
    "group": (Splitting("group", groups=torch.from_numpy(GROUPS)), model_selection.GroupKFold(5)),
    "time": (Splitting("time", times=ROWS), model_selection.TimeSeriesSplit(5)),
}


@pytest.mark.parametrize("kind", SPLITTINGS)
def test_folds_have_scikit_learns_sizes(kind: str) -> None:
    splitting, theirs = SPLITTINGS[kind]
    ours = [splitting.fold(ROWS, 5, number, seed=0) for number in range(5)]
    expected = list(theirs.split(np.zeros(103), LABELS, GROUPS))
    assert [len(measured) for _, measured in ours] == [len(measured) for _, measured in expected]
    if kind in ("group", "time"):  # nothing is drawn
        assert [m.tolist() for _, m in ours] == [m.tolist() for _, m in expected]
        assert [kept.tolist() for kept, _ in ours] == [kept.tolist() for kept, _ in expected]
    if kind == "stratified":
        counts = [np.bincount(LABELS[m.numpy()], minlength=4).tolist() for _, m in ours]
        assert counts == [np.bincount(LABELS[m], minlength=4).tolist() for _, m in expected]


@pytest.mark.parametrize("kind", ["random", "stratified", "group"])
def test_every_sample_is_measured_in_one_fold(kind: str) -> None:
    folds = [SPLITTINGS[kind][0].fold(ROWS, 5, number, seed=3) for number in range(5)]
    assert torch.equal(torch.cat([measured for _, measured in folds]).sort().values, ROWS)
    assert all(len({*kept.tolist()} & {*measured.tolist()}) == 0 for kept, measured in folds)


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_two_sides(fraction: float, seed: int) -> None:
    kept, taken = SPLITTINGS["group"][0].fraction(ROWS, fraction, seed, "test")
    assert not {*GROUPS[kept.numpy()].tolist()} & {*GROUPS[taken.numpy()].tolist()}
    assert len(kept) + len(taken) == 103
    assert min(len(kept), len(taken)) > 0
    assert abs(len(taken) / 103 - fraction) < 0.12


def test_the_latest_are_split_off_with_a_gap_before_them() -> None:
    kept, taken = Splitting("time", times=ROWS.flip(0), gap=2).fraction(ROWS, 0.1, 0, "test")
    assert taken.tolist() == list(range(10))
    assert kept.tolist() == list(range(12, 103))


def table(root: Path, **settings: Any) -> DataSet:
    rows = [f"{n % 7},{n},{n * 2}" for n in range(100)]
    (root / "t.csv").write_text("patient,x,y\n" + "\n".join(rows) + "\n")
    spec = {"dataset": {"type": "csv", "file": "t.csv", "target": "y"}, "validation": 0.2, "test": 0.1, **settings}
    return load(DataSpec.model_validate(spec), root)


def test_a_table_is_split_in_the_order_of_its_rows(tmp_path: Path) -> None:
    data = table(tmp_path, split="time")
    assert data.train.inputs["features"][:, 1].tolist() == list(range(72))
    assert data.validation is not None
    assert data.validation.inputs["features"][:, 1].tolist() == list(range(72, 90))
    assert data.test.open().inputs["features"][:, 1].tolist() == list(range(90, 100))


def test_what_a_table_is_grouped_by_is_no_feature(tmp_path: Path) -> None:
    data = table(tmp_path, split={"group": "patient"})
    parts = [data.train, data.validation, data.test.open()]
    groups = [{int(x) % 7 for x in part.inputs["features"].flatten().tolist()} for part in parts if part]
    assert data.train.inputs["features"].shape[1] == 1
    assert sum(map(len, groups)) == 7
    assert set.union(*groups) == set(range(7))
    assert data.columns is not None
    assert 'column "patient": what the parts are split by' in data.columns.lines()


def test_arrays_are_grouped_by_one_of_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(40.0)[:, None], y=np.arange(40.0), who=np.arange(40) // 8)
    spec = {"dataset": {"type": "npz", "file": "a.npz"}, "split": {"group": "who"}, "test": 0.2, "validation": 0}
    data = load(DataSpec.model_validate(spec), tmp_path)
    assert list(data.train.inputs) == ["x"]
    (held_out,) = {int(x) // 8 for x in data.test.open().inputs["x"].flatten().tolist()}
    assert held_out not in {int(x) // 8 for x in data.train.inputs["x"].flatten().tolist()}


def test_a_fold_is_validated_on_and_the_test_part_is_out_of_reach(tmp_path: Path) -> None:
    folds = [table(tmp_path, folds=4, fold=number) for number in range(4)]
    seen = [x for fold in folds if fold.validation for x in fold.validation.inputs["features"][:, 1].tolist()]
    assert len(seen) == len({*seen}) == 90
    assert not any(fold.test.exists for fold in folds)
    whole = table(tmp_path)
    assert not {*whole.test.open().inputs["features"][:, 1].tolist()} & {*seen}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"split": "stratified"}, r"csv has no class for each sample"),
        ({"split": {"group": "patiemt"}}, r'no column "patiemt"; did you mean "patient"'),
        ({"dataset": "iris", "split": "time"}, r"iris has no order in time"),
        ({"dataset": "iris", "split": {"group": "x"}}, r"iris has no columns to group by"),
        ({"folds": 3, "fold": 3}, r"there is no fold 3; folds = 3 has those from 0 to 2"),
        ({"fold": 0}, r"there is no fold 0; folds says how many"),
        ({"split": {"group": "patient"}, "folds": 8, "fold": 0}, r"there are \d groups for 8 folds"),
        ({"split": "random", "folds": 101, "fold": 0}, r"there are 90 samples for 101 folds"),
    ],
)
def test_what_cannot_be_split_so_is_said(settings: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        table(tmp_path, **settings)
