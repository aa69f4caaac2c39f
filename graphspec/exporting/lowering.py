"""A refusal of what lowers an exported program for a device, at the layer whose operator its message names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError, fail
from graphspec.exporting.capture import Capture, capture, first_line
from graphspec.exporting.layer_map import layers_of_nodes
from graphspec.exporting.prefix import first_that
from graphspec.system.quiet import quiet

#: Where formats stand in a spec.
AT = ("export", "formats")
#: An operator in messages: ``aten.abs.default``, ``aten::abs.out``.
_OPERATOR = re.compile(r"\b(?:aten|torchvision|executorch_prim)(?:\.|::)(\w+)")


#: Lowers a capture, and raises where another package refuses it.
Lower = Callable[[Capture], Any]


@contextlib.contextmanager
def lowering(captured: Capture, format: str, again: Lower) -> Iterator[None]:
    """Inside this context, in which nothing is printed, whatever another package raises is its refusal of the network:
    they raise many types. Where it names no operator, parts of the network are lowered `again` for the layer.
    """
    try:
        with quiet():
            yield
    except GraphspecError:
        raise
    except Exception as error:
        raise refused(captured, format, *_told(error), again) from error


def _told(error: BaseException) -> tuple[str, str]:
    """All that `error` and what caused it say, and the first line of what came first: passes wrap what they meet."""
    chain = [error]
    while cause := chain[-1].__cause__:
        chain.append(cause)
    return "\n".join(map(str, chain)), first_line(chain[-1])


def refused(captured: Capture, format: str, text: str, reason: str, again: Lower | None = None) -> GraphspecError:
    """`reason` as a diagnostic at the layer whose operator `text` names, else at that from which on the network cannot
    be lowered `again`, else at the formats.
    """
    layers = layers_of_nodes(captured.program.graph, captured.shaped)
    graph = captured.program.graph
    if (layer := _named(text, graph, layers)) is None:
        decomposed = captured.program.run_decompositions().graph
        layer = _named(text, decomposed, layers_of_nodes(decomposed, captured.shaped))
    found = next((each for each in captured.shaped.layers if each.name == layer), None)
    if found is None and again is not None:
        found = _from_which_on(captured, again)
    where = f'layer "{found.name}" ({found.type})' if found else "the network"
    message = f"{where} cannot be written as {format}: {reason}"
    return fail("not-exportable", message, at=found.at if found else AT)


def _from_which_on(captured: Capture, lower: Lower) -> Any:
    """The layer behind which the network, cut off, is refused by `lower`, and before which it is not."""

    def fails(part: Network) -> bool:
        try:
            with quiet():
                lower(capture(part, captured.sampler))
        except Exception:  # whatever another package raises
            return True
        return False

    return first_that(fails, captured.network)


def _named(text: str, graph: Any, layers: Mapping[str, str]) -> str | None:
    """The layer of the first node whose operator is named in `text`."""
    named = set(_OPERATOR.findall(text))
    for node in graph.nodes:
        if node.op == "call_function" and node.name in layers:
            operator = str(node.target).split(".")
            if len(operator) > 1 and {operator[1], f"{operator[1]}_copy"} & named:
                return layers[node.name]
    return None
