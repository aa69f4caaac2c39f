"""Edges between scopes as ports with names; and the names of everything in a scope."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphspec.graph.names import taken
from graphspec.importing.bodies import Body, Line, Out, holder, relative
from graphspec.importing.forward_pass import NotRecorded
from graphspec.spec.names import fault_in


def cross(out: Out, user: Body, name: Callable[[Body], str]) -> None:
    """Output ports from the line's scope up to the first that holds both, input ports from there down to the user."""
    up, down = out.line.body.above(), user.above()
    for body in up:
        if body in down:
            break
        body.outputs.setdefault(out, "")
    for body in down:
        if body in up:
            break
        body.inputs.setdefault(out, name(body))


def give_names(body: Body, inputs: Sequence[str]) -> None:
    """Give every item of `body` and below its name, and every port its own; names in the state_dict stay."""
    body.items.sort(key=lambda item: item.order)
    used = {name.lower() for name in inputs}
    if body.parent:  # a name of its own would hide the layer outside that a line applies again
        used |= {relative(item.reuse, body.path).lower() for item in body.items if item.reuse}
    for item in body.items:
        if item.fixed:
            _check(item)
            item.name = item.hint
            used.add(item.name.lower())
    for item in body.items:
        if not item.fixed:
            usual = item.usual if isinstance(item, Line) and item.hint.lower() in used else ""
            item.name = _free(usual or item.hint, used)
    if body.parent:
        body.inputs = _in_order(body)
        single = len(body.inputs) == 1
        for out, hint in list(body.inputs.items()):
            body.inputs[out] = _free("x" if single else hint, used)
    outputs: set[str] = set()
    for out in body.outputs:
        body.outputs[out] = _free(holder(body, out).name, outputs, plain=True)
    for item in body.items:
        if isinstance(item, Body):
            give_names(item, ())


def _in_order(body: Body) -> dict[Out, str]:
    """The inputs in the order of forward's parameters."""
    order = list(body.frame.arguments) if body.frame else []
    places = {name: n for n, name in enumerate(order)}
    return dict(sorted(body.inputs.items(), key=lambda item: places.get(item[1], len(order))))


def _check(item: Line | Body) -> None:
    fault = fault_in(item.hint, "layer", ())
    outermost = (item.body if isinstance(item, Line) else item.parent or item).parent is None
    if fault or item.hint in taken(inside=not outermost):
        path = item.path or item.hint
        raise NotRecorded(
            f"no layer of a spec can be called as {path} is: {fault.message if fault else 'torch uses the name'}"
        )


def _free(hint: str, used: set[str], plain: bool = False) -> str:
    """`hint`, or with the first number that makes it a name of its own."""
    hint = "".join(c if c.isalnum() or c == "_" else "_" for c in hint).strip("_") or "value"
    if hint[0].isdigit():
        hint = f"out{hint}" if plain else f"layer{hint}"
    number = 1
    name = hint if fault_in(hint, "layer", ()) is None and hint not in taken() else f"{hint}_"
    while name.lower() in used:
        number += 1
        name = f"{hint}{number}" if not hint[-1].isdigit() else f"{hint}_{number}"
    used.add(name.lower())
    return name
