"""One capture of a module, from which every format is written: a CPU copy in eval mode and its ``ExportedProgram``."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy
import torch
import torch.fx.config
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError, fail
from graphspec.exporting.costly import is_costly, is_sooner_followed
from graphspec.exporting.guards import Trace, loosen, proven, span_of, suspect
from graphspec.exporting.layer_map import failing_layer
from graphspec.exporting.open_shapes import OpenSizes, open_sequences
from graphspec.exporting.sampler import Sampler, accepts
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.dims import GREATEST
from graphspec.system.collecting import uncollected
from graphspec.system.quiet import quiet
from graphspec.system.torch_private import pytree, replaced, sizes_of_one

#: Sizes at which every program is tried, and those at which one is that has guards.
SMALL, MANY = (1, 2, 3), (*range(1, 10), 12, 17)
#: How far above the least one those are that hardly any network has among its own numbers.
UNUSUAL = (10, 18, 36)


@dataclasses.dataclass(frozen=True, slots=True)
class Capture:
    """``network`` has the copy that was captured, ``symbols`` maps torch's symbol names to the spec's dim names.

    ``proven``: the program is shown to be right for every size of the dims, but where an open dim is 1, where it was
    tried; see :mod:`graphspec.exporting.guards`. Otherwise it was tried at `MANY` sizes of each.
    """

    network: Network
    sampler: Sampler
    program: ExportedProgram
    symbols: Mapping[str, str]
    proven: bool

    @property
    def shaped(self) -> ShapedGraph:
        """The network's graph."""
        return self.network.shaped

    @property
    def input_names(self) -> list[str]:
        """The inputs in forward's order."""
        return list(self.shaped.inputs)

    @property
    def output_names(self) -> list[str]:
        """The program's outputs in its own order; a dict's order is read from the program, not assumed."""
        names = list(self.shaped.outputs)
        if len(names) == 1:
            return names
        spec = self.program.call_spec.out_spec
        assert spec is not None
        order = pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
        return sorted(order, key=order.__getitem__)


