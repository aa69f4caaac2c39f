"""Functions between the parts of one module, which its caller calls: they stand in the module's scope.

So is a head that the network runs part by part one block, and not one with an output and an input for each function
between its parts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from graphspec.importing.bodies import Body, Line, Out
from graphspec.importing.sizes import sizes_in


def move_inward(body: Body, outputs: Iterable[Out]) -> None:
    """Move, in `body` and below, the functions that take from one scope and give to it, and to nothing else."""
    users: dict[Line, list[Line | None]] = defaultdict(list)
    for line in body.lines():
        for source in _sources(line):
            users[source].append(line)
    for out in outputs:
        users[out.line].append(None)
    _in(body, users)


def _in(body: Body, users: Mapping[Line, Sequence[Line | None]]) -> None:
    for scope in [item for item in body.items if isinstance(item, Body)]:
        if not scope.reuse:
            for line in _between(body, scope, users):
                body.items.remove(line)
                scope.items.append(line)
                line.body = scope
        _in(scope, users)


def _between(body: Body, scope: Body, users: Mapping[Line, Sequence[Line | None]]) -> list[Line]:
    """The functions of `body` between lines of `scope`, with the constants that they alone take."""
    inside = {*scope.lines()}
    found = [item for item in body.items if isinstance(item, Line) and _is_function(item)]
    while True:
        known = inside | {*found}
        kept = [
            line for line in found
            if users.get(line) and all(user in known for user in users[line])
            and all(source in known for source in _sources(line))
        ]  # fmt: skip
        if len(kept) == len(found):
            return found if any(source in inside for line in found for source in _sources(line)) else []
        found = kept


def _is_function(line: Line) -> bool:
    """Whether no state_dict knows the line, and it sees no size of a value that may be elsewhere."""
    return not (line.fixed or line.path or line.reuse or line.type == "input") and not any(sizes_in(line.args))


def _sources(line: Line) -> list[Line]:
    return [
        out.line for given in line.sources.values() for out in (given if isinstance(given, list) else [given])
    ]  # fmt: skip
