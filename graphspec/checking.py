"""The whole of a spec, checked as far as no data are needed; each section is judged in its own room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphspec.compiler import Network, load
from graphspec.diagnostics import Diagnostic, GraphspecError, faults_in
from graphspec.spec import NetworkSpec, of_one_run

if TYPE_CHECKING:
    from graphspec.shapes import ShapedGraph


def check(network: Network) -> None:
    """Refuse what is wrong with any section of a spec, as far as no data are needed to see it.

    Raises:
        GraphspecError: with the faults of the network, or else of all sections.
    """
    spec, shaped = network.spec, network.shaped
    with network.located():
        faults = _faults_of_sections(spec, shaped)
        if "export" in spec.model_fields_set:
            from graphspec.exporting.holdable import check_formats

            faults += faults_in(lambda: check_formats(shaped))
        if spec.tune is not None and not faults:  # of a trial they would be the same
            from graphspec.tuning import settings

            faults += settings.check_settings(spec, lambda change: _check_changed(network, change))
        if faults:
            raise GraphspecError(faults)


def _faults_of_sections(spec: NetworkSpec, shaped: ShapedGraph) -> list[Diagnostic]:
    """The faults of ``[data]`` and ``[train]``; what they need is imported only where they are there."""
    faults = []
    if spec.data is not None:
        from graphspec.data import settings as data_settings

        faults += data_settings.check_settings(spec.data)
    if spec.train is not None:
        from graphspec.training import settings as training_settings

        faults += training_settings.check_settings(spec.train, shaped)
    return faults


def _check_changed(network: Network, change: str) -> None:
    """Refuse the spec of `network` with ``path=value`` set, as a trial of a search has it."""
    changed = load(of_one_run(network.spec), overrides=[change]).spec
    if faults := _faults_of_sections(changed, network.shaped):
        raise GraphspecError(faults)
