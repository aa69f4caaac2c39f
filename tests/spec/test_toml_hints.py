"""What a person wrote where TOML's parser stops, and what is said about it."""

from __future__ import annotations

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.spec.parse import parse

ONE_LINE = "a table in braces stands on one line"


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a = \u201cFlatten\u201d", (1, 5), "quotes of a word processor"),
        ("\u201ca\u201d = 1", (1, 1), "quotes of a word processor"),
        ("a: 1", (1, 2), "write = for :"),
        ('a = { type: "ReLU" }', (1, 11), "write = for :"),
        ('fc = { type = "Linear",\n  out_features = 10 }', (1, 24), ONE_LINE),
        ('fc = {\n  type = "Linear" }', (1, 7), ONE_LINE),
        ('fc = { type = "Linear"\n}', (1, 23), ONE_LINE),
        ('fc = { type = "Linear" out_features = 1 }', (1, 24), "a comma stands between two arguments"),
        ("fc = nn.Linear(784, 10)", (1, 6), 'write "Linear", or { type = "Linear", … } with its arguments by name'),
        ("fc = torch.nn.ReLU", (1, 6), 'write "ReLU"'),
        ("fc = ReLU", (1, 6), 'text stands in quotes: "ReLU"'),
        ("fc = None", (1, 6), "leave the argument out"),
        ("fc = True", (1, 6), "write true"),
        ("fc = (1, 2)", (1, 6), "a list stands in [ ]"),
        ("fc == 3", (1, 5), "one = is enough"),
        ("a = .5", (1, 5), "write 0.5"),
        ("a = 1 b = 2", (1, 7), "each entry has a line of its own"),
        ("a b = 1", (1, 3), "a name with a blank in it stands in quotes"),
        ('fc = { type = "Linear"', (1, 6), ""),
        ("a = [1, 2", (1, 5), ""),
    ],
)
def test_what_to_write_instead(text: str, place: tuple[int, int], hint: str) -> None:
    with pytest.raises(GraphspecError) as caught:
        parse(text, "toml")
    (fault,) = caught.value.diagnostics
    assert fault.position is not None
    assert (fault.position.line, fault.position.column) == place
    assert hint in fault.hint
    assert bool(hint) == bool(fault.hint)
