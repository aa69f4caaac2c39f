"""What a forward may do with tensors, a line each: it becomes a spec with the same bits, or is refused by name."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import graphspec
from graphspec.ops.imports import import_file

functional = import_file(Path(__file__).parent / "functional.py")
INPUTS: dict[str, Tensor] = {
    "line": torch.randn(2, 8), "image": torch.randn(2, 3, 8, 8), "ids": torch.randint(0, 16, (2, 5)),
    "sequence": torch.randn(2, 5, 8),
}  # fmt: skip


@pytest.mark.parametrize("case", functional.CASES)
def test_a_spec_says(case: str) -> None:
    network, kind = functional.CASES[case]
    imported = graphspec.from_module(network, {"x": INPUTS[kind]})
    assert imported.unmerged == ""
    ours = imported.network.build().eval()
    more = torch.cat([INPUTS[kind]] * 3)
    assert torch.equal(ours(more), network.eval()(more)), imported.text


@pytest.mark.parametrize("case", functional.REFUSED)
def test_no_spec_says(case: str) -> None:
    network, kind, message = functional.REFUSED[case]
    with pytest.raises(graphspec.GraphspecError, match=message) as caught:
        graphspec.from_module(network, {"x": INPUTS[kind]})
    assert [each.code for each in caught.value.diagnostics] == ["not-importable"]


@pytest.mark.parametrize("case", functional.OF_ONE)
def test_a_sample_of_one_is_a_batch_like_any_other(case: str) -> None:
    network = functional.OF_ONE[case].eval()
    imported = graphspec.from_module(network, {"x": INPUTS["line"][:1]})
    ours = imported.network.build().eval()
    assert torch.equal(ours(INPUTS["line"]), network(INPUTS["line"])), imported.text


def test_a_number_is_an_input() -> None:
    class Scaled(torch.nn.Module):
        def forward(self, x: Tensor, factor: Tensor) -> Tensor:
            return x * factor

    imported = graphspec.from_module(Scaled(), {"x": INPUTS["line"], "factor": torch.tensor(2.0)})
    assert "factor = []" in imported.text


def test_one_number_of_a_layer_over_one_dim_is_no_list() -> None:
    layer = torch.nn.Conv1d(5, 4, 3, stride=2, padding=1)
    text = graphspec.from_module(torch.nn.Sequential(layer, torch.nn.LayerNorm(4)), {"x": INPUTS["sequence"]}).text
    assert '0 = { type = "Conv1d", out_channels = 4, kernel_size = 3, stride = 2, padding = 1 }' in text


def test_a_rank_that_depends_on_the_batch_is_said() -> None:
    network = functional.Small(lambda net, x: x.squeeze() * 2)
    with pytest.raises(graphspec.GraphspecError, match=r"at another size \(squeeze\): its course depends on sizes"):
        graphspec.from_module(network, {"x": INPUTS["line"][:1]})
