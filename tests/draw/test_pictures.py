"""Pictures: nothing overlaps, edges go down, every value is there, and no text gets out of its place."""

import re
import xml.etree.ElementTree as ET
from bisect import bisect
from pathlib import Path

import pytest
from torch import Tensor, nn

import graphspec
from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.draw import mermaid, svg
from graphspec.draw.diagram import Node, picture
from graphspec.draw.geometry import LABEL, LINE, TITLE, layout
from graphspec.draw.levels import Level, levels
from graphspec.draw.text_width import width

ROOT = Path(__file__).parents[2]
NAMES = "digits zoo/resnet18 zoo/googlenet zoo/vit_b_16 zoo/densenet121 zoo/unet zoo/siamese zoo/lstm_classifier"
SPECS = [ROOT / "specs" / f"{name}.toml" for name in NAMES.split()]
RESIDUAL = """
graphspec = 1
[inputs]
x = ["N", 8]
[layers]
stem = { type = "Linear", out_features = 8 }
body = { type = "Residual", repeat = 2 }
[blocks.Residual]
[blocks.Residual.layers]
fc1 = { type = "Linear", out_features = 16 }
act = "Tanh"
fc2 = { type = "Linear", out_features = 8 }
add = { type = "add", from = ["x", "fc2"] }
"""


@pytest.fixture(scope="module")
def shaped():
    found = {}

    def of(spec):
        if spec not in found:
            found[spec] = compiler.shape(compiler.load(spec))
        return found[spec]

    return of


@pytest.mark.parametrize("depth", [0, 1, None])
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_nothing_overlaps_and_edges_go_down(shaped, spec, depth):
    drawn = layout(levels(picture(shaped(spec), depth)))
    boxes = [
        (box.x, box.y, box.x + box.width, box.y + box.height) for box in drawn.boxes if isinstance(box.content, Node)
    ]
    labels = [
        (label.x - width(label.text, LABEL) / 2, label.y - 9, label.x + width(label.text, LABEL) / 2, label.y + 2)
        for label in drawn.labels
    ]
    everything = boxes + labels
    assert min(min(x0, y0) for x0, y0, _, _ in everything) >= 0
    assert all(x1 <= drawn.width and y1 <= drawn.height for _, _, x1, y1 in everything)
    assert not [pair for pair in neighbours(everything) if overlap(*pair)]
    assert all(stroke.y0 <= stroke.turn0 <= stroke.turn1 <= stroke.y1 + 0.01 for stroke in drawn.strokes)
    verticals = [(s.x0, s.y0 + 1, s.x0, s.turn0) for s in drawn.strokes] + [
        (s.x1, s.turn1, s.x1, s.y1 - 1) for s in drawn.strokes
    ]
    assert not [(line, box) for line in verticals for box in boxes if overlap(line, box)]


def neighbours(rectangles):
    """Pairs that stand close enough to overlap."""
    ordered = sorted(rectangles, key=lambda rectangle: rectangle[1])
    tops = [top for _, top, _, _ in ordered]
    for n, first in enumerate(ordered):
        yield from ((first, second) for second in ordered[n + 1 : bisect(tops, first[3])])


def overlap(first, second, slack=0.5):
    return (
        first[0] < second[2] - slack and second[0] < first[2] - slack
        and first[1] < second[3] - slack and second[1] < first[3] - slack
    )  # fmt: skip


@pytest.mark.parametrize("depth", [0, 1, None])
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_every_box_and_every_edge_is_drawn(shaped, spec, depth):
    shown = picture(shaped(spec), depth)
    drawn = layout(levels(shown))
    assert {box.content.name for box in drawn.boxes if isinstance(box.content, Node)} == set(shown.nodes)
    assert {box.content.name for box in drawn.boxes if isinstance(box.content, Level)} == set(shown.groups)
    every = set().union(*(level.links for level in flat(levels(shown))))
    into_boxes = {(link.source, link.value, link.target) for link in every if link.target.kind in ("node", "group")}
    assert sum(stroke.head == "down" for stroke in drawn.strokes) == len(into_boxes)


def flat(level):
    yield level
    for content in level.items.values():
        if isinstance(content, Level):
            yield from flat(content)


@pytest.mark.parametrize("depth", [0, None])
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_svg_is_well_formed_and_self_contained(shaped, spec, depth):
    text = svg(shaped(spec), depth)
    root = ET.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "title", "style", "rect", "path", "g", "text"}
    assert "href" not in text
    assert "url(" not in text


def test_straight_is_drawn_straight(shaped):
    """A chain stands in one line, and so does the edge that goes around the block's two layers."""
    drawn = layout(levels(picture(shaped(RESIDUAL), None)))
    chain = {round(box.x + box.width / 2) for box in drawn.boxes if isinstance(box.content, Node)}
    assert len(chain) == 1
    around = [stroke for stroke in drawn.strokes if stroke.x0 == stroke.x1 and round(stroke.x0) not in chain]
    assert len({round(stroke.x0) for stroke in around}) == 1
    assert len(around) == 2 * (3 + 2)  # past three rows, and through the two gaps between them


