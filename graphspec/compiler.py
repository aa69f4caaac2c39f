"""The compiler: a spec, a run or an export becomes a :class:`Network`, and that an ordinary ``nn.Module``.

torch is imported when the first stage needs it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from graphspec import spec as spec_stage
from graphspec.diagnostics import fail, located, quoted, warn
from graphspec.found import Kind, SpecLike, expect, file_of, is_path, kind_of, read_spec
from graphspec.spec import NetworkSpec
from graphspec.system.collecting import uncollected
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.system.shown import Shown

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.fx import GraphModule

    from graphspec.data.place import DataLike
    from graphspec.graph import LayerGraph
    from graphspec.shapes import ShapedGraph

#: Where weights come from: drawn by the seed, learned in a run, read from files that say no more of themselves; or
#: there are none.
Origin = Literal["seeded", "trained", "file", "none"]
State = Mapping[str, "Tensor"]


@contextlib.contextmanager
def _stage(spec: NetworkSpec) -> Iterator[None]:
    """A stage of the compiler, uncollected: faults get their place in `spec`."""
    with uncollected(), located(spec.source):
        yield


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Network(Shown):
    """A spec, and what each stage of the compiler makes of it, when it is first asked for.

    ``seed`` draws the weights, unless ``state`` reads others; ``folder`` is the run or the export that it lies in.
    Nothing here is changed by training: :meth:`copy` and :meth:`build` give a module of its own to whoever changes it.
    """

    spec: NetworkSpec
    seed: int = 0
    state: Callable[[], State] | None = None
    origin: Origin | None = None
    folder: Path | None = None

    @classmethod
    def open(cls, source: Source, *wanted: Kind, data: DataLike = None, **reading: Unpack[Reading]) -> Network:
        """The network of a spec with seeded weights, of a run with its best ones, or of an export with its own.

        `wanted` are the kinds that are taken, all of these where none is named; a spec is read as :func:`load` does.

        Raises:
            GraphspecError: what is wrong with the spec, or what `source` is instead of these.
        """
        kind = expect(source, *(wanted or ("run", "export", "spec"))) if is_path(source) else "spec"
        if kind == "spec":
            return load(source, data=data, **reading)
        folder = Path(source)  # type: ignore[arg-type]
        if reading.get("variant") is not None or tuple(reading.get("overrides", ())):
            message = f"--set and --variant change a spec, and {quoted(folder)} has weights that were made for its own"
            raise fail("bad-value", message, hint="train the changed spec")
        if kind == "run" and not (folder / "spec.toml").is_file():
            raise fail(
                "no-run", f"{quoted(folder)} holds no run: it has no spec.toml", hint="graphspec train makes one"
            )
        spec = spec_stage.load(file_of(folder, "spec.toml")).without_weight_files()
        name = "best.safetensors" if kind == "run" else "weights.safetensors"
        origin: Origin = "trained" if kind == "run" else weights_of(folder)
        return cls(spec, _seed(spec), lambda: _weights(file_of(folder, name)), origin, folder)

    @property
    def name(self) -> str:
        """The spec's name."""
        return self.spec.name

    @functools.cached_property
    def graph(self) -> LayerGraph:
        """Stage 2: blocks expanded, names resolved."""
        return graph(self.spec)

    @functools.cached_property
    def shaped(self) -> ShapedGraph:
        """Stage 3: every value has a shape and a dtype."""
        from graphspec import shapes as shapes_stage

        layers = self.graph
        with _stage(self.spec):
            return shapes_stage.infer(layers)

    @functools.cached_property
    def module(self) -> GraphModule:
        """Stage 4: the module with its weights, in training mode; to be looked at, not to be changed."""
        return self.build()

    def build(self, start: bool = True) -> GraphModule:
        """A new module with the network's weights, in training mode.

        Without `start` those that the file of ``[train] init`` holds are left as the seed draws them.
        """
        module = build(self.shaped, self.seed)
        if self.state is not None:
            from graphspec.module.weights import load_weights

            load_weights(module, self.state())
        elif start and self.spec.train is not None and self.spec.train.init is not None:
            from graphspec.module.initial import named_by_spec, start_from

            with self.located():
                start_from(module, named_by_spec(self.spec.train.init), at=("train", "init"))
        return module

    @functools.cached_property
    def weights(self) -> Origin:
        """Where the weights come from: ``"seeded"`` as long as a single layer has drawn ones."""
        init = self.spec.train.init if self.spec.train else None
        if self.origin is None and init is not None:
            from graphspec.module.initial import named_by_spec
            from graphspec.module.weights import whole_state

            held = _weights(named_by_spec(init))
            return "file" if held.keys() >= whole_state(self.module).keys() else "seeded"
        return self.origin or _origin(self.shaped)

    def warn_if_untrained(self, what: str) -> None:
        """Say that `what` comes of weights that nothing has learned, and where trained ones are."""
        if self.weights == "seeded":
            run = Path("runs") / self.name
            hint = f"the trained ones are in {run}" if kind_of(run) == "run" else "graphspec train makes trained ones"
            warn("untrained", f"{what} {quoted(self.name)}, whose weights are untrained: drawn by its seed", hint=hint)

    def with_state(self, state: Callable[[], State], origin: Origin = "file") -> Network:
        """The same network with the weights that `state` gives, such as a module's ``state_dict``."""
        twin = dataclasses.replace(self, state=state, origin=origin)
        known = {"graph", "shaped"} & vars(self).keys()  # what cached_property has put there
        vars(twin).update({name: vars(self)[name] for name in known})
        return twin

    def with_module(self, module: nn.Module, origin: Origin = "file") -> Network:
        """The same network with `module`, one of this graph, for its own."""
        from graphspec.module.weights import whole_state

        twin = self.with_state(functools.partial(whole_state, module), origin)
        vars(twin)["module"] = module
        return twin

    def with_shaped(self, shaped: ShapedGraph) -> Network:
        """The same network, its module too, of which `shaped` says something else: ranges of dims, or outputs."""
        twin = self.with_module(self.module, self.weights)
        vars(twin)["shaped"] = shaped
        return twin

    def copy(self) -> Network:
        """The same network with a new module of its own, which whoever asks for it may change."""
        return self.with_module(self.build(), self.weights)

    def located(self) -> contextlib.AbstractContextManager[None]:
        """Inside this context every diagnostic gets its place in the spec."""
        return located(self.spec.source)


