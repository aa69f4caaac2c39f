"""Functions with weights that all belong to one module: that module's layer, though its forward was never called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from graphspec.importing.bound import short
from graphspec.importing.forward_pass import Call, Value
from graphspec.importing.functions import WEIGHTED
from graphspec.importing.pair import Pair
from graphspec.importing.spec_lines import Lines
from graphspec.importing.step import Step


def owned(modules: Mapping[str, nn.Module], pairs: Iterable[Pair]) -> dict[Call, str]:
    """The calls whose weights are all of one module's own and used nowhere else, with its path."""
    uses: Counter[str] = Counter()
    calls: dict[Call, str] = {}
    for pair in pairs:
        call = pair.first
        if call.module is not None:
            continue
        own = _tensors(call)
        uses.update({value.name for value in own})
        paths = {value.name.rpartition(".")[0] for value in own}
        if call.plain_name in WEIGHTED and len(paths) == 1:
            path = paths.pop()
            if _whole(path, modules.get(path), own, call.plain_name) and len(own) == _weights(call):
                calls[call] = path
    counts = Counter(calls.values())
    return {
        call: path for call, path in calls.items() if all(uses[value.name] == counts[path] for value in _tensors(call))
    }


def _tensors(call: Call) -> list[Value]:
    return [value for value in call.inputs() if value.kind in ("parameter", "buffer")]


def _weights(call: Call) -> int:
    """How many tensors a call takes besides its input: one that is computed is no layer's own."""
    given = dict(zip(WEIGHTED[call.plain_name][1], call.args, strict=False)) | call.kwargs
    return sum(isinstance(value, Value) for name, value in given.items() if name != "input")


def _whole(path: str, module: nn.Module | None, own: Sequence[Value], function: str) -> bool:
    """Whether the module at `path` has no tensors but these, by the names that the layer gives them."""
    if module is None or not path:
        return False
    names = {value.name.rpartition(".")[2] for value in own}
    buffers = {name for name, _ in module.named_buffers(recurse=False)}
    direct = {name for name, _ in module.named_parameters(recurse=False)} | buffers - {"num_batches_tracked"}
    has_state = any(True for child in module.children() for _ in (*child.parameters(), *child.buffers()))
    if function == "batch_norm" and "running_mean" in direct and "num_batches_tracked" not in buffers:
        return False
    return names == direct and names <= {"weight", "bias", "running_mean", "running_var"} and not has_state


def layer_of(lines: Lines, pair: Pair, path: str, module: nn.Module) -> Step:
    """A function whose weights are those of `module`, as that layer."""
    kind, parameters = WEIGHTED[pair.first.plain_name]
    given = lines.bound(pair, parameters)
    weight, bias = given.pop("weight", None), given.pop("bias", None)
    source = given.pop("input")
    rank = len(source.shape)
    if kind in ("BatchNorm", "InstanceNorm"):
        kind = f"{kind}{max(1, rank - 2)}d"
        tracks = given.pop("running_mean", None) is not None
        args = {"affine": weight is not None, "track_running_stats": tracks, "eps": given["eps"]}
        args |= {"bias": bias is not None} if weight is not None else {}
        args["momentum"] = getattr(module, "momentum", given.get("momentum", 0.1))
    else:
        args = {key: value for key, value in given.items() if key in lines.op(pair, kind).arguments}
        args |= _from_weight(kind, weight, bias, args)
    args = {key: short(key, value) for key, value in args.items()}
    port = lines.op(pair, kind).ports[0].name  # RMSNorm calls it x
    return lines.step(pair, kind, {port: source}, args, path=path, stateful=True)


def _from_weight(kind: str, weight: Value | None, bias: Value | None, args: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments that the weight's shape holds."""
    if weight is None:
        return {"elementwise_affine": False}
    shape = list(weight.shape)
    if kind.startswith("ConvTranspose"):
        return {"out_channels": shape[1] * args.get("groups", 1), "kernel_size": shape[2:], "bias": bias is not None}
    if kind.startswith("Conv"):
        return {"out_channels": shape[0], "kernel_size": shape[2:], "bias": bias is not None}
    if kind == "Linear":
        return {"out_features": shape[0], "bias": bias is not None}
    if kind == "Embedding":
        return {"num_embeddings": shape[0], "embedding_dim": shape[1]}
    if kind in ("LayerNorm", "GroupNorm"):
        return {"bias": bias is not None}
    if kind == "PReLU":
        return {"num_parameters": shape[0]}
    return {}
