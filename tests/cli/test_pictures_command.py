"""``compile --emit mermaid|svg``, with blocks closed, opened by levels, or all open."""

import xml.etree.ElementTree as ET

import pytest

SPEC = """
graphspec = 1
[inputs]
x = ["N", 8]
[layers]
body = { type = "Two", repeat = 2 }
[blocks.Two]
[blocks.Two.layers]
fc = { type = "Linear", out_features = 8 }
act = "Tanh"
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(SPEC)
    return path


@pytest.mark.parametrize(
    ("options", "boxes", "groups"),
    [((), 3, 0), (("--depth", 1), 4, 1), (("--depth", 2), 6, 3), (("--expand",), 6, 3)],
)
def test_depth(command, spec, options, boxes, groups):
    ended = command("compile", spec, "--emit", "mermaid", *options)
    assert ended.code == 0
    assert ended.out.count("<b>") == boxes
    assert ended.out.count("subgraph") == groups
    drawn = ET.fromstring(command("compile", spec, "--emit", "svg", *options).out)
    assert len(drawn.findall("{*}g")) == boxes
    assert len(drawn.findall("{*}rect[@class='frame']")) == groups


def test_a_file(command, spec, tmp_path):
    assert command("compile", spec, "--emit", "svg", "-o", "two.svg").out == "wrote two.svg\n"
    assert ET.parse(tmp_path / "two.svg").getroot().tag.endswith("svg")
    assert "flowchart TD" in command("compile", spec, "--emit", "mermaid", "--json").document["text"]


def test_what_is_printed_is_what_a_file_gets(command, spec, tmp_path):
    """However long its lines are."""
    for kind in ["svg", "mermaid"]:
        printed = command("compile", spec, "--emit", kind, "--expand").out
        command("compile", spec, "--emit", kind, "--expand", "-o", "file")
        assert printed == (tmp_path / "file").read_text(encoding="utf-8")
    assert max(map(len, command("schema").out.splitlines())) > 10_000
