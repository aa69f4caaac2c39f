"""A picture is drawn whatever the machine's settings of matplotlib are, and decides over nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graphspec import GraphspecWarning
from graphspec.system.canvas import Album, write

#: Draws a picture in a process of its own, and says whether its result came and how often it was warned.
DRAWS = """
import warnings
from pathlib import Path
from graphspec.system.canvas import Album

def labelled():
    from matplotlib.figure import Figure
    figure = Figure(figsize=(2, 2))
    figure.add_subplot().set_title("title")
    return figure

with warnings.catch_warnings(record=True) as said, Album(Path()) as album:
    album.add("a.png", labelled)
    album.add("b.png", labelled)
print(len(album.files), len(said))
"""


def drawn(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DRAWS], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("backend", ["widget", "module://no_such_backend", "macosx", "\x1b[31m"])
def test_the_backend_of_another_environment_is_not_asked(backend: str, tmp_path: Path) -> None:
    assert drawn(tmp_path, MPLBACKEND=backend) == "2 0"


@pytest.mark.parametrize(
    ("settings", "found"),
    [(b"text.usetex: true\nfigure.dpi: 1e9\n", "2 0"), (b"\xff\xfe\x00", "0 1")],
    ids=["LaTeX", "no text"],
)
def test_settings_of_the_users_decide_over_no_result(settings: bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / "rc").write_bytes(settings)
    assert drawn(tmp_path, MATPLOTLIBRC=str(tmp_path / "rc")) == found


def labelled(text: str) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 3))
    figure.add_subplot().set_title(text)
    return figure


def pixels(folder: Path, text: str) -> Any:
    return np.asarray(Image.open(write(folder / "a.png", labelled, text)).convert("L"))


@pytest.mark.parametrize("text", ["$x^{$", r"$\foo$", "$$", "$xx$", r"\frac{1}{2}"])
def test_text_is_drawn_as_it_stands(text: str, tmp_path: Path) -> None:
    """As a formula it would lack its signs, or be none at all."""
    assert (pixels(tmp_path, text) != pixels(tmp_path, text.strip("$"))).any() or "$" not in text
    assert (pixels(tmp_path, text) != pixels(tmp_path, "")).any()


def fails() -> Any:
    raise FileNotFoundError("DejaVuSans.ttf")  # as matplotlib does where its fonts are gone


def test_one_warning_names_all_that_are_missing(tmp_path: Path) -> None:
    def draw() -> None:
        with Album(tmp_path) as album:
            album.add("a.png", fails)
            album.add("b.png", labelled, "b")
            album.add("c.png", fails)
        assert album.files == [tmp_path / "b.png"]

    with pytest.warns(GraphspecWarning, match=r"a\.png, c\.png cannot be drawn: FileNotFoundError: Dej") as caught:
        draw()
    assert len(caught) == 1