def test_texts_say_type_arguments_parameters_and_shape(shaped):
    nodes = picture(shaped(RESIDUAL), 0).nodes
    assert nodes["stem"].lines == ("Linear", "72 parameters")
    assert nodes["body"].lines == ("Residual × 2", "8 layers", "560 parameters")
    assert {edge.label for edge in picture(shaped(RESIDUAL), 0).edges} == {"N × 8"}
    assert picture(shaped(RESIDUAL), None).groups == {
        "body": "body  ·  Residual × 2  ·  560 parameters",
        "body.0": "0  ·  Residual  ·  280 parameters",
        "body.1": "1  ·  Residual  ·  280 parameters",
    }


def test_a_reused_block_says_whose_it_is(shaped):
    nodes = picture(shaped(ROOT / "specs" / "zoo" / "siamese.toml"), 0).nodes
    assert "the same as encoder" in nodes["other"].lines


def test_mermaid(shaped):
    assert mermaid(shaped(RESIDUAL)).splitlines()[:8] == [
        "flowchart TD",
        '  n0(["<b>x</b>"])',
        '  n1["<b>stem</b><br/>Linear<br/>72 parameters"]',
        '  n2[["<b>body</b><br/>Residual × 2<br/>8 layers<br/>560 parameters"]]',
        '  n3(["<b>output</b>"])',
        '  n0 -->|"N × 8"| n1',
        '  n1 -->|"N × 8"| n2',
        '  n2 -->|"N × 8"| n3',
    ]


@pytest.mark.parametrize("depth", [0, 1, None])
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_mermaid_is_in_order(shaped, spec, depth):
    lines = [line.strip() for line in mermaid(shaped(spec), depth).splitlines()]
    defined = {match[1] for line in lines if (match := re.match(r"(n\d+)[\[(]", line))}
    assert {word for line in lines if "-->" in line for word in (line.split()[0], line.split()[-1])} <= defined
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end")
    assert len({line for line in lines if line.startswith("subgraph ")}) == lines.count("end")
    assert len(defined) == len(picture(shaped(spec), depth).nodes)


HOSTILE = '"]</text><script>alert(1)</script>&#x3c;`--> n0\n click n0 \x1b[31m ]]>'


@graphspec.layer
class Shout(nn.Module):
    """A layer with a free text."""

    def __init__(self, words: str) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


def test_a_hostile_text_stays_a_text():
    spec = {"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {"shout": {"type": "Shout", "words": HOSTILE}}}
    shaped = compiler.shape(compiler.load(spec))
    text = svg(shaped)
    root = ET.fromstring(text)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "alert(1)" in "".join(root.itertext())
    assert "\x1b" not in text
    box = next(line for line in mermaid(shaped).splitlines() if "Shout" in line)
    content = re.fullmatch(r'  n1\["(.*)"\]', box)[1]
    assert not re.search(r'["<>`&]', re.sub(r"</?b>|<br/>", "", content))
    assert len(mermaid(shaped).splitlines()) == len(mermaid(shaped).split("\n")) - 1 == 10


def test_blocks_that_wait_for_each_other_are_drawn_all_the_same():
    """Closed to boxes, two blocks can form a circle that the layers inside do not."""
    spec = """
    graphspec = 1
    [inputs]
    x = ["N", 4]
    [layers]
    pair = { type = "Pair", from = ["x", "middle"] }
    middle = { type = "Tanh", from = "pair.first" }
    [outputs]
    y = "pair.second"
    [blocks.Pair]
    inputs = ["a", "b"]
    outputs = { first = "first", second = "second" }
    [blocks.Pair.layers]
    first = { type = "ReLU", from = "a" }
    second = { type = "Sigmoid", from = "b" }
    """
    shaped = compiler.shape(compiler.load(spec))
    drawn = layout(levels(picture(shaped, 0)))
    assert sorted(stroke.head for stroke in drawn.strokes if stroke.head) == ["down", "down", "down", "up"]
    assert ET.fromstring(svg(shaped, None)) is not None


def test_two_values_between_the_same_boxes_are_two_edges():
    spec = """
    graphspec = 1
    [inputs]
    x = ["N", 4]
    [layers]
    halves = { type = "chunk", chunks = 2, dim = 1 }
    sum = { type = "add", from = ["halves.0", "halves.1"] }
    """
    drawn = layout(levels(picture(compiler.shape(compiler.load(spec)), 0)))
    assert sum(stroke.head == "down" for stroke in drawn.strokes) == 4
    assert [label.text for label in drawn.labels].count("N × 2") == 3


def test_too_many_bends_are_refused():
    layers = {"l0": {"type": "ReLU", "from": "x"}}
    layers |= {f"l{n}": {"type": "add", "from": [f"l{n - 1}", f"l{n * 7919 % max(1, n - 1)}"]} for n in range(1, 900)}
    shaped = compiler.shape(compiler.load({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": layers}))
    with pytest.raises(GraphspecError, match="more than 50,000 bends"):
        svg(shaped)
    assert mermaid(shaped)


def test_widths_are_not_too_small():
    """Against Helvetica's own (Adobe's AFM, 1000 to the em)."""
    helvetica = dict(zip("ailmWA0 ×,=", (556, 222, 222, 833, 944, 667, 556, 278, 584, 278, 584), strict=True))
    assert all(width(char, 1000) >= real for char, real in helvetica.items())
    assert LINE < TITLE
