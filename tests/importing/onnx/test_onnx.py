"""ONNX files of whatever exporter become specs; what is imported gives what onnxruntime does, or nothing is written."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

import graphspec
from graphspec.cli.app import app
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx
from graphspec.importing.sources import import_source
from graphspec.ops.imports import import_file

files = import_file(Path(__file__).parent / "files.py")
ints, node, numbers, write = files.ints, files.node, files.numbers, files.write
SPECS = Path(__file__).parents[3] / "specs"
IMAGE = ["N", 2, 8, 8]
KERNEL = {"conv.weight": numbers(3, 2, 3, 3), "conv.bias": numbers(3)}
GATES = {
    name: {"w": numbers(1, n * 4, 3), "r": numbers(1, n * 4, 4), "b": numbers(1, n * 8)}
    for name, n in {"LSTM": 4, "GRU": 3, "RNN": 1}.items()
}
RESETS = {"GRU": {"linear_before_reset": 1}}
#: What is in a file, and lines that its spec has: nodes, sizes of the input, weights, further words of ``write``.
CASES: dict[str, tuple[list[Any], list[Any], dict[str, Any], dict[str, Any], list[str]]] = {
    "pads of one side stand before a convolution": (
        [node("Conv", "x conv.weight conv.bias", "y", pads=[0, 0, 1, 1], strides=[2, 2])], IMAGE, KERNEL, {},
        ["pad = [0, 1, 0, 1]", 'conv = { type = "Conv2d", out_channels = 3, kernel_size = 3, stride = 2 }'],
    ),
    "auto_pad of a known size": (
        [node("Conv", "x conv.weight", "y", auto_pad="SAME_UPPER", strides=[2, 2])], IMAGE, KERNEL, {},
        ["pad = [0, 1, 0, 1]", "bias = false"],
    ),
    "a transposed convolution that is cut at one side": (
        [node("ConvTranspose", "x w", "y", strides=[2, 2], pads=[0, 0, 1, 1])], IMAGE, {"w": numbers(2, 3, 3, 3)}, {},
        ['type = "ConvTranspose2d", out_channels = 3, kernel_size = 3, stride = 2'],
    ),
    "a product and a sum are Linear": (
        [node("MatMul", "x w", "h"), node("Add", "b h", "y")], ["N", 7, 4], {"w": numbers(4, 5), "b": numbers(5)}, {},
        ['matmul = { type = "Linear", out_features = 5 }'],
    ),
    "Gemm with factors": (
        [node("Gemm", "x fc.weight fc.bias", "y", transB=1, alpha=0.5, beta=2.0)], ["N", 4],
        {"fc.weight": numbers(5, 4), "fc.bias": numbers(5)}, {}, ['fc = { type = "Linear", out_features = 5 }'],
    ),
    "statistics and weights of a normalisation": (
        [node("BatchNormalization", "x s b m v", "y", epsilon=1e-3)], IMAGE,
        {"s": numbers(2), "b": numbers(2), "m": numbers(2), "v": np.abs(numbers(2)) + 0.1}, {},
        ['"BatchNorm2d", eps = 0.001'],
    ),
    "an average that counts its pads, of one side": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 0, 0], count_include_pad=1)], IMAGE, {}, {},
        ["pad = [1, 0, 1, 0]", '"AvgPool2d"'],
    ),
    "an average that does not count its pads, of one side": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], IMAGE, {}, {},
        ['"ones_like"', '"AvgPool2d"', '"div"'],
    ),
    "sizes computed from sizes": (
        [
            node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n axes", "n1"),
            node("Concat", "n1 rest", "shape", axis=0), node("Reshape", "x shape", "y"),
        ],
        IMAGE, {"zero": np.array(0), "axes": ints(0), "rest": ints(-1)}, {}, ["shape = [-1, 128]"],
    ),
    "an image enlarged to a size computed from its own": (
        [
            node("Shape", "x", "s"), node("Slice", "s two four", "hw"), node("Mul", "hw twice", "large"),
            node("Slice", "s none two", "nc"), node("Concat", "nc large", "sizes", axis=0),
            node("Resize", "x - - sizes", "y", mode="linear", coordinate_transformation_mode="half_pixel"),
        ],
        ["N", 2, "H", "W"], {"none": ints(0), "two": ints(2), "four": ints(4), "twice": ints(2)}, {},
        ['size = ["${x.shape[2] * 2}", "${x.shape[3] * 2}"]'],
    ),
    "an image reduced to a share of its own size": (
        [
            node("Shape", "x", "s"), node("Slice", "s two four", "hw"), node("Cast", "hw", "floats", to=1),
            node("Mul", "floats half", "shares"), node("Floor", "shares", "rounded"),
            node("Cast", "rounded", "small", to=7),
            node("Slice", "s none two", "nc"), node("Concat", "nc small", "sizes", axis=0),
            node("Resize", "x - - sizes", "y", mode="linear", coordinate_transformation_mode="align_corners"),
        ],
        ["N", 2, "2*H", "2*W"],
        {"none": ints(0), "two": ints(2), "four": ints(4), "half": np.array(0.5, np.float32)}, {},
        ['size = ["${x.shape[2] // 2}", "${x.shape[3] // 2}"]'],
    ),
    "Reshape that keeps a dim by 0": (
        [node("Reshape", "x shape", "y")], ["N", "T", 6], {"shape": ints(0, 0, 2, 3)}, {}, ['"${x.shape[1]}"'],
    ),
    "ids look up a table": (
        [node("Gather", "embed.weight x", "y")], ["N", "T"], {"embed.weight": numbers(9, 4)},
        {"dtype": TensorProto.INT64}, ['embed = { type = "Embedding", num_embeddings = 9, embedding_dim = 4 }'],
    ),
    **{
        f"{kind} has its gates in another order": (
            [
                node(kind, "x w r b", "steps last", hidden_size=4, **RESETS.get(kind, {})),
                node("Squeeze", "last axes", "y"),
            ],
            ["T", "N", 3], {**GATES[kind], "axes": ints(0)}, {}, [f'"{kind}"', "hidden_size = 4"],
        )
        for kind in GATES
    },
    "a branch on a constant is taken": (
        [
            helper.make_node(
                "If", ["yes"], ["y"],
                then_branch=files.branch("Relu", "a"), else_branch=files.branch("Neg", "b"),
            )
        ],
        IMAGE, {"yes": np.array(True)}, {}, ['relu = "ReLU"'],
    ),
    "numbers of float32 are written short": (
        [node("LeakyRelu", "x", "h", alpha=0.1), node("Mul", "h tenth", "y")], IMAGE,
        {"tenth": np.array(0.1, np.float32)}, {}, ["negative_slope = 0.1 ", "other = 0.1 "],
    ),
    "what onnxruntime's optimiser wrote": (
        [node("FusedConv", "x conv.weight conv.bias", "y", domain="com.microsoft", activation="Relu")], IMAGE,
        KERNEL, {}, ['conv = { type = "Conv2d"', "relu"],
    ),
    "what is dropped in training": (
        [node("Dropout", "x ratio", "h mask"), node("Relu", "h", "y")], IMAGE, {"ratio": np.array(0.25, np.float32)},
        {}, ['{ type = "Dropout", p = 0.25 }'],
    ),
    "numbers put and added where indices name": (
        [
            node("ScatterElements", "zeros places x", "h", axis=1),
            node("ScatterElements", "h places x", "y", axis=1, reduction="add"),
        ],
        [2, 3], {"zeros": numbers(2, 4), "places": np.array([[0, 3, 1], [2, 0, 1]])}, {"opset": 18},
        ['"scatter"', '"scatter_add"'],
    ),
    "rows of ones and zeros": (
        [node("ArgMax", "x", "ids", axis=1, keepdims=0), node("OneHot", "ids depth values", "y", axis=1)],
        ["N", 5, 3], {"depth": ints(5), "values": np.array([0.0, 2.0], np.float32)}, {}, ["num_classes = 5"],
    ),
    "the greatest of each row": ([node("Hardmax", "x", "y", axis=1)], ["N", 5, 3], {}, {}, ["num_classes = 5"]),
    "an image at places of its own": (
        [node("Tanh", "x", "h"), node("Transpose", "h", "grid", perm=[0, 2, 3, 1]),
         node("GridSample", "x grid", "y", mode="bilinear")],
        IMAGE, {}, {}, ['"grid_sample"'],
    ),
    "bits and running products": (
        [node("BitwiseAnd", "x three", "h"), node("BitwiseNot", "h", "i"), node("BitwiseXor", "i x", "y")],
        ["N", 4], {"three": ints(3)}, {"dtype": TensorProto.INT64, "out": TensorProto.INT64, "opset": 18},
        ['"bitwise_and"', '"bitwise_xor"'],
    ),
    "what scikit-learn scales and fits": (
        [
            node("Scaler", "x", "h", domain="ai.onnx.ml", offset=[1.0, -2.0, 0.5, 0.0], scale=[2.0, 0.1, 1.0, 3.0]),
            node("LinearRegressor", "h", "y", domain="ai.onnx.ml", targets=2, intercepts=[0.5, -1.0],
                 coefficients=[float(n) for n in numbers(8)]),
        ],
        ["N", 4], {}, {}, ['linear    = { type = "Linear", out_features = 2 }'],
    ),
    "names that no spec can have": (
        [node("Relu", "x", "class")], IMAGE, {}, {"outputs": "class"}, ['class_ = "relu"'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_file_becomes_a_spec_that_onnxruntime_agrees_with(case: str, tmp_path: Path) -> None:
    nodes, sizes, weights, words, lines = CASES[case]
    imported = import_source(str(write(tmp_path / "net.onnx", nodes, sizes, weights, **words)))
    assert "onnxruntime gives the same" in imported.proof
    assert [line for line in lines if line not in imported.text] == [], imported.text


@pytest.mark.parametrize(
    "opset", [n if n in (13, 23) else pytest.param(n, marks=pytest.mark.slow) for n in range(13, 24)]
)
def test_every_opset_is_read(opset: int, tmp_path: Path) -> None:
    path = write(
        tmp_path / "net.onnx",
        [node("Conv", "x conv.weight conv.bias", "h"), node("Relu", "h", "y")],
        IMAGE,
        KERNEL,
        opset,
    )
    assert 'conv = { type = "Conv2d"' in import_source(str(path)).text


def test_a_sigmoid_so_small_that_onnxruntime_gives_another_is_not_judged_by_it(tmp_path: Path) -> None:
    nodes = [node("Add", "x low", "h"), node("Sigmoid", "h", "s"), node("Flatten", "s", "y")]
    path = write(tmp_path / "net.onnx", nodes, ["N", 3, 2], {"low": np.array([[-22.0, -21.0]], np.float32)})
    assert "nothing can be told from y" in import_source(str(path)).proof
    other = write(tmp_path / "other.onnx", [*nodes, node("Relu", "y", "z")], ["N", 3, 2],
                  {"low": np.array([[-22.0, -21.0]], np.float32)}, outputs="z")  # fmt: skip
    with pytest.raises(graphspec.GraphspecError, match="are not the same function"):
        import_source(str(other))


#: What no spec can say: nodes, sizes, weights, words, and the error.
REFUSED: dict[str, tuple[list[Any], list[Any], dict[str, Any], str]] = {
    "a mask of what is dropped": ([node("Dropout", "x", "h y")], IMAGE, {}, "(Dropout): its mask is asked for"),
    "what is done to a fit": (
        [node("LinearRegressor", "x", "y", domain="ai.onnx.ml", coefficients=[1.0, 2.0], post_transform="PROBIT")],
        ["N", 2], {}, "its post_transform is PROBIT",
    ),
    "the greatest of what is put": (
        [node("ScatterElements", "x i x", "y", reduction="max")], [2, 3], {"i": np.array([[0, 1, 0], [1, 0, 1]])},
        "(ScatterElements): its reduction is max",
    ),
    "an operator": (
        [node("NonZero", "x", "y")], IMAGE, {}, 'no spec can say the node "y" (NonZero)',
    ),
    "an operator of another domain": (
        [node("NhwcMaxPool", "x", "y", domain="com.microsoft")], IMAGE, {}, "(com.microsoft.NhwcMaxPool)",
    ),
    "a reset before the product": (
        [node("GRU", "x w r b", "y", hidden_size=4)], ["T", "N", 3], GATES["GRU"], "linear_before_reset",
    ),
    "sizes that are numbers of a tensor": (
        [node("Cast", "x", "s", to=7), node("Reshape", "x s", "y")], [4], {}, "computed from the numbers of a tensor",
    ),
    "inputs that do not fit": (
        [node("Add", "x b", "y")], ["N", 3], {"b": numbers(4)}, "(Add): RuntimeError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_spec_can_say_is_refused_with_its_node(case: str, tmp_path: Path, monkeypatch) -> None:
    nodes, sizes, weights, message = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "net.onnx", nodes, sizes, weights)
    result = CliRunner().invoke(app, ["import", "net.onnx", "-o", "out.toml"])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_a_file_that_gives_something_else_than_the_spec_is_refused(tmp_path: Path, monkeypatch) -> None:
    from graphspec.importing.onnx.operators import OPERATORS

    monkeypatch.setitem(OPERATORS, "Relu", OPERATORS["Selu"])
    path = write(tmp_path / "net.onnx", [node("Relu", "x", "y")], IMAGE)
    with pytest.raises(graphspec.GraphspecError, match="are not the same function"):
        import_source(str(path))


#: What is wrong with a file that is no network, and what is said.
DAMAGED = {
    "text": (b"hello, this is no protobuf", "no ONNX file that can be read"),
    "empty": (b"", "it has no graph"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_file_that_is_no_model_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    content, message = DAMAGED[kind]
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(graphspec.GraphspecError, match=message):
        import_source(str(tmp_path / "net.onnx"))


def _constant(model: onnx.ModelProto, **attributes: Any) -> None:
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["c"], "k", **attributes))


#: What is done to a Relu of x, and what is said.
STRANGE = {
    "no nodes": (lambda m: m.graph.ClearField("node"), 'no node gives the output "y"'),
    "an output twice": (lambda m: m.graph.output.append(m.graph.output[0]), 'gives the output "y" twice'),
    "a constant of nothing": (lambda m: _constant(m), r'the node "k" \(Constant\) has 0 values, not one'),
    "a constant of two": (lambda m: _constant(m, value_int=1, value_float=1.0), "has 2 values, not one"),
    "a constant of texts": (lambda m: _constant(m, value_strings=["a"]), "value_strings, which holds no numbers"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_graph_that_no_exporter_writes_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    change, message = STRANGE[kind]
    path = write(tmp_path / "net.onnx", [node("Relu", "x", "y")], ["N", 4])
    model = onnx.load(str(path))
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(graphspec.GraphspecError, match=message):
        import_source(str(path))


def test_weights_outside_the_folder_of_a_file_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [node("Add", "x b", "y")], ["N", 4], {"b": numbers(4)})
    model = onnx.load(str(path))
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    path.write_bytes(model.SerializeToString())
    (tmp_path.parent / "secret.bin").write_bytes(bytes(16))
    with pytest.raises(graphspec.GraphspecError, match="outside its folder"):
        import_source(str(path))


def test_sizes_that_a_file_leaves_open_are_named_by_input(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [node("Relu", "x", "y")], [None, 2, "weird name!"])
    assert 'x = ["N", 2, "weird_name"]' in import_source(str(path)).text
    assert 'x = ["B", 2, 5]' in import_source(str(path), ["x=B,2,5"]).text
    with pytest.raises(graphspec.GraphspecError, match="fixes at 2"):
        import_source(str(path), ["x=B,3,5"])


@pytest.mark.parametrize(
    "spec",
    [
        "digits",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (
                "fashion_cnn", "linear_regression", "zoo/lenet5", "zoo/unet", "zoo/lstm_classifier", "zoo/two_towers",
                "zoo/resnet18",
            )
        ),
    ],
)  # fmt: skip
def test_a_file_that_graphspec_exported_comes_back(spec: str, tmp_path: Path) -> None:
    network = graphspec.load(SPECS / f"{spec}.toml")
    write_onnx(capture(network.copy()), tmp_path / "net.onnx", 20, {})
    imported = import_source(str(tmp_path / "net.onnx"))
    assert imported.network.shaped.parameter_count == network.shaped.parameter_count
    assert [*imported.network.shaped.inputs] == [*network.shaped.inputs]
    assert [*imported.network.shaped.outputs] == [*network.shaped.outputs]
