"""An ``nn.Module`` becomes a spec: recorded, lowered, put into scopes, merged, written, and proven equal."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.compiler import load
from graphspec.diagnostics import Diagnostic, GraphspecError, fail
from graphspec.importing.bodies import Network, full_name
from graphspec.importing.forward_pass import NotRecorded, Recording, Value
from graphspec.importing.held import held_numbers
from graphspec.importing.imported import Imported
from graphspec.importing.input_names import input_names, sizes_of
from graphspec.importing.items import Block, Writer
from graphspec.importing.joined import joined
from graphspec.importing.lower import Lowering
from graphspec.importing.merge import merge
from graphspec.importing.outputs import named
from graphspec.importing.pair import equal_courses, pairs
from graphspec.importing.proof import DRAWN, SEED, difference, first_layer, run, training_copy
from graphspec.importing.record import Recorder
from graphspec.importing.resized import enlarged, resized
from graphspec.importing.scopes import Scopes
from graphspec.importing.write import all_blocks, document
from graphspec.ops.arguments import dtype_name
from graphspec.spec.dims import NamedDim
from graphspec.spec.dump import document as toml

Dims = Mapping[str, Sequence[int | str]]
#: The least and the greatest size of a named dim; None: any.
Ranges = Mapping[str, tuple[int, int | None]]


def from_module(
    model: nn.Module, inputs: Mapping[str, Tensor], dims: Dims | None = None, *, name: str = ""
) -> Imported:
    """Write `model` as a spec, and prove that both are the same function.

    `inputs` are a sample of each of forward's tensors, by name, and `dims` their sizes as a spec has them; without
    them the first dim is called ``N`` and the others are fixed. Its weights go along. The model is run as it is:
    twice with two sizes in evaluation, and in training.

    Raises:
        GraphspecError: ``not-importable``: what of the model no spec can say, or the first layer that is another.
    """
    return written_as_spec(model, inputs, dims, {}, name=name)


def written_as_spec(
    model: nn.Module, inputs: Mapping[str, Tensor], dims: Dims | None, ranges: Ranges, *, name: str = ""
) -> Imported:
    """:func:`from_module` of a model whose named dims have sizes in `ranges` only, as ``[dims]`` of the spec says."""
    named_dims = sizes_of(inputs, dims or {})
    names = input_names(model, inputs)
    named_dims = {names[key]: named_dims[key] for key in names}
    title = name or _snake(type(model).__name__)
    was_training = model.training
    try:
        with _as_it_is(model):
            samples = {names[key]: inputs[key].detach().clone() for key in names}
            return _Import(model, samples, named_dims, title, ranges).imported()
    except NotRecorded as error:
        raise fail("not-importable", f"{name or type(model).__name__}: {error}", hint=error.hint) from error
    finally:
        model.train(was_training)


@contextlib.contextmanager
def _as_it_is(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    with torch.random.fork_rng(devices=[]):
        yield
    for module, mode in modes.items():
        module.training = mode


class ForwardRaised(GraphspecError):
    """The model's forward takes no inputs of these sizes."""


