"""What every reference spec promises, with all its variants: it compiles to an ordinary PyTorch module."""

import copy
import io
import pickle
import tomllib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import graphspec
from graphspec import compiler

ZOO = Path(__file__).parents[2] / "specs" / "zoo"
SPECS = sorted(path.stem for path in ZOO.glob("*.toml"))
VARIANTS = [
    (spec, variant)
    for spec in SPECS
    for variant in [None, *tomllib.loads((ZOO / f"{spec}.toml").read_text()).get("variants", {})]
]
#: torch.compile itself refuses LSTM and GRU (dynamo breaks the graph there), so the two with one are not among these.
FULL_GRAPH = ["lenet5", "resnet18", "efficientnet_b0", "convnext_tiny", "vit_b_16", "transformer_classifier", "siamese"]


def test_the_zoo_is_complete() -> None:
    assert SPECS == [
        "adaptive_softmax", "alexnet", "autoencoder", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet",
        "lenet5",
        "lstm_classifier", "mobilenet_v2", "resnet18", "resnet50", "siamese", "transformer_classifier", "two_towers",
        "unet", "vgg11", "vit_b_16",
    ]  # fmt: skip


@pytest.mark.parametrize(("spec", "variant"), VARIANTS)
@pytest.mark.filterwarnings("error::graphspec.diagnostics.GraphspecWarning")
def test_every_variant_compiles_without_a_warning(spec: str, variant: str | None) -> None:
    with torch.device("meta"):
        module = graphspec.compile(ZOO / f"{spec}.toml", variant=variant)
    assert sum(parameter.numel() for parameter in module.parameters()) > 1000


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:The TorchScript type system:UserWarning")
def test_copies_pickles_and_scripts_compute_the_same(spec: str) -> None:
    module, values = _small(spec)
    wanted = _outputs(module, values)
    pickled = pickle.loads(pickle.dumps(module))  # noqa: S301  our own module
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(module), file)
    file.seek(0)
    for other in (copy.deepcopy(module), pickled, torch.jit.load(file)):
        found = _outputs(other, values)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("spec", FULL_GRAPH)
def test_torch_compile_takes_the_whole_graph(spec: str) -> None:
    module, values = _small(spec)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    # not equal to the last bit: attention's fast path is not taken there
    torch.testing.assert_close(_outputs(compiled, values), _outputs(module, values))


@pytest.mark.parametrize("spec", SPECS)
def test_a_sample_alone_equals_the_sample_in_a_batch(spec: str) -> None:
    module, values = _small(spec)
    batch = _outputs(module.double(), values)
    alone = _outputs(module, [value[:1] for value in values])
    for name, output in batch.items():
        torch.testing.assert_close(alone[name], output[:1], rtol=1e-9, atol=1e-9)


def _small(spec: str) -> tuple[nn.Module, list[Tensor]]:
    """The model in eval mode at the least size its file has a variant for, and inputs for it."""
    known = [variant for name, variant in VARIANTS if name == spec]
    variant = next((name for name in ("small", "digits") if name in known), None)
    shaped = compiler.shape(compiler.load(ZOO / f"{spec}.toml", variant=variant))
    torch.manual_seed(0)
    sizes = {"N": 3, "T": 12}
    values = []
    for kind in shaped.inputs.values():
        shape = [dim if isinstance(dim, int) else sizes[str(dim)] for dim in kind.shape]
        values.append(torch.randn(shape) if kind.dtype.is_floating_point else torch.randint(100, shape))
    return compiler.build(shaped).eval(), values


def _outputs(module: nn.Module, values: list[Tensor]) -> dict[str, Tensor]:
    dtype = next(module.parameters()).dtype
    given = [value.to(dtype) if value.is_floating_point() else value for value in values]
    with torch.no_grad():
        outputs = module(*given)
    return outputs if isinstance(outputs, dict) else {"output": outputs}
