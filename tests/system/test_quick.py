"""Values that are made fast, and are otherwise the frozen dataclasses that they are written as."""

import copy
import dataclasses

import pytest

from graphspec.graph.layers import Layer, Ref
from graphspec.shapes.shaped import ShapedLayer, ValueRef
from graphspec.system.quick import quick


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class Named:
    """A value with every kind of default."""

    name: str
    size: int = 3
    table: dict[str, int] = dataclasses.field(default_factory=dict)


def test_made_as_a_dataclass_is() -> None:
    assert Named("a") == Named(name="a", size=3, table={})
    assert Named("a").table is not Named("a").table
    assert dataclasses.replace(Named("a"), size=4) == Named("a", 4)
    assert repr(Ref("a", "b")) == "Ref(name='a', selector='b')"
    with pytest.raises(TypeError, match="name"):
        Named()  # type: ignore[call-arg]


def test_equal_ones_are_one_key_and_outlive_a_copy() -> None:
    assert {ValueRef("a"): 1}[ValueRef("a", ())] == 1
    assert copy.deepcopy(ValueRef("a", (1, 0))) == ValueRef("a", (1, 0))


def test_what_is_done_when_one_is_made_is_not_left_out() -> None:
    @dataclasses.dataclass(frozen=True)
    class Checked:
        size: int

        def __post_init__(self) -> None:
            assert self.size > 0

    with pytest.raises(TypeError, match="__post_init__"):
        quick(Checked)


def test_no_field_of_a_layer_is_set_by_a_call() -> None:
    for kind in (Ref, Layer, ValueRef, ShapedLayer):
        assert kind.__setattr__ is object.__setattr__
