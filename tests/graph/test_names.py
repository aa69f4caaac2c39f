"""Which names a spec may give, where an output's may be a layer's, and what blocks see of the file's variables."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import graphspec
from graphspec.compiler import build, load
from graphspec.module.emit import python
from graphspec.spec import dump

LINEAR = {"type": "Linear", "out_features": 3}


def spec(layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": layers, **more}


def faults(given: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    with pytest.raises(graphspec.GraphspecError) as raised:
        graphspec.compile(given)
    return [(fault.code, fault.at) for fault in raised.value.diagnostics]


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (["a", "b"], ["a", "b"]),
        ({"a": "a", "b": "b"}, ["a", "b"]),
        ({"b": "b", "first": "a"}, ["b", "first"]),
        (["b", "a"], ["b", "a"]),
        ({"b": "a"}, None),
        ({"x": "a"}, None),
        ({"x": "x"}, None),
    ],
)
def test_an_output_may_carry_its_own_layers_name(outputs: Any, names: list[str] | None) -> None:
    given = spec({"a": LINEAR, "b": LINEAR}, outputs=outputs)
    if names is None:
        assert ("name-clash", ("outputs", next(iter(outputs)))) in faults(given)
        return
    network = load(given)
    assert list(network.shaped.outputs) == names
    assert list(load(dump(network.spec)).spec.outputs or ()) == names


@pytest.mark.parametrize(
    ("outputs", "at"),
    [(["a", "c"], ("outputs", "c")), (["a", "a"], ("outputs",)), (["a", 3], ("outputs",)), ([], ("outputs",))],
)
def test_a_wrong_list_of_outputs_is_refused(outputs: list[Any], at: tuple[Any, ...]) -> None:
    assert [place for _, place in faults(spec({"a": LINEAR}, outputs=outputs))] == [at]


def test_a_name_in_a_list_of_outputs_is_pointed_at() -> None:
    text = 'graphspec = 1\noutputs = ["a", "c"]\n[inputs]\nx = ["N", 4]\n[layers]\na = "ReLU"\n'
    with pytest.raises(graphspec.GraphspecError, match=r"<text>:2:17: error\[unknown-reference\]"):
        graphspec.compile(text)


def test_a_block_may_list_its_outputs() -> None:
    block = {"layers": {"low": {**LINEAR, "from": "x"}, "high": {**LINEAR, "from": "x"}}, "outputs": ["low", "high"]}
    given = spec({"b": "B", "c": {"type": "add", "from": ["b.low", "b.high"]}}, blocks={"B": block})
    network = load(given)
    assert load(dump(network.spec)).spec.blocks == network.spec.blocks
    assert str(network.shaped.output_types["output"]) == "N × 3"


def test_the_only_output_is_called_output_and_no_input_is() -> None:
    given = {"graphspec": 1, "inputs": {"output": ["N", 4]}, "layers": {"a": "ReLU"}}
    assert faults(given) == [("name-clash", ("inputs", "output"))]
    assert list(load({**given, "outputs": {"y": "a"}}).shaped.outputs) == ["y"]


@pytest.mark.parametrize("name", ["_fc", "block1-0", "a-b-c", "_0", "0", "12", "relu_", "a-0"])
def test_a_layers_name_stands_in_the_state_dict_as_it_is(name: str) -> None:
    module = graphspec.compile(spec({name: LINEAR, "b": {"type": "B"}}, blocks={"B": {"layers": {name: LINEAR}}}))
    assert list(module.state_dict()) == [
        f"{name}.weight", f"{name}.bias", f"b.{name}.weight", f"b.{name}.bias"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "-a", "a-", "a--b", "__a", "__init__", "a b", "a.b", "a-é", "_parameters", "_modules", "self", "Ellipsis",
        "meta", "shape_env",
    ],
)  # fmt: skip
def test_other_names_are_refused_at_their_place(name: str) -> None:
    ((code, at),) = faults(spec({name: LINEAR}))
    assert code in ("bad-name", "reserved-name")
    assert at == ("layers", name)


def test_a_blocks_layer_may_have_a_name_of_the_whole_networks() -> None:
    module = graphspec.compile(spec({"b": {"type": "B"}}, blocks={"B": {"layers": {"meta": LINEAR}}}))
    assert list(module.state_dict()) == ["b.meta.weight", "b.meta.bias"]


def test_a_blocks_layer_may_be_called_self() -> None:
    module = graphspec.compile(spec({"b": {"type": "B"}}, blocks={"B": {"layers": {"self": LINEAR, "act": "ReLU"}}}))
    x = torch.randn(2, 4)
    assert list(module.state_dict()) == ["b.self.weight", "b.self.bias"]
    for other in (torch.jit.script(module), torch.export.export(module, (x,)).module(), copy.deepcopy(module)):
        assert torch.equal(other(x), module(x))


@pytest.mark.parametrize("name", ["_x", "x-y", "1"])
def test_only_layers_may_have_such_names(name: str) -> None:
    assert faults({**spec({"a": "ReLU"}), "inputs": {name: ["N", 4]}})[0] == ("bad-name", ("inputs", name))
    assert faults(spec({"a": "ReLU"}, outputs={name: "a"}))[0] == ("bad-name", ("outputs", name))


@pytest.mark.parametrize("name", ["self", "torch", "fx_pytree", "Ellipsis", "int", "getattr", "nan"])
def test_an_input_is_no_word_of_the_code_around_forward(name: str) -> None:
    given = {"graphspec": 1, "inputs": {name: ["N", 4]}, "layers": {"a": LINEAR}}
    assert faults(given) == [("reserved-name", ("inputs", name))]


def test_inputs_that_fx_would_take_for_one_are_refused() -> None:
    inputs = {"id": ["N", 4], "id_1": ["N", 4]}
    given = {"graphspec": 1, "inputs": inputs, "layers": {"a": {"type": "sub", "from": ["id", "id_1"]}}}
    assert faults(given) == [("name-clash", ("inputs", "id_1"))]


def test_inputs_of_pythons_and_torchs_names_keep_their_values() -> None:
    names = "input id type hash map filter object x_1 add_1 size out y v1".split()
    layers = {"a": {"type": "cat", "from": names, "dim": 1}}
    module = graphspec.compile({"graphspec": 1, "inputs": {name: ["N", 1] for name in names}, "layers": layers})
    values = [torch.full((1, 1), float(n)) for n in range(len(names))]
    assert module(*values).tolist() == [list(map(float, range(len(names))))]
    assert torch.equal(module(**dict(zip(names, values, strict=True))), module(*values))


def test_dims_may_have_the_names_of_variables_in_the_emitted_code() -> None:
    names = ["x", "out", "v1", "torch", "self", "len", "y", "nn", "N"]
    inputs = {"x" if n == 0 else f"x{n}": ["B", name] for n, name in enumerate(names)}
    layers = {
        f"r{n}": {"type": "reshape", "from": given, "shape": [f"${{{given}.shape[1] * {given}.shape[0]}}"]}
        for n, given in enumerate(inputs)
    }
    last = {"all": {"type": "cat", "from": list(layers), "dim": 0}}
    shaped = load({"graphspec": 1, "inputs": inputs, "layers": {**layers, **last}}).shaped
    scope: dict[str, Any] = {}
    exec(compile(python(shaped), "emitted", "exec"), scope)  # noqa: S102 - the code is ours
    values = [torch.rand(2, n + 1) for n in range(len(names))]
    assert torch.equal(scope["Model"]()(*values), build(shaped)(*values))


def test_a_block_sees_the_files_variables_where_it_has_none_of_that_name() -> None:
    blocks = {
        "Outer": {"layers": {"inner": {"type": "Inner"}, "fc": {"type": "Linear", "out_features": "${width}"}}},
        "Inner": {"vars": {"width": 2}, "layers": {"fc": {"type": "Linear", "out_features": "${width * twice}"}}},
    }
    given = spec({"o": "Outer"}, vars={"width": 5, "twice": "${width + 1}"}, blocks=blocks)
    sizes = {name: tensor.shape[0] for name, tensor in graphspec.compile(given).state_dict().items() if "bias" in name}
    assert sizes == {"o.inner.fc.bias": 2 * 6, "o.fc.bias": 5}


def test_a_block_sees_no_index_and_no_shape_from_outside() -> None:
    block = {"layers": {"fc": {"type": "Linear", "out_features": "${i + 1}"}}}
    assert faults(spec({"b": {"type": "B", "repeat": 2}}, blocks={"B": block}))[0][0] == "unknown-variable"
    block = {"layers": {"fc": {"type": "Linear", "out_features": "${before.shape[1]}"}}}
    assert faults(spec({"before": "ReLU", "b": {"type": "B"}}, blocks={"B": block}))[0][0] == "bad-expression"
