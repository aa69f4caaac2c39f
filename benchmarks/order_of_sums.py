"""Whether a runtime that is far from float64 only adds in another order: each spec with every sum of a convolution and
of a Linear begun at its bias, and one product after another added to it in float32, as XNNPACK's kernels do.

    python benchmarks/order_of_sums.py SPEC … [--write FOLDER]

A BatchNorm behind a convolution is folded into its weights, as they fold it. The figure is that of ``fidelity.py``: the
greatest error against float64 in units of float32's own noise, over cases of few samples. ``--write`` keeps it in the
spec's row of ``fidelity.json`` in FOLDER, whose table then says which cells of ExecuTorch and LiteRT it explains.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fidelity import keep, paths
from graphspec import compiler
from graphspec.exporting.capture import eval_copy
from graphspec.exporting.reference import as_array
from graphspec.exporting.tolerance import NOISE_FACTOR
from graphspec.verifying.judge import Expected, by_row, compare, inputs_of
from graphspec.verifying.rule import Status
from graphspec.verifying.runner import Outputs, Runner
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.verify import Judge

#: What is asked: the first runs of at most so many samples each. A sum in this order is slow here.
RUNS, SAMPLES = 12, 4


class InOrder(nn.Module):
    """A convolution or a Linear whose sums begin at the bias and take one product after another, rounded to float32."""

    def __init__(self, own: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        """What `own` gives."""
        own = self.own
        if isinstance(own, nn.Linear):
            return summed(x.reshape(-1, 1, x.shape[-1], 1), own.weight[None], own.bias).reshape(*x.shape[:-1], -1)
        assert not isinstance(own.padding, str)
        pairs = zip(x.shape[2:], own.kernel_size, own.stride, own.padding, own.dilation, strict=True)
        sizes = [
            (size + 2 * around - apart * (kernel - 1) - 1) // step + 1 for size, kernel, step, around, apart in pairs
        ]
        columns = nn.functional.unfold(x, own.kernel_size, own.dilation, own.padding, own.stride)
        # images have their channels last there: what one place of the kernel reads comes together
        places, each = math.prod(own.kernel_size), own.in_channels // own.groups
        columns = columns.reshape(len(x), own.groups, each, places, -1).transpose(2, 3).flatten(2, 3)
        weight = own.weight.reshape(own.groups, -1, each, places).transpose(2, 3).flatten(2)
        return summed(columns, weight, own.bias).reshape(len(x), -1, *sizes)


def summed(columns: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Of `columns` N × groups × K × L and `weight` groups × out × K the sums over K, N × (groups · out) × L."""
    groups, out, count = weight.shape
    total = (torch.zeros(groups * out) if bias is None else bias).reshape(1, groups, out, 1)
    for k in range(count):
        product = columns[:, :, None, k].double() * weight[None, :, :, k, None].double()
        total = product.add_(total).float()  # a fused step: rounded once
    return total.flatten(1, 2)


def in_order(module: nn.Module) -> fx.GraphModule:
    """A copy of `module` in eval mode that computes so."""
    made = copy.deepcopy(eval_copy(module))
    assert isinstance(made, fx.GraphModule)
    for node in list(made.graph.nodes):
        own = made.get_submodule(str(node.target)) if node.op == "call_module" else None
        if not isinstance(own, nn.Conv2d | nn.Linear):
            continue
        users = [user for user in node.users if user.op == "call_module" and len(node.users) == 1]
        for user in users:
            after = made.get_submodule(str(user.target))
            if isinstance(own, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                own = fuse_conv_bn_eval(own, after)
                made.set_submodule(str(user.target), nn.Identity())
        made.set_submodule(str(node.target), InOrder(own))
    return made


def asked(module: nn.Module, expectations: list[Expected], output: str) -> Outputs:
    """What `module` gives in place of a runtime, of one output called `output` where it gives no dict."""
    arrays: dict[str, Any] = {}
    errors: dict[str, str] = {}
    ran = 0
    for k, inputs in enumerate(inputs_of(expectations)):
        if inputs and (len(next(iter(inputs.values()))) > SAMPLES or ran == RUNS):
            errors[str(k)] = "not asked"
        elif inputs:
            value, ran = module(*inputs.values()), ran + 1
            table = value if isinstance(value, dict) else {output: value}
            arrays |= {f"{k}.{name}": as_array(each) for name, each in table.items()}
    return by_row(expectations, Outputs(arrays, errors))


def units(path: Path) -> float:
    """The greatest error of the spec at `path` in that order, in units of float32's noise."""
    network = compiler.load(path)
    with Judge(network, Runner(network.shaped, Workers(()))) as judge, torch.no_grad():
        found = asked(in_order(network.module), judge.expectations, next(iter(network.shaped.outputs)))
        told = [each.judgement for each in compare(judge.expectations, found)]
    known = [j for j in told if j.allowed and not j.refused and j.status is not Status.INCONCLUSIVE]
    return NOISE_FACTOR * max((j.error / j.allowed for j in known), default=0.0)


def main() -> None:
    """Print a line for each spec."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="+", help="names of specs")
    parser.add_argument("--write", type=Path, help="the folder of fidelity.json")
    given = parser.parse_args()
    for path in (path for path in paths() if path.stem in given.specs):
        found = units(path)
        print(f"{path.stem}: {found:.2g}", flush=True)
        if given.write:
            said = json.loads((given.write / "fidelity.json").read_text(encoding="utf-8"))
            said["rows"][path.stem]["in_order"] = found
            keep(said, given.write)


if __name__ == "__main__":
    main()