@dataclasses.dataclass
class _Import:
    """One import, step by step."""

    model: nn.Module
    inputs: dict[str, Tensor]
    dims: Mapping[str, Sequence[int | str]]
    name: str
    ranges: Ranges

    def imported(self) -> Imported:
        """The spec, once it is proven."""
        self.plain(self.inputs)
        near, far = self.other_sample(), self.far_sample()
        if far is None:
            return self.beside(near)
        try:
            return self.beside(far, near)
        except (GraphspecError, NotRecorded):
            with contextlib.suppress(GraphspecError, NotRecorded):
                return self.beside(near, far)
            raise

    def beside(self, other: dict[str, Tensor], *more: dict[str, Tensor]) -> Imported:
        """The spec of what is the same for the inputs and for `other` ones, once it is proven, with `more` ones too."""
        samples = [self.inputs, other, *more]
        first, second = self.recordings(self.inputs, other)
        self.check_questions(first)
        self.calls = first.calls
        try:
            return self.written(first, second, samples)
        except NotRecorded:
            if not any(call.plain_name == "contiguous" for call in first.calls):
                raise
            # in another order in memory a sum may have other bits
            return self.written(first, second, samples, layout=True)

    def written(
        self, first: Recording, second: Recording, samples: Sequence[Mapping[str, Tensor]], layout: bool = False
    ) -> Imported:
        """Two recordings as a spec that is proven with `samples`."""
        lowering = Lowering(self.model, list(pairs(first, second)), first.result, layout)
        lowering.second.update({value: second.inputs[name] for name, value in first.inputs.items()})
        steps = joined(lowering.steps(), lowering.value)
        if not steps:
            raise NotRecorded("it gives back what it is given, and a spec has at least one layer")
        outputs = named(first.result, Value, set(self.inputs))
        if not outputs:
            raise NotRecorded("its forward gives no tensor")
        scopes = Scopes(self.model, first, lowering.value, lowering.second)
        network = scopes.place(steps, outputs)
        writer = Writer(network, scopes.sight())
        faults: list[Exception] = []
        scattered = _lines(writer.block(network.root))
        for merging in (merge, functools.partial(merge, absent=False), all_blocks):
            root = writer.block(network.root)
            blocks = merging(root)
            used = {name: self.spec_input(name) for name in root.inputs if _is_used(network, name)}
            if not used:
                raise NotRecorded("no output depends on an input")
            try:
                text = toml(document(root, blocks, used, self.bounds(used)))
                found = self.proven(text, network, samples)
                return dataclasses.replace(found, unmerged=str(faults[0]) if faults else "", scattered=scattered)
            except (GraphspecError, NotRecorded) as error:
                faults.append(error)
        raise faults[-1]

    def plain(self, inputs: Mapping[str, Tensor]) -> None:
        """A forward pass as it is, so that what it keeps from the first one on is there."""
        try:
            with torch.no_grad():
                run(self.model, inputs, False)
        except Exception as error:  # the model is the user's, and may raise anything
            message = f"its forward raises {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            sizes = ", ".join(" × ".join(map(str, value.shape)) for value in inputs.values())
            message += f" (for {sizes})"
            hint = "give the inputs that it takes, with sizes that fit"
            fault = Diagnostic("not-importable", f"{type(self.model).__name__}: {message}", hint=hint)
            raise ForwardRaised([fault]) from error

    def other_sample(self) -> dict[str, Tensor]:
        """A sample of other sizes: larger ones, or smaller ones, as what is behind the batch may have a greatest."""
        larger, smaller = (
            {name: resized(value, self.dims[name], by) for name, value in self.inputs.items()} for by in (1, -1)
        )
        try:
            self.plain(larger)
        except GraphspecError:
            if all(larger[name].shape[1:] == smaller[name].shape[1:] for name in larger):
                raise
            self.plain(smaller)
            return smaller
        return larger

    def far_sample(self) -> dict[str, Tensor] | None:
        """A sample whose free sizes stay odd when they are halved; None where there is none that the model takes.

        A size that is computed from one of them is another one then, even where a rest is cut off.
        """
        named = {NamedDim.of(dim).name for sizes in self.dims.values() for dim in sizes[1:] if isinstance(dim, str)}
        if any(self.ranges[name][1] is not None for name in named & self.ranges.keys()):
            return None
        more = {name: enlarged(value, self.dims[name]) for name, value in self.inputs.items()}
        if all(value.shape[1:] == self.inputs[name].shape[1:] for name, value in more.items()):
            return None
        try:
            self.plain(more)
        except GraphspecError:
            return None
        return more

    def recordings(self, inputs: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> tuple[Recording, Recording]:
        """Two recordings at two sizes: in evaluation, or in training where that calls more."""
        first = self.record(inputs, False)
        self.trains = True
        try:
            trained = self.record(inputs, True)
        except NotRecorded:
            raise
        except Exception:  # it cannot be trained with these inputs, such as BatchNorm of one value
            self.trains = False
            return first, self.record(other, False)
        if [call.name for call in trained.calls] != [call.name for call in first.calls]:
            return trained, self.record(other, True)
        return first, self.record(other, False)

    def record(
        self, inputs: Mapping[str, Tensor], training: bool, watch: Any = None, turned: bool = False
    ) -> Recording:
        self.training = training
        model = training_copy(self.model) if training else self.model.eval()
        torch.manual_seed(SEED)
        return Recorder(model, watch, turned).run(dict(inputs))

    def check_questions(self, first: Recording) -> None:
        """What a network asks about numbers may decide over nothing: a warning, say."""
        if not first.questions:
            return
        try:
            same = equal_courses(first, self.record(self.inputs, self.training, turned=True))
        except Exception:  # the model is the user's, and may raise anything
            same = False
        if not same:
            raise first.questions[0]

    def spec_input(self, name: str) -> Any:
        value, shape = self.inputs[name], list(self.dims[name])
        dtype = dtype_name(value.dtype)
        return shape if dtype == "float32" else {"shape": shape, "dtype": dtype}

    def bounds(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The ranges of the dims that `inputs` name, as ``[dims]`` has them."""
        named = {NamedDim.of(dim).name for name in inputs for dim in self.dims[name] if isinstance(dim, str)}
        found = {dim: _bounds(*self.ranges[dim]) for dim in sorted(named & self.ranges.keys())}
        return {dim: bounds for dim, bounds in found.items() if bounds}

    def proven(self, text: str, network: Network, samples: Sequence[Mapping[str, Tensor]]) -> Imported:
        """`text` with its weights, or an error that names the first layer that is another."""
        spec = load(text)
        weights = self.model.state_dict() | held_numbers(network, spec.shaped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a person would write otherwise is as the source has it
            ours = spec.with_state(lambda: weights).build()
        found, proof = difference(self.model, ours, samples, self.trains), ""
        drawn = {line.type for line in network.root.lines()} & DRAWN
        if found is not None and not found.training and drawn:
            found = difference(self.model, ours, samples, self.trains, held=True)
            proof = f"equal but for the noise of {' and '.join(sorted(drawn))}, which the spec draws in training alone"
        if found is None:
            sizes = tuple(next(iter(sample.values())).shape[0] for sample in samples[:2])
            return Imported(text, weights, sizes, self.name, proof=proof)
        layer = ""
        if found.inputs is not None and not found.training:
            layer = self.first_layer(network, ours, found.inputs)
        where = f"; the first layer that differs is {layer}" if layer else ""
        raise NotRecorded(f"the spec is another network: {found.message}{where}")

    def first_layer(self, network: Network, ours: nn.Module, inputs: Mapping[str, Tensor]) -> str:
        """The first layer of the compiled spec whose output is not that of the source."""
        known = dict(ours.named_modules())
        numbers = {id(call): n for n, call in enumerate(self.calls)}
        names = [(numbers[id(line.call)], full_name(line)) for line in network.root.lines() if line.call]
        names = [(number, name) for number, name in sorted(names) if name in known]
        return first_layer(lambda watch: self.record(inputs, False, watch), ours, names, dict(inputs))


def _lines(root: Block) -> int:
    """The lines of a spec in which nothing is merged."""
    return len(toml(document(root, all_blocks(root), {}, {})).splitlines())


def _bounds(least: int, most: int | None) -> dict[str, int]:
    return ({"min": least} if least > 1 else {}) | ({} if most is None else {"max": most})


def _is_used(network: Network, name: str) -> bool:
    outs = [
        out
        for line in network.root.lines()
        for given in line.sources.values()
        for out in (given if isinstance(given, list) else [given])
    ]
    return any(out.line.type == "input" and out.line.name == name for out in [*outs, *network.outputs.values()])


def _snake(name: str) -> str:
    return (
        "".join(
            f"_{c.lower()}" if c.isupper() and n and not name[n - 1].isupper() else c.lower()
            for n, c in enumerate(name)
        ).strip("_")
        or "model"
    )
