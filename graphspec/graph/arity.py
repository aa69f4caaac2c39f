"""Which value goes to which of forward's parameters."""

from __future__ import annotations

from graphspec.diagnostics import Diagnostic, Path, quoted, suggest
from graphspec.graph.layers import Ref, Sources
from graphspec.ops import Op, names

Bound = dict[str | int, Ref | tuple[Ref, ...]]


def bind(op: Op, name: str, sources: Sources, at: Path) -> tuple[list[Diagnostic], Bound]:
    """`sources` by forward's parameter names, and what is wrong with their number or names."""
    ports, positional = op.port_names, [source for key, source in sources.items() if isinstance(key, int)]
    bound: Bound = {}
    if len(positional) < len(sources):
        bound = {key: source for key, source in sources.items() if not isinstance(key, int)}
    faults = []
    for key in bound:
        if key not in ports:
            hint = suggest(str(key), ports) or f"its inputs: {', '.join(ports)}"
            message = f"layer {quoted(name)}: {op.name} has no input {quoted(key)}"
            faults.append(Diagnostic("unknown-argument", message, (*at, "from", key), hint))
    if positional and op.many_port is not None:
        bound[op.many_port] = tuple(
            ref for source in positional for ref in (source if isinstance(source, tuple) else (source,))
        )
    elif len(positional) > len(ports):
        if ports or "from" in at:
            faults.append(_count(op, name, len(positional), at))
    else:
        bound.update(zip(ports, positional, strict=False))
    if not faults and not op.required_ports <= bound.keys():
        faults.append(_count(op, name, len(bound), at))
    return faults, {port: bound[port] for port in ports if port in bound}


def _count(op: Op, name: str, got: int, at: Path) -> Diagnostic:
    required = [port.name for port in op.ports if port.required]
    optional = len(op.ports) - len(required)
    wanted = f"{len(required)} input{'s' * (len(required) != 1)} ({', '.join(required)})" if required else "no input"
    if optional:
        wanted += f" and up to {optional} more"
    many = any(port.many for port in op.ports)
    wanted = "at least 1 input" if many else wanted
    message = f"layer {quoted(name)}: {op.name} takes {wanted}, not {got}"
    own = next((each for each in names() if each[0].isupper() and each.lower() == op.name.replace("_", "")), "")
    weighs = own and got == 1 and "weight" in required
    hint = f"{own} is the layer with weights of its own" if weighs else _example(required, got)
    return Diagnostic("arity", message, (*at, "from"), hint)


def _example(required: list[str], got: int) -> str:
    """How to name the inputs: by position, or by port where there are more than two."""
    if len(required) < got:
        return "take the others out of `from`"
    if len(required) == 1:
        return 'name it with from = "…"'
    if len(required) == 2:
        return 'name both with from = ["…", "…"]'
    ports = ", ".join(f'{port} = "…"' for port in required)
    return f"name them with from = {{ {ports} }}"
