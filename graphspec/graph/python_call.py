"""A layer written as Python makes it, ``nn.Linear(784, 10)``, as a spec writes it; read, never run."""

from __future__ import annotations

import ast
import re

from graphspec.ops import UnknownOp, lookup
from graphspec.ops.inferred import INFERRED
from graphspec.spec.dump import toml_value

_CALL = re.compile(r"(?:torch\.)?(?:nn\.)?(?:functional\.|F\.)?(\w+)\s*(\(.*\))?", re.S)
#: What is longer is no slip.
_LONGEST = 200


def spec_of(text: str) -> str:
    """``{ type = "Linear", out_features = 10 }`` of ``nn.Linear(784, 10)``; "" where `text` is no layer of torch's.

    What follows from the input is left out, and so is what is no literal.
    """
    match = _CALL.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None or text == match[1]:
        return ""
    try:
        op = lookup(match[1])
        call = ast.parse(f"f{match[2] or '()'}", mode="eval").body
    except (UnknownOp, SyntaxError):
        return ""
    if op.origin not in ("torch.nn", "torch") or not isinstance(call, ast.Call):
        return ""
    written = dict(zip(op.written, call.args, strict=False)) | {key.arg: key.value for key in call.keywords if key.arg}
    arguments = {}
    for name, node in written.items():
        known = op.written.get(name)
        if isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.UnaryOp) and known is not None:
            try:
                value = ast.literal_eval(node)
            except ValueError:
                continue
            if value is not None and value != known.default and not (name in INFERRED and known.required):
                arguments[name] = value
    return toml_value({"type": op.name, **arguments}) if arguments else toml_value(op.name)
