"""What the source's author called a value: the local variable that the result of a call goes into."""

from __future__ import annotations

import dis
import functools
import itertools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, FrameType

import torch

_TORCH, _OURS = (f"{Path(module).parent}{os.sep}" for module in (str(torch.__file__), __file__))
#: Names that say nothing of a value.
_PLAIN = frozenset("x y z out output outputs res result results ret tmp temp value values tensor o h".split())


def variable() -> str:
    """The local variable that takes what the call gives that is running, of the module's own code; "" for none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_TORCH, _OURS)):
        if frame.f_code.co_name == "_call_impl":  # the code of a module of torch's own
            return ""
        frame = frame.f_back
    if frame is None:
        return ""
    code = frame.f_code
    name = _stores(code).get(frame.f_lasti, "").strip("_")
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return "" if name in _PLAIN or name in parameters else name


@functools.cache
def _stores(code: CodeType) -> Mapping[int, str]:
    """Offset of an instruction → the variable that the next one puts its result into."""
    steps = list(dis.get_instructions(code))
    return {
        step.offset: str(after.argval[0] if isinstance(after.argval, tuple) else after.argval)
        for step, after in itertools.pairwise(steps)
        if after.opname.startswith("STORE_FAST")
    }
