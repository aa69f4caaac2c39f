"""The straight line from a spec to a published file. Only this module knows the order of the stages.

Each function runs the line up to its own stage. torch is imported when the first stage needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from graphspec import spec as spec_stage
from graphspec.diagnostics import located
from graphspec.spec import NetworkSpec

if TYPE_CHECKING:
    from torch.fx import GraphModule

    from graphspec.graph import LayerGraph
    from graphspec.shapes import ShapedGraph

#: What a network can be given as: a path, ``"-"``, the text, a dict, or a spec already read.
SpecLike = str | os.PathLike[str] | Mapping[str, Any] | NetworkSpec


def load(spec: SpecLike, *, variant: str | None = None, overrides: Iterable[str] = ()) -> NetworkSpec:
    """Stage 1: read and validate. `overrides` are ``"path=value"`` strings, as for ``--set``."""
    if isinstance(spec, NetworkSpec):
        return spec
    return spec_stage.load(spec, variant=variant, overrides=overrides)


def graph(spec: NetworkSpec) -> LayerGraph:
    """Stage 2: expand blocks, resolve names."""
    from graphspec import graph as graph_stage

    with located(spec.source):
        return graph_stage.build(spec)


def shape(spec: NetworkSpec) -> ShapedGraph:
    """Stages 2 and 3: every value has a shape and a dtype."""
    from graphspec import shapes as shapes_stage

    layers = graph(spec)
    with located(spec.source):
        return shapes_stage.infer(layers)


def build(shaped: ShapedGraph, seed: int | None = None) -> GraphModule:
    """Stage 4: the module, with weights seeded by `seed`, else by ``[train] seed``, else by 0."""
    from graphspec import module as module_stage

    if seed is None:
        seed = shaped.spec.train.seed if shaped.spec.train else 0
    with located(shaped.spec.source):
        return module_stage.build(shaped, seed)


def compile(
    spec: SpecLike, *, variant: str | None = None, overrides: Iterable[str] = (), seed: int | None = None
) -> GraphModule:
    """Compile a spec to an ordinary ``torch.nn.Module`` in training mode.

    A module with one output returns a tensor; with several, a dict by output name.

    Raises:
        GraphspecError: what is wrong with the spec, with file, line and hint.
    """
    return build(shape(load(spec, variant=variant, overrides=overrides)), seed)
