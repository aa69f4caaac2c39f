"""Which names a spec may give, where an output's may be a layer's, and what blocks see of the file's variables."""

from __future__ import annotations

from typing import Any

import pytest

import graphspec
from graphspec.compiler import load
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
    "name", ["-a", "a-", "a--b", "__a", "__init__", "a b", "a.b", "a-é", "_parameters", "_modules"]
)
def test_other_names_are_refused_at_their_place(name: str) -> None:
    ((code, at),) = faults(spec({name: LINEAR}))
    assert code in ("bad-name", "reserved-name")
    assert at == ("layers", name)


@pytest.mark.parametrize("name", ["_x", "x-y", "1"])
def test_only_layers_may_have_such_names(name: str) -> None:
    assert faults({**spec({"a": "ReLU"}), "inputs": {name: ["N", 4]}})[0] == ("bad-name", ("inputs", name))
    assert faults(spec({"a": "ReLU"}, outputs={name: "a"}))[0] == ("bad-name", ("outputs", name))


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
