"""A network judged by what it computes: its inputs and outputs, its budget, its function, and what it learns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sympy

from graphspec.compiler import Network, Source
from graphspec.data.place import DataLike, DataPlace
from graphspec.diagnostics import fail, quoted
from graphspec.grading.grade import Criterion, Grade
from graphspec.grading.same_function import same_function
from graphspec.shapes.dims import Dim, dim_text, number
from graphspec.shapes.shaped import TensorType
from graphspec.system.scratch import ScratchFolder
from graphspec.training import EvaluateReport, RunOptions, evaluate, train
from graphspec.training.metrics.names import LOSS, higher_is_better
from graphspec.training.run.reporter import Silent


def check(
    work: Source,
    against: Source,
    *,
    parameters: int | None = None,
    flops: int | None = None,
    reach: Mapping[str, float] | None = None,
    device: str = "auto",
    data: DataLike = None,
) -> Grade:
    """Grade `work`, a spec, a run or an export, by what it computes; names of layers and dims do not matter.

    Its inputs and outputs have to be those of `against`. Without more it has to be the same function of its weights.
    With a budget, at most so many `parameters`, or `flops` of one sample, or with metrics to `reach`, such as
    ``{"accuracy": 0.95}`` or ``{"mae": 0.2}``, any network will do that keeps to it. What is reached is measured on
    the test part (else validation) of the data that `against` names: of a run with its best weights, of a spec once it
    was trained in a folder that is thrown away.

    Raises ``GraphspecError`` where either of them is no network.
    """
    own, right = (Network.open(each, data=data) for each in (work, against))
    criteria = list(_signature(own, right))
    fits = all(criterion.passed for criterion in criteria)
    if parameters is None and flops is None and not reach:
        criteria.append(_equal("parameters", right.shaped.parameter_count, own.shaped.parameter_count))
        criteria += [same_function(own, right)] if fits else []
    if parameters is not None:
        criteria.append(_budget("parameters", own.shaped.parameter_count, parameters))
    if flops is not None:
        criteria.append(_budget("FLOPs", _flops_of_one(own), flops))
    if reach and all(criterion.passed for criterion in criteria):
        criteria += _reached(own, right, reach, device, DataPlace.of(data))
    return Grade(own.name, right.name, tuple(criteria))


def _signature(own: Network, right: Network) -> Iterator[Criterion]:
    """Inputs and outputs: their types, and their names where there are several."""
    dims = _renamed(own, right)
    tables = {
        "inputs": (own.shaped.inputs, right.shaped.inputs),
        "outputs": (own.shaped.output_types, right.shaped.output_types),
    }
    for kind, (found, wanted) in tables.items():
        named = len(wanted) > 1 or len(found) > 1
        hint = f"they are called {', '.join(wanted)}" if named and {*found} != {*wanted} else ""
        if not hint:
            order = wanted if named else found
            pairs = zip([found[name] for name in order], wanted.values(), strict=True)
            differing = next((pair for pair in pairs if not _alike(*pair, dims)), None)
            hint = _why(kind, own, *differing) if differing else ""
        yield Criterion(kind, _types(wanted, named), _types(found, named), not hint, hint)


def _why(kind: str, own: Network, found: TensorType, wanted: TensorType) -> str:
    """Where to look when one of the `kind` is not as it should be."""
    if found.dtype != wanted.dtype:
        return f"the dtype is {str(wanted.dtype).removeprefix('torch.')}"
    if len(found.shape) != len(wanted.shape):
        return f"it has {len(wanted.shape)} dims, not {len(found.shape)}"
    if kind == "outputs" and own.shaped.layers:
        return f"look at {own.shaped.layers[-1]}, and at what goes into it"
    return f"the sizes are {wanted}"


def _renamed(own: Network, right: Network) -> dict[Any, Any]:
    """The dims of `own` as `right` calls them, by their places in the inputs."""
    pairs = [
        (a, b)
        for mine, theirs in zip(own.shaped.inputs.values(), right.shaped.inputs.values(), strict=False)
        for a, b in zip(mine.shape, theirs.shape, strict=False)
    ]
    return {a: b for a, b in pairs if isinstance(a, sympy.Symbol) and isinstance(b, sympy.Symbol)}


def _alike(found: TensorType, wanted: TensorType, dims: Mapping[Any, Any]) -> bool:
    return (
        found.dtype == wanted.dtype
        and len(found.shape) == len(wanted.shape)
        and all(_same_size(a, b, dims) for a, b in zip(found.shape, wanted.shape, strict=True))
    )


def _same_size(found: Dim, wanted: Dim, dims: Mapping[Any, Any]) -> bool:
    renamed = found if isinstance(found, int) else found.subs(dims, simultaneous=True)
    return bool(renamed == wanted or sympy.simplify(renamed - wanted) == 0)


def _types(kinds: Mapping[str, TensorType], named: bool) -> str:
    return ", ".join(f"{name} {kind}" if named else str(kind) for name, kind in kinds.items())


def _equal(name: str, wanted: int, found: int) -> Criterion:
    hint = "" if found == wanted else "look at the sizes of the layers, and whether each has its bias"
    return Criterion(name, f"{wanted:,}", f"{found:,}", found == wanted, hint)


def _budget(name: str, found: int, most: int) -> Criterion:
    hint = "" if found <= most else f"{found - most:,} too many: graphspec compile shows those of each layer"
    return Criterion(name, f"at most {most:,}", f"{found:,}", found <= most, hint)


def _flops_of_one(network: Network) -> int:
    """Those of one sample, at the least size of every dim."""
    sizes = {
        dim: network.shaped.dims[str(dim)][0]
        for kind in network.shaped.inputs.values()
        for size in kind.shape
        if not isinstance(size, int)
        for dim in size.free_symbols
    }
    total = network.shaped.flops
    if sizes.keys() and len(sizes) > 1:
        raise fail("dynamic-dim", f"the FLOPs are {dim_text(total)}: they are counted where the batch alone is open")
    return number(total, sizes)


def _reached(
    own: Network, right: Network, reach: Mapping[str, float], device: str, place: DataPlace
) -> Iterator[Criterion]:
    """What was measured on data of the same source; without a measure of that name nothing is reached."""
    of_own, of_right = ((each.spec.data.dataset if each.spec.data else None) for each in (own, right))
    if of_own is None or own.spec.train is None:
        raise fail("no-data", f"{quoted(own.name)} has no [data] and [train]: nothing can be reached")
    if of_right is not None and of_own != of_right:
        hint = "the metrics count on these data alone"
        yield Criterion("data", of_right.type, of_own.type, False, hint)
        return
    report = _measured(own, device, place)
    part = "test" if "test" in report.parts else "validation" if "validation" in report.parts else "train"
    for name, value in reach.items():
        found = report.parts[part].get(name)
        better = name != LOSS and higher_is_better(name)
        wanted = f"{'at least' if better else 'at most'} {value:g}"
        if found is None:
            known = ", ".join(report.parts[part])
            hint = f'metrics = ["{name}"] in [train] measures it; this one measures {known}'
            yield Criterion(name, wanted, "not measured", False, hint)
            continue
        passed = found >= value if better else found <= value
        hint = "" if passed else "longer training, another lr or more layers may help; graphspec inspect shows a step"
        yield Criterion(name, wanted, f"{found:.4g} on the {part} part", passed, hint)


def _measured(network: Network, device: str, place: DataPlace) -> EvaluateReport:
    with network.located():
        if network.folder is not None and (network.folder / "best.safetensors").exists():
            return evaluate(network, device=device, place=place)
        with ScratchFolder() as folder:
            options = RunOptions(folder=Path(folder) / "run", device=device)
            report = train(dataclasses.replace(network, folder=None), options, place, Silent()).evaluation
            assert report is not None  # it was asked for, and there is one process
            return report
