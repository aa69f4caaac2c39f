"""Where data lie, and that no argument of a spec leads elsewhere, whatever it is called."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import graphspec
from graphspec.data import load
from graphspec.data.place import DataPlace
from graphspec.data.sources.builtin import SOURCES
from graphspec.data.sources.paths import plain_texts
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

OUTSIDE = ["../secret.csv", "/etc/passwd", "a/../../b"]


def test_a_path_is_a_place_and_nothing_is_where_the_spec_says() -> None:
    assert DataPlace.of("elsewhere") == DataPlace(Path("elsewhere"))
    assert DataPlace.of(None) == DataPlace(None, False, None)
    place = DataPlace(Path("x"), download=True)
    assert DataPlace.of(place) is place


def _texts(source: str) -> list[str]:
    """The arguments of a data set that could be texts."""
    parameters = inspect.signature(SOURCES[source]).parameters.values()
    free = [p for p in parameters if p.name not in ("place", "resize") and p.kind is not p.VAR_KEYWORD]
    return [p.name for p in free if p.default is p.empty or isinstance(p.default, str | tuple)]


ARGUMENTS = [(source, name) for source in SOURCES for name in _texts(source)]
PLAIN = [(source, name) for source, name in ARGUMENTS if name in plain_texts(SOURCES[source])]


def test_what_is_declared_to_be_no_path_is_a_column_an_array_or_a_class() -> None:
    """Whoever adds an argument here says that it is never opened."""
    csv = [("csv", name) for name in ("decimal", "delimiter", "encoding", "missing", "target", "thousands")]
    parquet = [("parquet", name) for name in ("missing", "target")]
    of_series = ("decimal", "delimiter", "encoding", "group", "target", "thousands", "time")
    series = [("series", name) for name in of_series]
    assert sorted(PLAIN) == [
        ("ImageMasks", "classes"), *csv, ("digit_strips", "target"), ("npz", "targets"), *parquet, *series,
    ]  # fmt: skip


@pytest.mark.parametrize(("source", "name"), [each for each in ARGUMENTS if each not in PLAIN])
@pytest.mark.parametrize("path", OUTSIDE)
def test_every_other_text_of_a_source_stays_inside(source: str, name: str, path: str, tmp_path: Path) -> None:
    others = {other: "x" for other in _texts(source) if other != name}
    with pytest.raises(GraphspecError) as caught:
        load(DataSpec.model_validate({"dataset": {"type": source, **others, name: path}}), tmp_path)
    assert [(each.code, each.at) for each in caught.value.diagnostics] == [("outside", ("data", "dataset", name))]


class Anything:
    """A data set of the user's whose arguments lie anywhere, and mean whatever they like."""

    def __init__(self, directory: Any = "", files: Any = ()) -> None:
        self.opened = directory, files

    def __len__(self) -> int:
        raise AssertionError("it was made")

    def __getitem__(self, row: int) -> Any:
        raise AssertionError("it was read")


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize(
    ("shape", "at"),
    [
        (lambda path: {"directory": path}, ("directory",)),
        (lambda path: {"files": ["x.csv", path]}, ("files", 1)),
        (lambda path: {"files": {"train": [path]}}, ("files", "train", 0)),
    ],
    ids=["text", "list", "table"],
)
def test_a_users_class_is_handed_no_path_that_leads_out(path: str, shape: Any, at: tuple[Any, ...]) -> None:
    graphspec.dataset(Anything)
    with pytest.raises(GraphspecError) as caught:
        load(DataSpec.model_validate({"dataset": {"type": "Anything", **shape(path)}}))
    assert [(each.code, each.at) for each in caught.value.diagnostics] == [("outside", ("data", "dataset", *at))]
