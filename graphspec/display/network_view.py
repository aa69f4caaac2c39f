"""A network: its table of layers and its picture, as far as its shapes are right."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError, printable
from graphspec.display.html import Html, Part, chosen, folded, wrong
from graphspec.display.layer_table import tables
from graphspec.draw.diagram import depth_of
from graphspec.draw.svg import svg
from graphspec.shapes import ShapedGraph
from graphspec.shapes.infer import known_part

#: Blocks are opened so many levels deep at most; a picture of more layers is closed at first, or not drawn at all.
MOST_LEVELS, MOST_OPEN, MOST_DRAWN = 3, 40, 400
_numbers = itertools.count()


@dataclasses.dataclass(frozen=True, slots=True)
class NetworkView:
    """A spec's network; nothing is trained or built for it."""

    network: Network

    @property
    def title(self) -> str:
        return self.network.name

    def lines(self) -> list[str]:
        spec = self.network.spec
        found = [f"Network {printable(self.network.name)}: {len(spec.layers)} lines of layers"]
        found += [f"  input {name}: {_sizes(value.shape)} {value.dtype}" for name, value in spec.inputs.items()][:4]
        shaped = vars(self.network).get("shaped")  # what cached_property has put there
        if shaped is not None:
            found += [f"  output {name}: {kind}" for name, kind in shaped.output_types.items()][:3]
            found.append(f"  {shaped.parameter_count:,} parameters")
        return found

    def parts(self) -> Iterator[Part]:
        try:
            shaped = self.network.shaped
        except GraphspecError as fault:
            yield wrong(str(fault))
            yield from self.so_far()
            return
        yield from _drawn(shaped)

    def so_far(self) -> Iterator[Part]:
        """The layers before a fault; nothing where the graph itself is none."""
        try:
            known = known_part(self.network.graph)
        except GraphspecError:
            return
        if known.layers:
            yield from _drawn(known)


def _drawn(shaped: ShapedGraph) -> Iterator[Part]:
    yield from tables(shaped)
    if len(shaped.layers) <= MOST_DRAWN:
        yield folded("Picture", [_picture(shaped)], opened=len(shaped.layers) <= MOST_OPEN)


def _picture(shaped: ShapedGraph) -> Html:
    deepest = min(depth_of(shaped), MOST_LEVELS)
    names = ["blocks closed", "blocks opened", "two levels opened", "three levels opened"]
    return chosen(
        f"graphspec-{next(_numbers)}", {names[depth]: Html(_inline(svg(shaped, depth))) for depth in range(deepest + 1)}
    )


def _inline(text: str) -> str:
    """The picture inside a page: its rules keep to itself, since several pictures stand on one page."""
    return f'<img alt="the network" src="data:image/svg+xml;utf8,{_quoted(text)}">'


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


def _sizes(shape: object) -> str:
    return " × ".join(map(str, shape)) if isinstance(shape, list | tuple) else str(shape)
