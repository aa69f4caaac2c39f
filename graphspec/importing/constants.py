"""Constants as lines: numbers written out where they are used, a large table by the small ones that it is made of."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphspec.importing.bodies import Body, Line, Out
from graphspec.importing.declared import is_usual, numbers
from graphspec.importing.forward_pass import Value
from graphspec.importing.tables import MOST_COMPUTED, MOST_NUMBERS, different_rows, summands


class Constants:
    """The constants of `model`, each once in a scope."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.known: dict[tuple[Body, Value], Line] = {}

    def line(self, value: Value, user: Body, number: float) -> Line:
        """The line in `user` that gives the numbers of `value`, before the line of that `number`."""
        if (user, value) not in self.known:
            data = self.model.get_buffer(value.name) if value.data is None else value.data
            self.known[user, value] = self._made(data, user, number)
        return self.known[user, value]

    def _made(self, data: Tensor, user: Body, number: float) -> Line:
        if not data.dim():
            only = Out(_buffer(data[None], "constant", user, number))
            number_alone = Line(user, "select", "constant", number - 0.3, {"input": only}, {"dim": 0, "index": 0})
            user.items.append(number_alone)
            return number_alone
        most = MOST_NUMBERS if data.numel() > MOST_NUMBERS else MOST_COMPUTED
        if data.numel() <= most:
            return _buffer(data, "constant", user, number)
        rows = different_rows(data, most)
        parts = rows or summands(data, most)
        if parts is None:
            return _buffer(data, "constant", user, number)
        names = ("rows", "places") if rows else ("rows", "columns")
        first, second = (Out(_buffer(part, name, user, number)) for part, name in zip(parts, names, strict=True))
        args: dict[str, Any]
        if rows:
            kind, sources, args = "index_select", {"input": first, "index": second}, {"dim": 0}
        else:
            kind, sources, args = "add", {"input": first, "other": second}, {"broadcast": True}
        joined = Line(user, kind, kind, number - 0.4, sources, args)
        shaped = Line(user, "reshape", "constant", number - 0.3, {"input": Out(joined)}, {"shape": list(data.shape)})
        user.items += [joined, shaped]
        return shaped


def _buffer(data: Tensor, hint: str, user: Body, number: float) -> Line:
    written = numbers(data, f"a constant of {user.path or 'the network'}")
    line = Line(user, "Buffer", hint, number - 0.5, args={"data": written, "persistent": False})
    if not is_usual(data):
        line.args["dtype"] = str(data.dtype).removeprefix("torch.")
    user.items.append(line)
    return line
