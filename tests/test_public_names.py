"""The public names: what `dir` lists is what is there, and nothing is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import graphspec

NAMES = """
DataPlace GraphspecError GraphspecWarning Network VerificationError build callback check compile data dataset diff
evaluate export find_lr from_module inspect layer load loss metric overfit_batch predict report shape
train transform tune verify
""".split()


def test_dir_lists_exactly_the_public_names() -> None:
    assert dir(graphspec) == graphspec.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_callable_and_explained(name: str) -> None:
    found = getattr(graphspec, name)
    assert callable(found)
    assert found.__doc__


def test_data_is_a_function_whether_its_room_was_imported_before_or_not() -> None:
    spec = 'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\nfc = { type = "Linear", out_features = 3 }\n'
    spec += '[data]\ndataset = "iris"\n'
    for first in ("", "import graphspec.data.place", "from graphspec.data import load"):
        calls = f"for _ in 'ab':\n    found = graphspec.data('''{spec}''')\nprint(len(found.train))"
        code = f"{first}\nimport graphspec\n{calls}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "108\n"), done.stderr
