"""Every name of Python, torch and ONNX in every place of a spec: it works in every format, or is refused at its line.

    python benchmarks/campaigns/names.py [--place input]…

All names that ``compile`` takes go into one network a place: its module, called by position and by name, the emitted
Python, ONNX, TorchScript and ``.pt2`` must agree and carry the names. What fails is halved until one name is left.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import keyword
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch

import graphspec
from graphspec.compiler import load
from graphspec.module.emit import python

#: What torch, fx, TorchScript and ONNX call things themselves, and what looks like a name that they make.
_OF_OTHERS = """
    self cls torch math operator fx pytree fx_pytree device inf nan NoneType Tensor nn F np numpy onnx ort
    main output outputs input inputs args kwargs forward training result results value values graph module
    state root node getitem relu relu_value size sym_size sym_size_int val initializer Optional List Dict
    Tuple Any weight bias data grad shape dtype cast L G s0 s1 u0 b_x p_x c_x arg0 arg0_1 add add_1 linear
    linear_1 self_1 int_1 id_1 return_ out super _ __init__ __call__ _parameters _modules parameters buffers
    children state_dict train eval half double cpu cuda to type register_buffer code print_readable recompile
    N H T batch dim name names constant lifted_tensor_0 constant_0 token view permute view_1 empty True_ min
    max sum Identity Linear Block x y v1 u z w
