"""Constants as lines: few numbers are written out, many by their rule, else the weights' file has them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphspec.importing.bodies import Body, Line, Out
from graphspec.importing.forward_pass import Value
from graphspec.ops.arguments import dtype_name

#: So many numbers are written out in a spec.
MOST_WRITTEN = 16


class Constants:
    """The constants of `model`, each once in a scope; ``held`` are those whose numbers go into the weights' file."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.known: dict[tuple[Body, Value], Line] = {}
        self.held: dict[Line, Tensor] = {}

    def line(self, value: Value, user: Body, number: float) -> Line:
        """The line in `user` that gives the numbers of `value`, before the line of that `number`."""
        if (user, value) not in self.known:
            assert value.data is not None
            self.known[user, value] = self.made(value.data, user, "constant", number)
        return self.known[user, value]

    def buffer(self, name: str, owner: Body, number: float) -> Line:
        """The line in `owner` of a buffer that no state_dict holds."""
        return self.made(self.model.get_buffer(name), owner, name.rpartition(".")[2], number)

    def made(self, data: Tensor, body: Body, hint: str, number: float) -> Line:
        """A new line in `body` that gives the numbers of `data`."""
        if not data.dim():
            only = Out(self._numbers(data[None], body, hint, number))
            return _add(body, "select", hint, number - 0.3, {"input": only}, {"dim": 0, "index": 0})
        rule = _rule(data) if data.numel() > MOST_WRITTEN else None
        if rule is None:
            return self._numbers(data, body, hint, number)
        kind, args = rule
        shaped = kind != "arange" or data.dim() == 1
        line = _add(body, kind, hint if shaped else kind, number - 0.5, {}, args)
        if shaped:
            return line
        return _add(body, "reshape", hint, number - 0.3, {"input": Out(line)}, {"shape": list(data.shape)})

    def _numbers(self, data: Tensor, body: Body, hint: str, number: float) -> Line:
        line = _add(body, "Buffer", hint, number - 0.5, {}, {})
        if data.numel() <= MOST_WRITTEN and bool(torch.isfinite(data).all()):
            usual = data.dtype in (torch.float32, torch.int64, torch.bool)
            line.args = {"data": data.tolist()} | ({} if usual else _dtype(data))
        else:
            line.args = {"shape": list(data.shape)} | ({} if data.dtype == torch.float32 else _dtype(data))
            self.held[line] = data.detach().clone()
        line.args["persistent"] = False
        return line


def _add(body: Body, kind: str, hint: str, order: float, sources: dict[str, Any], args: dict[str, Any]) -> Line:
    line = Line(body, kind, hint, order, sources, args)
    body.items.append(line)
    return line


def _dtype(data: Tensor) -> dict[str, str]:
    return {"dtype": dtype_name(data.dtype)}


def _rule(data: Tensor) -> tuple[str, dict[str, Any]] | None:
    """The function that makes these numbers, with its arguments: they are all one, or each as far from the one before.

    ``arange`` makes a row.
    """
    if data.is_complex():
        return None
    row = data.flatten()
    first = row[0].item()
    if bool((row == first).all()):
        return _uniform(data, first)
    step = row[1].item() - first
    end = first + step * row.numel()
    if data.dtype == torch.bool or not step or not abs(end) < 2**24:
        return None
    if step == int(step) and first == int(first):
        first, step, end = int(first), int(step), int(end)
    if not torch.equal(torch.arange(first, end, step, dtype=data.dtype), row):
        return None
    usual = torch.int64 if isinstance(end, int) else torch.float32
    args = {"end": end, "start": first, "step": step} | ({} if data.dtype == usual else _dtype(data))
    return "arange", args


def _uniform(data: Tensor, value: Any) -> tuple[str, dict[str, Any]]:
    args: dict[str, Any] = {"size": list(data.shape)}
    if value in (0, 1):
        return ("ones" if value else "zeros"), args | ({} if data.dtype == torch.float32 else _dtype(data))
    usual = torch.float32 if isinstance(value, float) else torch.int64
    return "full", args | {"fill_value": _number(value)} | ({} if data.dtype == usual else _dtype(data))


def _number(value: Any) -> Any:
    """As a spec has it: what is not finite is a word."""
    return str(value) if isinstance(value, float) and not abs(value) < float("inf") else value