def eval_copy(module: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """A copy of `module` on the CPU in eval mode without gradients, its floats as `dtype` where given."""
    clone = copy.deepcopy(module).cpu().eval().requires_grad_(False)
    return clone.to(dtype) if dtype else clone


def eval_network(network: Network) -> Network:
    """`network` with such a copy of its module."""
    return network.with_module(eval_copy(network.module), network.weights)


@uncollected()
def capture(network: Network, sampler: Sampler | None = None) -> Capture:
    """Capture a copy of the network's module, with its dynamic dims; `sampler` is the network's, where it is known.

    Raises:
        GraphspecError: ``not-exportable``, with the layer and its line, where torch cannot capture the module or
            freezes a dim that the spec leaves open.
    """
    own = eval_network(network)
    sampler = sampler or Sampler.of(own)
    program, proven = _widest(own, sampler)
    return Capture(own, sampler, _without_paths(program), _symbols(program, own.shaped), proven)


def _widest(network: Network, sampler: Sampler) -> tuple[ExportedProgram, bool]:
    """The program that accepts most of the sizes that the module accepts, and whether it is proven for all.

    torch guards a program by what it saw while tracing: a plain trace refuses a feature map of 1 after a strided
    convolution, which one oblivious to ones accepts. Most networks need one trace.
    """
    module, shaped = network.module, network.shaped
    trials = [sizes for sizes in _alone(shaped, sampler, SMALL) if sizes != sampler.sizes]
    found: list[tuple[bool, ExportedProgram]] = []
    problem: Exception | None = None
    for oblivious in (False, True):

        def at(sizes: Mapping[str, int], oblivious: bool = oblivious) -> ExportedProgram:
            return _trace(network, sampler, oblivious, sizes)

        try:
            program = _open(at, network, sampler)
        except Exception as error:  # torch.export raises many types; whichever it is, another way may do
            problem = problem or error
            continue
        certain = proven(program, shaped, oblivious, at)
        if certain and not _refused_of_proven(program, network, trials, sampler):
            return program, True
        found.append((oblivious, program))
    if not found:
        assert problem is not None
        raise _refused(network, sampler.draw(), problem) from problem
    guarded = [program for _, program in found if suspect(program)]
    many = [inputs for inputs in _many_sizes(shaped, sampler) if accepts(module, inputs)] if guarded else []
    for program in guarded:
        loosen(program, network, many)
    tried = list(map(sampler.draw, trials))
    programs = [(_refusals(program, module, tried), oblivious, program) for oblivious, program in found]
    return min(programs, key=lambda entry: entry[:2])[2], False


def _open(trace: Trace, network: Network, sampler: Sampler) -> ExportedProgram:
    """A trace at the ordinary sizes; at others where torch takes one of these for a number of the network's own, as 5
    where a slice ends at 5, and has the dim be that from then on.
    """
    shaped, ordinary = network.shaped, trace({})
    program = ordinary
    for most in UNUSUAL:
        if _is_open(program, shaped):
            return program
        sizes = {
            name: min(least + most + 2 * place, greatest or GREATEST)
            for place, (name, (least, greatest)) in enumerate(shaped.dims.items())
        }
        if accepts(network.module, sampler.draw(sizes)):
            program = trace(sizes)
    return program if _is_open(program, shaped) else ordinary


def _is_open(program: ExportedProgram, shaped: ShapedGraph) -> bool:
    """Whether every open dim has a size of its own in `program`."""
    sizes = {str(dim): size for _, dim, size in open_sizes(program, shaped)}
    known = [size.node.expr for size in sizes.values() if not isinstance(size, int)]
    return len({expr for expr in known if expr.free_symbols}) == len(sizes)


def _refused_of_proven(
    program: ExportedProgram, network: Network, trials: Sequence[Mapping[str, int]], sampler: Sampler
) -> int:
    """How many sizes of `trials` a proven program refuses, and the module does not: of a costly network those that
    the proof leaves out, which are followed and not computed where that takes less time.
    """
    costly = is_costly(network.shaped, sampler.sizes)
    tried = [sizes for sizes in trials if not costly or 1 in sizes.values()]
    followed = costly and any(is_sooner_followed(network.shaped, sizes) for sizes in tried)
    return _refusals(program, network.module, list(map(sampler.draw, tried)), computed=not followed)


def _refusals(
    program: ExportedProgram, module: nn.Module, trials: Sequence[Mapping[str, Tensor]], computed: bool = True
) -> int:
    """How many of `trials` the program refuses, and the module does not."""
    runnable = program.module()
    return sum(not accepts(runnable, inputs, computed) and accepts(module, inputs, computed) for inputs in trials)


def _many_sizes(shaped: ShapedGraph, sampler: Sampler) -> list[dict[str, Tensor]]:
    """Inputs whose dims, one after another and all together, have every remainder of small numbers."""
    joint = [
        {name: least if greatest is not None and size > greatest else max(size, least) for name, (least, greatest) in
         shaped.dims.items()}
        for size in MANY
    ]  # fmt: skip
    return [sampler.draw(sizes) for sizes in (*_alone(shaped, sampler, MANY), *joint)]


def _alone(shaped: ShapedGraph, sampler: Sampler, steps: Sequence[int]) -> Iterator[dict[str, int]]:
    """The ordinary sizes but for one dim, which is the first, second, … of its range."""
    for name, (least, greatest) in shaped.dims.items():
        for step in steps:
            if greatest is None or least + step - 1 <= greatest:
                yield {**sampler.sizes, name: least + step - 1}


def _trace(network: Network, sampler: Sampler, oblivious: bool, sizes: Mapping[str, int]) -> ExportedProgram:
    inputs = tuple(sampler.draw({**sampler.sizes, **sizes}).values())
    with quiet(), open_sequences(), OpenSizes(), without_stack_traces(), sizes_of_one(oblivious):
        return export(network.module, inputs, dynamic_shapes=_dynamic(network.shaped), strict=False)


def without_stack_traces() -> Any:
    """Inside, torch notes no source lines of the nodes it traces: a third of its time, and no file may hold them."""
    return replaced(torch.fx.config, "do_not_emit_stack_traces", True)


def _dynamic(shaped: ShapedGraph) -> tuple[dict[int, Any], ...]:
    """Dims are captured as automatic: a plain named ``Dim`` is refused after a strided convolution."""
    return tuple(
        {axis: _automatic(dim, shaped) for axis, dim in enumerate(kind.shape) if not isinstance(dim, int)}
        for kind in shaped.inputs.values()
    )


def _automatic(dim: sympy.Expr, shaped: ShapedGraph) -> Any:
    """An open dim with the range that it has, if it has one."""
    least, greatest = span_of(dim, shaped)
    if greatest is not None:
        return Dim.AUTO(min=least, max=greatest)
    return Dim.AUTO(min=least) if shaped.dims[str(dim.as_coeff_Mul()[1])][0] > 2 else Dim.AUTO


def _symbols(program: ExportedProgram, shaped: ShapedGraph) -> dict[str, str]:
    """torch's symbols by the spec's names; a dim that was frozen to a number is refused."""
    symbols: dict[str, str] = {}
    for name, dim, size in open_sizes(program, shaped):
        if isinstance(size, int):
            message = f'torch.export froze the dynamic dim "{dim}" of input "{name}" to {size}'
            raise fail("not-exportable", message, at=("inputs", name), hint=f"write {size} if it never varies")
        symbols.setdefault(str(size.node.expr), str(dim))
    return symbols


def open_sizes(program: ExportedProgram, shaped: ShapedGraph) -> Iterator[tuple[str, Any, Any]]:
    """Each open dim of an input, by the input's name, with the size that it has in `program`."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    for captured, (name, kind) in zip(program.graph_signature.user_inputs, shaped.inputs.items(), strict=True):
        for axis, dim in enumerate(kind.shape):
            if not isinstance(dim, int):
                yield name, dim, values[str(captured)].shape[axis]


def _without_paths(program: ExportedProgram) -> ExportedProgram:
    """Drop stack traces, which hold this machine's source paths, from every graph of `program`."""
    for graph_module in program.graph_module.modules():
        if isinstance(graph_module, torch.fx.GraphModule):
            for node in graph_module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program


def _refused(network: Network, inputs: Mapping[str, Tensor], error: Exception) -> GraphspecError:
    """`error` as a diagnostic at the layer that torch was tracing."""
    module, shaped = network.module, network.shaped

    def again() -> None:
        with quiet():
            export(module, tuple(inputs.values()), dynamic_shapes=_dynamic(shaped), strict=False)

    layer, told = failing_layer(network, again)
    error = told or error
    where = layer or "the network"
    message = f"torch.export cannot capture {where}: {first_line(error)}"
    return fail("not-exportable", message, at=layer.at if layer else ())


def first_line(error: BaseException) -> str:
    """The first line of `error`'s message, or its type."""
    lines: Iterator[str] = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)
