"""What can be wrong with the dims of a spec as a whole: factors that are none, ranges of no dim."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.diagnostics import Code, Diagnostic, quoted, suggest
from graphspec.spec.dims import GREATEST, NamedDim
from graphspec.spec.model import NetworkSpec


def dim_faults(spec: NetworkSpec) -> Iterator[Diagnostic]:
    """Factors that are none, and ranges that hold for no size or for no dim of an input."""
    for name, given in spec.inputs.items():
        for index, size in enumerate(given.shape):
            if isinstance(size, NamedDim) and not 1 <= size.factor <= GREATEST:
                code: Code = "bad-value" if size.factor < 1 else "too-large"
                wanted = "at least 1" if size.factor < 1 else f"at most {GREATEST}"
                message = f"input {quoted(name)} has a dim of {size.factor} times {quoted(size.name)}, not {wanted}"
                yield Diagnostic(code, message, ("inputs", name, index))
    known = spec.dim_names
    for name, given_range in spec.dims.items():
        if name not in known:
            hint = suggest(name, known) or (f"there are: {', '.join(known)}" if known else "no input has a dynamic dim")
            yield Diagnostic("unknown-reference", f"no input has a dim {quoted(name)}", ("dims", name), hint)
        if given_range.max is not None and given_range.max < given_range.min:
            message = f"the dim {quoted(name)} is at least {given_range.min} and at most {given_range.max}"
            yield Diagnostic("bad-value", message, ("dims", name, "max"), "max is no less than min")
