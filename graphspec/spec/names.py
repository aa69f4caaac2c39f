"""What may be a name: an ASCII identifier of at most 64 characters, not a Python keyword.

Layers may also be numbers, begin with an underscore, and have hyphens inside (``block1-0``, ``_fc``): these stand in
the state_dict and never in code.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator

from graphspec.diagnostics import Diagnostic, Path, quoted
from graphspec.spec.dims import NamedDim
from graphspec.spec.model import NetworkSpec

LONGEST = 64
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
#: An identifier that may begin with one underscore and have hyphens inside, or a number.
_LAYER = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*|[0-9]+", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
#: Windows devices: a folder or file of that name cannot be made there.
_DEVICES = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))])


def fault_in(name: str, what: str, at: Path, pattern: re.Pattern[str] = _LAYER) -> Diagnostic | None:
    """What is wrong with a name of a layer (or of another thing, with its `pattern`), if anything."""
    if len(name) > LONGEST:
        return Diagnostic("bad-name", f"the {what} name {quoted(name)} is longer than {LONGEST} characters", at)
    if not pattern.fullmatch(name):
        hint = "use letters, digits and _, beginning with a letter" + (", or a multiple: 16*H" if what == "dim" else "")
        message = f"{quoted(name)}{_as_code_points(name)} cannot be {_article(what)} name"
        return Diagnostic("bad-name", message, at, hint)
    if keyword.iskeyword(name) or (keyword.issoftkeyword(name) and name == "_"):
        return Diagnostic(
            "reserved-name",
            f"{quoted(name)} is a word of Python and cannot be {_article(what)} name",
            at,
            f'call it "{name}_"',
        )
    if name.lower() in _DEVICES:
        return Diagnostic("reserved-name", f"{quoted(name)} is a device name on Windows", at, f'call it "{name}_"')
    return None


def twins(names: Iterable[str], what: str, at: Path) -> Iterator[Diagnostic]:
    """Names that differ in case alone: a file system may not tell them apart."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            message = f"the {what}s {quoted(first)} and {quoted(name)} differ in case only"
            hint = "a file system may not tell them apart; rename one of them"
            yield Diagnostic("name-clash", message, (*at, name), hint)


def name_faults(spec: NetworkSpec) -> Iterator[Diagnostic]:
    """Names that cannot become attributes, files or ONNX names. Templates are checked when expanded."""
    checks = [fault_in(spec.name, "model", ("name",), _FILE)]
    checks += [fault_in(name, "input", ("inputs", name), _IDENTIFIER) for name in spec.inputs]
    for name, given in spec.inputs.items():
        dims = [(index, dim.name) for index, dim in enumerate(given.shape) if isinstance(dim, NamedDim)]
        checks += [fault_in(dim, "dim", ("inputs", name, index), _IDENTIFIER) for index, dim in dims]
    checks += [fault_in(name, "block", ("blocks", name), _IDENTIFIER) for name in spec.blocks]
    checks += [fault_in(name, "variable", ("vars", name), _IDENTIFIER) for name in spec.vars]
    checks += [fault_in(name, "output", ("outputs", name), _IDENTIFIER) for name in spec.outputs or ()]
    for at, layers in [(("layers",), spec.layers)] + [
        (("blocks", n, "layers"), b.layers) for n, b in spec.blocks.items()
    ]:
        checks += [fault_in(name, "layer", (*at, name)) for name in layers if "${" not in name]
        yield from twins(layers, "layer", at)
    for name, block in spec.blocks.items():
        checks += [fault_in(entry, "variable", ("blocks", name, "vars", entry), _IDENTIFIER) for entry in block.vars]
        checks += [fault_in(entry, "input", ("blocks", name, "inputs"), _IDENTIFIER) for entry in block.inputs]
        checks += [
            fault_in(entry, "output", ("blocks", name, "outputs", entry), _IDENTIFIER) for entry in block.outputs or ()
        ]
    yield from twins(spec.inputs, "input", ("inputs",))
    yield from twins(spec.outputs or (), "output", ("outputs",))
    yield from (fault for fault in checks if fault)


def _as_code_points(name: str) -> str:
    """A letter that only looks like one of ASCII, told apart."""
    if name.isascii() or not name.isprintable():
        return ""  # what cannot be printed is shown so anyway
    return f" ({name.encode('unicode_escape').decode('ascii')})"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def enclosing(name: str) -> list[str]:
    """The blocks around a layer, outermost first: ``a.0.conv`` gives ``a``, ``a.0``."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