class Reading(TypedDict, total=False):
    """How a spec is read, as :func:`load` takes it."""

    variant: str | None
    overrides: Iterable[str]
    seed: int | None


#: What a network can be given as: a path, ``"-"``, the text, a dict, a spec already read, or the network itself.
Source = SpecLike | Network


@uncollected()
def load(
    source: Source,
    *,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    data: DataLike = None,
) -> Network:
    """Read and validate a spec; shapes and module are made when they are asked for.

    `source` is a path, ``"-"`` for standard input, the text, a dict, or a network already read. `variant` names a table
    of ``[variants]``; `overrides` are ``"path=value"`` strings, as for ``--set``; the weights are drawn by `seed`, else
    by ``[train] seed``, else by 0. Where layers ask for ``${vocabulary.NAME}`` the data are read, which lie at `data`;
    published weights are fetched where that allows it. Data given in Python, ``(x, y)`` say, stand for the spec's own.

    Raises:
        GraphspecError: what is wrong with the spec, with file, line and hint.
    """
    overrides = tuple(overrides)
    if isinstance(source, Network) and source.state is not None and (variant is not None or overrides):
        raise TypeError("variant and overrides change a spec, and this network's weights were made for the one it has")
    read = read_spec(source, variant, overrides)
    spec = _with_given(read, data)
    _fetch_weights(spec, data)
    if isinstance(source, Network):
        source = source if spec is source.spec else dataclasses.replace(source, spec=spec)
        return source if seed is None else dataclasses.replace(source, seed=seed)
    return Network(_with_vocabulary(spec, data), _seed(spec) if seed is None else seed)


def _with_given(spec: NetworkSpec, data: DataLike) -> NetworkSpec:
    """`spec`, which says so where Python gives the data themselves."""
    if data is None or isinstance(data, str | os.PathLike):
        return spec
    from graphspec.data.place import of_given

    return of_given(spec, data)


def _fetch_weights(spec: NetworkSpec, data: DataLike) -> None:
    """Download the published weights that `spec` names, where `data` is a place that allows it."""
    if not getattr(data, "download", False) or "weights" not in str(spec.source.data):
        return
    from graphspec.module.published import fetch, named_in

    with located(spec.source):
        fetch(named_in([spec.source.data.get(key) for key in ("layers", "blocks")]))


def _with_vocabulary(spec: NetworkSpec, data: DataLike) -> NetworkSpec:
    """`spec` with the vocabularies that its layers ask for, as far as its data know them."""
    if spec.data is None or not spec.unknown_ids:
        return spec
    from graphspec.data.of_spec import read_vocabulary
    from graphspec.data.place import DataPlace

    with located(spec.source):
        return spec.with_vocabulary(read_vocabulary(spec, DataPlace.of(data)))


def graph(spec: NetworkSpec | Network) -> LayerGraph:
    """Stage 2: expand blocks, resolve names."""
    from graphspec import graph as graph_stage

    if isinstance(spec, Network):
        return spec.graph
    with _stage(spec):
        return graph_stage.build(spec)


def shape(spec: NetworkSpec | Network) -> ShapedGraph:
    """Stages 2 and 3: every value has a shape and a dtype."""
    return load(spec).shaped


def build(shaped: ShapedGraph, seed: int | None = None) -> GraphModule:
    """Stage 4: the module, with weights seeded by `seed`, else by ``[train] seed``, else by 0."""
    from graphspec import module as module_stage

    with _stage(shaped.spec):
        return module_stage.build(shaped, _seed(shaped.spec) if seed is None else seed)


def _seed(spec: NetworkSpec) -> int:
    return spec.train.seed if spec.train else 0


def _weights(file: Path) -> State:
    from graphspec.module.weights import read_tensors

    return read_tensors(file)


def weights_of(export: Path) -> Origin:
    """What the manifest of an export says of its weights; one that says nothing of them makes no claim."""
    try:
        said = json.loads(read_regular(export / "manifest.json", most=MOST_JSON, links=False))["weights"]
    except (OSError, ValueError, KeyError, TypeError):
        return "file"
    return said if said in ("seeded", "trained", "none") else "file"


def _origin(shaped: ShapedGraph) -> Origin:
    """Where the weights of a spec come from: from files where every layer that has some takes them from one."""
    from graphspec.shapes.parameters import FROM_FILE

    own = [layer for layer in shaped.layers if layer.parameters.keys() - layer.tie.keys()]
    if not own:
        return "none"
    return "file" if all(FROM_FILE in layer.init for layer in own) else "seeded"
