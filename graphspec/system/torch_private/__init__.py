"""Every private name of torch that graphspec uses: why, and what happens with a torch that lacks it.

torch promises nothing of these names. A test reads the sources: they stand in this room and nowhere else, but for the
workers of ``verifying/runtimes``, which import nothing of graphspec. Names whose import takes long stand in files of
their own. Those imported here at the top are needed: with a torch that has moved one, the import says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Graph
from torch.nn.modules import module as module_hooks

# every kind of BatchNorm, convolution and InstanceNorm; public are only those for one number of dims each
from torch.nn.modules.batchnorm import _BatchNorm as AnyBatchNorm
from torch.nn.modules.conv import _ConvNd as AnyConvolution
from torch.nn.modules.instancenorm import _InstanceNorm as AnyInstanceNorm
from torch.nn.modules.pooling import _MaxUnpoolNd as AnyMaxUnpool

# what is called at every step of every optimiser
from torch.optim.optimizer import _global_optimizer_post_hooks as behind_any_step
from torch.optim.optimizer import _global_optimizer_pre_hooks as before_any_step

# the operations below autograd, as they are called: what recording and counting are made of
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

# arithmetic of sizes that are symbols, as torch writes it
from torch.utils._sympy.functions import FloorDiv, Max, Min, Mod
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges, bound_sympy

__all__ = [
    "AnyBatchNorm", "AnyConvolution", "AnyInstanceNorm", "AnyMaxUnpool", "FloorDiv", "Max", "Min", "Mod",
    "TorchDispatchMode", "pytree",
]  # fmt: skip

#: What TorchScript calls an Optional that is known to hold something; ``torch.jit`` has no public name for it.
unwrap_optional: Any = torch.jit._unwrap_optional  # type: ignore[attr-defined]
#: The kernel behind ``nn.functional.log_softmax`` and that of its gradient, which no public name calls.
log_softmax: Any = torch._log_softmax
log_softmax_backward: Any = torch._log_softmax_backward_data


# an operation on a list of tensors at once: what torch.optim's own steps are made of
foreach_add, foreach_add_ = torch._foreach_add, torch._foreach_add_
foreach_mul_, foreach_div_ = torch._foreach_mul_, torch._foreach_div_
foreach_lerp_, foreach_sqrt, foreach_copy_ = torch._foreach_lerp_, torch._foreach_sqrt, torch._foreach_copy_
foreach_addcmul_, foreach_addcdiv_ = torch._foreach_addcmul_, torch._foreach_addcdiv_
# an optimiser's whole update, which torch.optim reaches by ``fused=True`` alone
fused_adam, fused_adamw, fused_sgd = torch._fused_adam_, torch._fused_adamw_, torch._fused_sgd_


def is_operator(function: Any) -> bool:
    """Whether `function`, as a dispatch mode is given it, is an operation and no higher-order one."""
    return isinstance(function, torch._ops.OpOverload)


def keep_codegen(source: Graph, target: Graph) -> None:
    """Make `target` take its inputs as `source` does: a graph's way of writing its code has no public name to read."""
    target.set_codegen(source._codegen)


def say_stepped(optimizer: torch.optim.Optimizer) -> None:
    """Note a step that did not go through ``optimizer.step()``: schedulers warn where there was none before theirs."""
    optimizer._opt_called = True  # type: ignore[attr-defined]


_MODULE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = (
    "_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks", "_global_backward_pre_hooks",
)  # fmt: skip
_OPTIMIZER_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")


def has_hooks(module: nn.Module) -> bool:
    """Whether anything runs before or behind the forward or backward pass of `module` alone.

    There is no public way to ask. A list of hooks that this torch does not know counts as one: nothing is recorded.
    """
    return any(vars(module).get(name, True) for name in _MODULE_HOOKS)


def watched() -> bool:
    """Whether hooks of all modules, or modes around all operations, are in place: none of it is in a recording."""
    hooks = any(vars(module_hooks).get(name, True) for name in _GLOBAL_HOOKS)
    return hooks or torch._C._len_torch_dispatch_stack() > 0 or torch._C._len_torch_function_stack() > 0


def has_tensor_hooks(tensor: Tensor) -> bool:
    """Whether something looks at, or changes, the gradient of `tensor`."""
    return bool(tensor._backward_hooks) or bool(tensor._post_accumulate_grad_hooks)


