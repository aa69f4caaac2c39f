"""The file: imports, foreign layers, one class per kind of block, the network last."""

from __future__ import annotations

import ast

from graphspec.module.emit.classes import Classes, Kind, is_defined
from graphspec.module.emit.foreign import sources
from graphspec.module.emit.lines import wrapped
from graphspec.module.emit.tree import scopes
from graphspec.shapes.shaped import ShapedGraph


def python(shaped: ShapedGraph) -> str:
    """The network as Python source.

    Its class has the same state_dict keys as the compiled module and, given the same weights, gives equal outputs.
    """
    classes = Classes(scopes(shaped), shaped)
    own = [layer.op.factory for layer in shaped.layers if is_defined(layer)]
    imports, definitions = sources(list(dict.fromkeys(own)))
    text = "\n\n\n".join([*definitions, *(_class(classes, kind, shaped) for kind in classes.kinds.values())])
    return _header(shaped, text, imports) + "\n\n\n" + text + "\n"


def _header(shaped: ShapedGraph, text: str, imports: list[str]) -> str:
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    plain = ["import torch"] if "torch" in used else []
    plain += ["import torch.nn.functional as F"] if "F" in used else []
    plain += [f"from torch import {', '.join(name for name in ('Tensor', 'nn') if name in used)}"]
    extra = [
        line for line in imports if line not in ("from torch import nn", "from torch import Tensor", "import torch")
    ]
    extra = [line for line in extra if line != "from torch.nn import functional as F"]
    inputs = ", ".join(f"{name} ({kind})" for name, kind in shaped.inputs.items())
    title = f'"""{shaped.spec.name}: takes {inputs}. Written by graphspec; it needs only torch.'
    given = _GIVEN if any(layer.is_given for layer in shaped.layers) else []
    said = [*wrapped_docstring(title), *given, '"""'] if given else wrapped_docstring(f'{title}"""')
    return "\n".join([*said, "", *sorted(extra), *plain])


#: What is said of constants that no state_dict holds.
_GIVEN = """
Before load_state_dict, the constants that it does not hold take their numbers from the file of the weights:

    for name in weights.keys() - net.state_dict().keys():
        net.get_buffer(name).copy_(weights.pop(name))
""".rstrip().split("\n")


def wrapped_docstring(text: str) -> list[str]:
    """A docstring line, broken where it is too long."""
    import textwrap

    return textwrap.wrap(text, 118) if len(text) > 120 else [text]


def _class(classes: Classes, kind: Kind, shaped: ShapedGraph) -> str:
    root = not kind.instances[0].prefix
    lines = [f"class {kind.name}(nn.Module):"]
    arguments = list(dict.fromkeys(kind.arguments.values()))
    init = classes.init(kind) + (_ties(shaped) if root else [])
    if init:
        lines += wrapped(f"    def __init__({', '.join(['self', *arguments])}):", "    ")
        lines += ["        super().__init__()"]
        lines += [part for line in init for part in wrapped(f"        {line}", "        ")] + [""]
    (parameters, *forward), (_, *shapes) = classes.forward(kind.instances[0])[0], classes.shapes(kind)
    many = (root and len(shaped.outputs) > 1) or len(kind.instances[0].outputs) > 1
    result = "" if many else " -> Tensor"
    typed = ", ".join(f"{name}: Tensor" for name in parameters.split(", "))
    lines += wrapped(f"    def forward(self, {typed}){result}:", "    ")
    for line, shape in zip(forward, shapes, strict=True):
        comment = f"  # {shape}" if shape else ""
        parts = wrapped(f"        {line}", "        ")
        fits = len(parts) == 1 and len(parts[0] + comment) <= 120
        lines += [parts[0] + comment] if fits else parts
    return "\n".join(lines)


def _ties(shaped: ShapedGraph) -> list[str]:
    """Parameters that are shared."""
    return [
        f"{_reach(f'{layer.name}.{own}')} = {_reach(owner)}"
        for layer in shaped.layers
        for own, owner in layer.tie.items()
    ]


def _reach(name: str) -> str:
    from graphspec.module.emit.classes import reach
    from graphspec.module.emit.tree import Scope

    return reach(name, Scope(""))
