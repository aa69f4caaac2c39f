"""Which sizes a captured program takes: all that the dims allow, proven from the traces' guards or tried."""

from __future__ import annotations

import pytest
import torch

from graphspec import compiler
from graphspec.exporting import capture as captures
from graphspec.exporting import costly, guards
from graphspec.exporting.capture import capture
from graphspec.exporting.sampler import accepts
from graphspec.system.torch_private import guards_of

PROVEN = {
    "no branch": (["N", 4], [{"type": "Linear", "out_features": 2}]),
    "a slice that ends before some sizes": (["N", "T", 4], [{"type": "slice", "dim": 1, "end": 8}]),
    "a pool that rounds up": (
        ["N", 3, "H", "W"],
        [{"type": "AvgPool2d", "kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True}],
    ),
    "multiples": (["N", 2, "2*H", "2*W"], [{"type": "PixelUnshuffle", "downscale_factor": 2}]),
    "a strided convolution": (
        ["N", 3, "H", "W"],
        [{"type": "Conv2d", "out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}, "ReLU"],
    ),
}


def _capture(shape, layers, **more):
    spec = {"graphspec": 1, "inputs": {"x": shape}, "layers": {f"y{k}": line for k, line in enumerate(layers)}, **more}
    return capture(compiler.load(spec))


@pytest.mark.parametrize("kind", PROVEN)
def test_traces_whose_guards_leave_no_size_out_prove_the_program_for_all(kind):
    shape, layers = PROVEN[kind]
    found = _capture(shape, layers)
    assert found.proven
    assert guards_of(found.program) == []
    module = found.program.module()
    for size in (1, 2, 7, 8, 9, 11, 40, 41):
        inputs = found.sampler.draw(dict.fromkeys(found.shaped.dims, size))
        torch.testing.assert_close(module(*inputs.values()), found.network.module(*inputs.values()))


@pytest.mark.parametrize("line", [{"end": 5}, {"start": -5}])
def test_a_number_that_is_the_traced_size_holds_no_dim_to_it(line, tmp_path):
    """torch has a dim be 5 from the moment that it asks whether it is, and writes that into the file."""
    found = _capture(["N", "T", 4], [{"type": "slice", "dim": 1, **line}])
    assert found.sampler.sizes["T"] == 5
    torch.export.save(found.program, tmp_path / "x.pt2")
    module = torch.export.load(tmp_path / "x.pt2").module()
    for size in (2, 4, 5, 6, 20):
        inputs = found.sampler.draw({"N": 3, "T": size})
        torch.testing.assert_close(module(*inputs.values()), found.network.module(*inputs.values()))


def test_a_program_that_is_another_at_other_sizes_is_not_proven():
    found = _capture(["N", "T", 4], [{"type": "slice", "dim": 1, "end": 8}])
    other = _capture(["N", "T", 4], [{"type": "slice", "dim": 1, "end": 9}]).program
    program = guards_program(found)
    assert not guards.proven(program, found.shaped, False, lambda sizes: other)
    assert guards.limits(program, found.shaped, False)


def guards_program(found):
    from graphspec.exporting.capture import _trace

    return _trace(found.network, found.sampler, False, {})


def test_a_proven_program_keeps_to_the_range_of_the_dims():
    found = _capture(["N", "T", 4], [{"type": "slice", "dim": 1, "end": 8}], dims={"T": {"min": 3, "max": 20}})
    assert found.proven
    module = found.program.module()
    module(torch.zeros(1, 20, 4))
    with pytest.raises(AssertionError, match="Guard failed"):
        module(torch.zeros(1, 21, 4))


def test_sizes_that_are_followed_are_taken_and_refused_as_computed_ones_are():
    found = _capture(["N", "T", 4], [{"type": "Linear", "out_features": 3}, "ReLU"], dims={"T": {"min": 3, "max": 20}})
    program, module = found.program.module(), found.network.module
    for steps, taken in ((3, True), (20, True), (2, False), (21, False)):
        inputs = {"x": torch.zeros(1, steps, 4)}
        assert [accepts(program, inputs, computed) for computed in (True, False)] == [taken] * 2
        assert accepts(module, inputs, computed=False)
    assert not accepts(module, {"x": torch.zeros(1, 5, 6)}, computed=False)


@pytest.mark.parametrize(("rate", "computed"), [(1e9, True), (0.0, False)])
def test_of_a_costly_network_the_sizes_left_out_are_computed_where_that_is_sooner_done(monkeypatch, rate, computed):
    monkeypatch.setattr(costly, "COSTLY_FLOPS", 0.0)
    monkeypatch.setattr(costly, "FOLLOWED_FLOPS", rate)
    asked = []

    def noted(module, inputs, computed=True):
        asked.append((len(inputs["x"]), computed))
        return accepts(module, inputs, computed)

    monkeypatch.setattr(captures, "accepts", noted)
    assert _capture(["N", 4], [{"type": "Linear", "out_features": 2}]).proven
    assert asked == [(1, computed)]