def has_step_hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Whether something runs before or behind ``optimizer.step()``, of this optimiser or of all."""
    found = [vars(optimizer).get(name, True) for name in _OPTIMIZER_HOOKS]
    return any([*found, before_any_step, behind_any_step])


#: Archives of TorchScript and of AOTInductor's packages, record by record: no public name reads or writes one.
archive_reader: Any = torch._C.PyTorchFileReader
archive_writer: Any = torch._C.PyTorchFileWriter


def sizes_of_one(oblivious: bool) -> contextlib.AbstractContextManager[Any]:
    """Inside, `oblivious` or not, whether a size is 1 decides nothing while torch traces.

    There is no public name for it. Without one, capture would refuse sizes of 1 that the module takes.
    """
    from torch.fx.experimental import _config

    patch: contextlib.AbstractContextManager[Any] = _config.patch(backed_size_oblivious=oblivious)  # type: ignore[attr-defined]
    return patch


def guards_of(program: ExportedProgram) -> list[str]:
    """The lines that refuse sizes in an exported program; nothing public reads them."""
    return list(program._guards_code)


def keep_guards(program: ExportedProgram, guards: Sequence[str]) -> None:
    """Leave `program` with these guards alone."""
    program._guards_code = list(guards)


def set_ranges(program: ExportedProgram, spans: Mapping[Any, tuple[int, int | None]]) -> None:
    """Let the sizes of an exported program's inputs, by torch's symbols, be what `spans` say; torch's are its own."""
    for symbol, (least, greatest) in spans.items():
        program.range_constraints[symbol] = ValueRanges(least, int_oo if greatest is None else greatest)


def keep_ranges(program: ExportedProgram) -> None:
    """Let what torch still derives of `program` know its sizes as the program says them; a trace may have seen less."""
    values = [node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"]
    sizes = [size for value in values for size in getattr(value, "shape", ()) if not isinstance(size, int)]
    for size in sizes:
        size.node.shape_env.var_to_range.update(program.range_constraints)


def surely(condition: Any, spans: Mapping[Any, tuple[int, int | None]]) -> bool:
    """Whether `condition` holds wherever its symbols are within `spans`, by the bounds of its terms alone."""
    ranges = {name: ValueRanges(least, int_oo if most is None else most) for name, (least, most) in spans.items()}
    found = bound_sympy(condition, ranges)
    return bool(found.is_singleton() and found.lower)


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Inside, the attribute `name` of `owner` is `value`; behind it what it was, or nothing where there was none."""
    own = vars(owner)
    there, before = name in own, own.get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if there:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


@contextlib.contextmanager
def kernels_replaced(operator: Any, fake: Any) -> Iterator[None]:
    """Inside, every Python kernel of `operator` is `fake`.

    Where torch has no such tables any more nothing is replaced: a sequence's length is frozen, and refused as such.
    """
    kernels, known = getattr(operator, "py_kernels", {}), getattr(operator, "_dispatch_cache", {})
    before = dict(kernels)
    kernels.update(dict.fromkeys(kernels, fake))
    known.clear()  # so that it looks at its kernels again
    try:
        yield
    finally:
        kernels.update(before)
        known.clear()


@contextlib.contextmanager
def decompositions_replaced(fakes: Mapping[Any, Any]) -> Iterator[None]:
    """Inside, an operator of `fakes` is taken apart into its fake, while torch takes a program apart.

    torch has a public copy of the table, and reads its own. Without one, the length is frozen, as above.
    """
    from torch._decomp import decomposition_table

    before = {operator: decomposition_table.get(operator) for operator in fakes}
    decomposition_table.update(fakes)
    try:
        yield
    finally:
        for operator, kernel in before.items():
            if kernel is None:
                decomposition_table.pop(operator, None)
            else:
                decomposition_table[operator] = kernel


def without_modes() -> contextlib.AbstractContextManager[None]:
    """Inside, no ``TorchFunctionMode`` sees what is called, and nothing that asks for one finds it.

    The public way ends with subclasses of tensors; attention's fast path asks for modes too.
    """
    disabled: contextlib.AbstractContextManager[None] = torch._C.DisableTorchFunction()
    return disabled
