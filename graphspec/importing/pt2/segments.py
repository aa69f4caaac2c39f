"""The calls of a program, put into the calls of modules that they were made in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.pt2.functions import FUNCTIONS, base_name
from graphspec.importing.pt2.program import Node, Place

#: Modules inside each other; a forward pass calls one inside the other.
MOST_DEEP = 64


@dataclasses.dataclass(eq=False)
class Segment:
    """One call of the module at `path`, of class `kind`: its own calls of functions, and of modules inside it."""

    path: str
    call: int
    kind: str
    items: list[Node | Segment] = dataclasses.field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """The functions that it calls itself."""
        return [item for item in self.items if isinstance(item, Node)]

    @property
    def title(self) -> str:
        """The class's own name."""
        return self.kind.rpartition(".")[2]

    def all_nodes(self) -> Iterator[Node]:
        """Every function called inside."""
        for item in self.items:
            if isinstance(item, Segment):
                yield from item.all_nodes()
            else:
                yield item

    def segments(self) -> Iterator[Segment]:
        """Every call of a module inside, each before those that it holds."""
        for item in self.items:
            if isinstance(item, Segment):
                yield item
                yield from item.segments()


def is_function(node: Node) -> bool:
    """Whether it is a function of tensors, and no size, part or check."""
    space, name = base_name(node.op)
    return space == "aten" and name in FUNCTIONS


def segmented(nodes: Iterable[Node]) -> Segment:
    """The call of the whole. What is no function of tensors stays where it comes: it may have been put there later."""
    root: Segment | None = None
    open_: list[Segment] = []
    for node in nodes:
        stack = node.stack or (("", 0, "Model"),)
        if len(stack) > MOST_DEEP:
            raise NotRecorded(f"modules stand {len(stack)} deep in each other, more than {MOST_DEEP}")
        if root is None:
            root = Segment("", 0, stack[0][2])
            open_ = [root]
        if is_function(node) and node.stack:
            _go_to(stack[1:], open_)
        open_[-1].items.append(node)
    return root or Segment("", 0, "Model")


def _go_to(stack: tuple[Place, ...], open_: list[Segment]) -> None:
    """Close the calls that `stack` does not go through, and open the others that it does."""
    common = 0
    for segment, (path, call, _) in zip(open_[1:], stack, strict=False):
        if (segment.path, segment.call) != (path, call):
            break
        common += 1
    del open_[common + 1 :]
    for path, call, kind in stack[common:]:
        segment = Segment(path, call, kind)
        open_[-1].items.append(segment)
        open_.append(segment)
