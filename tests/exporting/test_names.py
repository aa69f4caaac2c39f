"""Names of Python, torch and ONNX in each place of a spec, all at once, through every format."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

CAMPAIGN = Path(__file__).parents[2] / "benchmarks" / "campaigns" / "names.py"


def _campaign() -> ModuleType:
    spec = importlib.util.spec_from_file_location("names_campaign", CAMPAIGN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


names = _campaign()
#: Some of each kind, for every run of the tests.
FEW = set("input id type out y x_1 add_1 relu relu_value s0 val linear print _ L".split())


@pytest.mark.slow
@pytest.mark.parametrize("place", ["input", "size"])
def test_some_names_work_in_every_format(place: str) -> None:
    names.check(place, [name for name in sorted(FEW) if names.refusal(place, name) is None])


@pytest.mark.slow
@pytest.mark.parametrize(
    "outputs",
    [
        {"relu": "b", "relu_value": "c_"},
        {"relu_value": "a", "relu": "c_", "relu_value_1": "b"},
        {"linear": "c_", "addmm": "b", "val_0": "a"},
        {"p": "p", "a": "a", "b": "b"},
    ],
)
def test_outputs_may_have_the_names_of_inner_values(outputs: dict[str, str]) -> None:
    """Inner values yield, to a name that nothing has."""
    layers = {
        "a": "ReLU",
        "b": {"type": "Linear", "out_features": 3},
        "c_": {"type": "Linear", "out_features": 2, "from": "a"},
        "p": {"type": "Parameter", "shape": [3], "init": "ones_"},
        "q": {"type": "add", "from": ["b", "p"], "broadcast": True},
    }
    used = {"q": "q"} if "p" not in outputs else {}
    network = {"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": layers, "outputs": outputs | used}
    if "p" in outputs:
        del layers["q"], layers["c_"]
    names.check_network(network)


#: Sweeps over all names; ``benchmarks/campaigns/names.py`` has those of the other places, which take minutes each.
SWEPT = ["input", "output", "layer"]


@pytest.mark.slow
@pytest.mark.parametrize("place", SWEPT)
def test_every_name_that_compile_takes_works_in_every_format(place: str) -> None:
    assert [find for group in names.accepted(place) for find in names.faults(place, group)] == []


@pytest.mark.slow
@pytest.mark.parametrize("place", SWEPT)
def test_every_other_name_is_refused_at_its_place(place: str) -> None:
    refused = [fault for name in names.NAMES if (fault := names.refusal(place, name)) is not None]
    assert {fault.code for fault in refused} <= {"bad-name", "reserved-name", "name-clash", "not-exportable"}
    assert all(fault.at for fault in refused)