""".split()
NAMES = sorted({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_OF_OTHERS})
FORMATS = ["onnx", "torchscript", "pt2"]
LINEAR = {"type": "Linear", "out_features": 4}


def _spec(layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"graphspec": 1, "name": "m", "inputs": {"x0": ["n0", 4]}, "export": {"formats": FORMATS}}
    return {**head, "layers": layers, **more}


def _numbered(count: int, **more: Any) -> dict[str, Any]:
    return {f"l{n}": {**LINEAR, **more} for n in range(count)}


def _inputs(names: list[str]) -> dict[str, Any]:
    layers = {"l0": {"type": "cat", "dim": 1, "from": names}, "l1": LINEAR}
    return _spec(layers, inputs={name: ["n0", 4] for name in names}, outputs={"o0": "l1"})


def _outputs(names: list[str]) -> dict[str, Any]:
    layers = _numbered(len(names), **{"from": "x0"})
    return _spec(layers, outputs={name: f"l{n}" for n, name in enumerate(names)})


def _layers(names: list[str]) -> dict[str, Any]:
    """Side by side: behind a hundred layers one another nothing is left of the input."""
    layers: dict[str, Any] = {name: {**LINEAR, "from": "x0"} for name in names}
    return _spec({**layers, "l0-0": {"type": "stack", "from": names}}, outputs={"o0": "l0-0"})


def _dims(names: list[str]) -> dict[str, Any]:
    inputs = {f"x{n}": ["n0", name, 4] for n, name in enumerate(names)}
    layers: dict[str, Any] = {f"m{n}": {"type": "mean", "dim": 1, "from": given} for n, given in enumerate(inputs)}
    layers |= {"l0": {"type": "cat", "dim": 1, "from": list(layers)}, "l1": LINEAR}
    return _spec(layers, inputs=inputs)


def _sizes(names: list[str]) -> dict[str, Any]:
    """Dims that the code reads at run time."""
    inputs = {f"x{n}": ["n0", name] for n, name in enumerate(names)}
    layers: dict[str, Any] = {
        f"r{n}": {"type": "reshape", "from": given, "shape": [f"${{{given}.shape[0] * {given}.shape[1]}}"]}
        for n, given in enumerate(inputs)
    }
    return _spec({**layers, "l0": {"type": "cat", "dim": 0, "from": list(layers)}}, inputs=inputs)


#: Place → a network whose things of that kind have these names.
PLACES = {
    "input": _inputs,
    "output": _outputs,
    "layer": _layers,
    "function": lambda names: _spec({name: {"type": "mul", "other": 1.5} for name in names}, outputs={"o0": names[-1]}),
    "layer and output": lambda names: _spec({name: {**LINEAR, "from": "x0"} for name in names}, outputs=list(names)),
    "dim": _dims,
    "size": _sizes,
    "block": lambda names: _spec(
        {f"l{n}": name for n, name in enumerate(names)}, blocks={name: {"layers": {"fc": LINEAR}} for name in names}
    ),
    "variable": lambda names: _spec(
        {f"l{n}": {"type": "Linear", "out_features": f"${{{name}}}"} for n, name in enumerate(names)},
        vars=dict.fromkeys(names, 4),
    ),
    "block's layer": lambda names: _spec({"b": "B"}, blocks={"B": {"layers": dict.fromkeys(names, LINEAR)}}),
    "block's input": lambda names: _spec(
        {"b": {"type": "B", "from": dict.fromkeys(names, "x0")}},
        blocks={"B": {"inputs": list(names), "layers": {"l0": {"type": "cat", "dim": 1, "from": list(names)}}}},
    ),
    "block's output": lambda names: _spec(
        {"b": "B", "c": {"type": "cat", "dim": 1, "from": [f"b.{name}" for name in names]}},
        blocks={
            "B": {
                "layers": _numbered(len(names), **{"from": "x"}),
                "outputs": {name: f"l{n}" for n, name in enumerate(names)},
            }
        },
    ),
}
#: Of so many dims one network has names at once.
MOST = {"dim": 24, "size": 24}


def refusal(place: str, name: str) -> graphspec.diagnostics.Diagnostic | None:
    """What ``compile`` says of one name; None where it takes it."""
    try:
        graphspec.compile(PLACES[place]([name]))
    except graphspec.GraphspecError as error:
        return error.diagnostics[0]
    return None


def accepted(place: str) -> Iterator[list[str]]:
    """The names that ``compile`` takes there, unique without regard to case, as many as one network holds at once."""
    names = {name.lower(): name for name in NAMES if refusal(place, name) is None}
    left = list(names.values())
    if place == "input":  # fx would take them for id and int
        left = [name for name in left if name not in ("id_1", "int_1")]
    while left:
        yield left[: MOST.get(place, len(left))]
        left = left[MOST.get(place, len(left)) :]


def check(place: str, names: list[str]) -> None:
    """:func:`check_network` of the network whose things at `place` have these names."""
    check_network(PLACES[place](names))


def check_network(spec: dict[str, Any]) -> None:
    """Build, call, emit, export and verify the network; an error of any kind where one of them differs."""
    network = load({"name": "m", "export": {"formats": FORMATS}} | spec)
    module = network.build().eval()
    inputs = network.shaped.inputs
    sizes = [[size if isinstance(size, int) else 3 for size in kind.shape] for kind in inputs.values()]
    values = [torch.randn(2, *size[1:]) for size in sizes]
    wanted = module(*values)
    _same(module(**dict(zip(inputs, values, strict=True))), wanted, "called by name")
    scope: dict[str, Any] = {}
    exec(compile(python(network.shaped), "emitted", "exec"), scope)  # noqa: S102 - the code is ours
    emitted = scope["M"]().eval()
    emitted.load_state_dict(module.state_dict())
    _same(emitted(*values), wanted, "emitted")
    with tempfile.TemporaryDirectory() as folder:
        bundle = graphspec.export(network, Path(folder) / "export")
        graph = onnx.load(bundle.folder / "model.onnx").graph
        assert [value.name for value in graph.input] == list(inputs)
        assert {value.name for value in graph.output} == set(network.shaped.outputs)


def _same(found: Any, wanted: Any, what: str) -> None:
    pairs = [(found[name], wanted[name]) for name in wanted] if isinstance(wanted, dict) else [(found, wanted)]
    assert all(torch.equal(one, other) for one, other in pairs), f"{what}: another value"


def faults(place: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """The names for which :func:`check` fails, each by itself as far as that can be, with the reason."""
    try:
        check(place, names)
    except Exception as error:  # whatever it is, it is a find
        inside = (
            [*faults(place, names[: len(names) // 2]), *faults(place, names[len(names) // 2 :])] if names[1:] else []
        )
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        yield from inside or [(" with ".join(names[:4]), reason)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--place", action="append", choices=PLACES)
    found = 0
    for place in parser.parse_args().place or PLACES:
        groups = list(accepted(place))
        print(f"{place}: {sum(map(len, groups))} of {len(NAMES)} names are taken, the others refused", flush=True)
        for group in groups:
            with warnings.catch_warnings(), contextlib.suppress(KeyboardInterrupt):
                warnings.simplefilter("ignore")
                for name, reason in faults(place, group):
                    found += 1
                    print(f"  {name}: {reason}", flush=True)
    print(f"{found} finds")


if __name__ == "__main__":
    main()
