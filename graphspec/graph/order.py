"""Which node needs which before it, and what follows: an order, a circle, what no output needs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

#: By input and node, inputs first and the others in the order of the file: what stands before it, the same one twice
#: where it is taken twice.
Needs = Mapping[str, Sequence[str]]


def ordered(needs: Needs) -> list[str] | None:
    """The names in an execution order, as near to the file's as can be; None where some need each other."""
    names = [*needs]
    place = {name: number for number, name in enumerate(names)}
    if all(place[name] < number for number, before in enumerate(needs.values()) for name in before):
        return names
    readers = _readers(needs)
    waiting = [len(before) for before in needs.values()]
    ready = [number for number, count in enumerate(waiting) if not count]
    found: list[str] = []
    while ready:
        found.append(names[heapq.heappop(ready)])
        for number in (place[reader] for reader in readers[found[-1]]):
            waiting[number] -= 1
            if not waiting[number]:
                heapq.heappush(ready, number)
    return found if len(found) == len(names) else None


def circle(needs: Needs) -> list[str]:
    """Names of which each is needed by the next, and the last by the first; empty where there are none."""
    readers = _readers(needs)
    done: set[str] = set()
    for start in needs:
        path, ways = {start: None}, [iter(readers[start])]
        while ways and start not in done:
            name = next(ways[-1], None)
            if name is None:
                ways.pop()
                done.add(path.popitem()[0])
            elif name in path:
                return [*path][[*path].index(name) :]
            elif name not in done:
                path[name] = None
                ways.append(iter(readers[name]))
    return []


def needed(needs: Needs, wanted: Iterable[str]) -> set[str]:
    """`wanted`, and everything that it needs."""
    found: set[str] = set()
    waiting = [*wanted]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found


def _readers(needs: Needs) -> dict[str, list[str]]:
    readers: dict[str, list[str]] = {name: [] for name in needs}
    for reader, names in needs.items():
        for name in names:
            readers[name].append(reader)
    return readers
