"""The line that ``graphspec ops NAME`` shows compiles as it stands, on inputs that fit."""

import pytest

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.ops import lookup, names
from graphspec.ops.examples import example


def typed(shape, dtype):
    return {"shape": shape, "dtype": dtype}


IMAGE = ["N", 8, 16, 16]
FLOATS = [IMAGE, ["N", 8, 16], ["N", 8], ["N", 8, 16, 16, 16], ["N", 1, 8], ["N", 8, 9]]
VALUES = [*FLOATS, *(typed(shape, dtype) for dtype in ("int64", "bool") for shape in FLOATS[:3])]
PACKAGED = [name for name in names() if lookup(name).origin.startswith("torch") or lookup(name).is_leaf]


#: Inputs that differ from each other.
MIXED = {
    "where": [typed(IMAGE, "bool"), IMAGE, IMAGE],
    "index_select": [IMAGE, typed(["K"], "int64")],
    **{f"MaxUnpool{n}d": [["N", 8, *[4] * n], typed(["N", 8, *[4] * n], "int64")] for n in (1, 2, 3)},
    "matmul": [["N", 4, 8], ["N", 8, 5]],
    "bmm": [["N", 4, 8], ["N", 8, 5]],
    "einsum": [["N", 4, 8], ["N", 8, 5]],
    "expand_as": [["N", 1], ["N", 8]],
    "grid_sample": [IMAGE, ["N", 5, 6, 2]],
    "affine_grid": [[1, 2, 3]],
    **{name: [["N", 8], typed(["N", 3], "int64")] for name in ("gather", "take_along_dim")},
    **{name: [["N", 8], typed(["N", 3], "int64"), ["N", 3]] for name in ("scatter", "scatter_add", "scatter_reduce")},
    "masked_scatter": [["N", 8], typed(["N", 8], "bool"), ["N", 8]],
    **{name: [["N", 8], typed([3], "int64"), ["N", 3]] for name in ("index_add", "index_copy")},
    "index_fill": [["N", 8], typed([3], "int64")],
    "cross": [["N", 3], ["N", 3]],
    "slice_scatter": [["N", 8], ["N", 8]],
    "select_scatter": [["N", 8], ["N"]],
    "masked_fill": [IMAGE, typed(IMAGE, "bool")],
    "meshgrid": [["N"], [8]],
    "linear": [["N", 8], [5, 8]],
    **{f"conv{n}d": [["N", 8, *[9] * n], [16, 8, *[3] * n]] for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": [["N", 8, *[9] * n], [8, 16, *[3] * n]] for n in (1, 2, 3)},
    "embedding": [typed(["N"], "int64"), [10, 4]],
    "prelu": [IMAGE, [8]],
    "addmv": [["N"], ["N", 8], [8]],
    "addbmm": [[4, 5], ["N", 4, 8], ["N", 8, 5]],
    "addr": [["N", 8], ["N"], [8]],
    "addmm": [[5], ["N", 8], [8, 5]],
    "baddbmm": [["N", 4, 5], ["N", 4, 8], ["N", 8, 5]],
    "cdist": [["N", 4, 8], ["N", 5, 8]],
}


def written_ports(op):
    """The inputs that its example names."""
    return [port.name for port in op.ports if port.required] or [port.name for port in op.ports[:1]]


def inputs_for(op):
    """Types of its inputs to try."""
    ports = ["a", "b"] if op.ports and op.ports[0].many else written_ports(op)
    if op.name in MIXED:
        return [dict(zip(ports, MIXED[op.name], strict=True))]
    return [dict.fromkeys(ports, value) for value in VALUES]


def compiles(line, inputs):
    declared = "\n".join(f"{name} = {toml(value)}" for name, value in (inputs or {"unused": ["N"]}).items())
    extra = "" if inputs else 'rest = { type = "ReLU", from = "unused" }\n[outputs]\none = "%s"\ntwo = "rest"\n'
    text = f"graphspec = 1\n[inputs]\n{declared}\n[layers]\n{line}\n"
    try:
        graphspec.shape(graphspec.load(text + (extra % line.split()[0] if extra else "")))
    except GraphspecError:
        return False
    return True


def toml(value):
    if isinstance(value, dict):
        return f'{{ shape = {toml(value["shape"])}, dtype = "{value["dtype"]}" }}'
    return str(value).replace("'", '"')


@pytest.mark.filterwarnings("ignore::graphspec.GraphspecWarning")
@pytest.mark.parametrize("name", PACKAGED)
def test_an_example_compiles(name):
    op = lookup(name)
    line = example(op)
    assert "\n" not in line
    assert any(compiles(line, inputs) for inputs in inputs_for(op)), line


def test_what_it_looks_like():
    assert example(lookup("ReLU")) == 'relu = "ReLU"'
    assert example(lookup("Conv2d")) == 'conv2d = { type = "Conv2d", out_channels = 16, kernel_size = 3 }'
    assert example(lookup("add")) == 'add_ = { type = "add", from = ["input", "other"] }'
