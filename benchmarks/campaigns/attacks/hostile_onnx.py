"""ONNX files that no exporter would write, given to ``verify --against``, and as an export's own to verify and predict."""

# ruff: noqa: E501 - tables, and files that stay open
from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from drive import Case
from hostile_arrays import base, odd_files
from hostile_files import seal


def network(
    nodes: Any = None, inits: Any = (), outputs: Any = None, functions: Any = (), opset: int = 20, inputs: Any = None
) -> Any:
    """The model of a Linear from image to output, or another."""
    import onnx
    from onnx import TensorProto, numpy_helper
    from onnx import helper as h

    plain = [h.make_node("Flatten", ["image"], ["flat"], axis=1), h.make_node("MatMul", ["flat", "w"], ["output"])]
    weights = [("w", np.zeros((64, 10), np.float32)), *inits]
    graph = h.make_graph(
        plain if nodes is None else nodes, "g",
        inputs or [h.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        outputs or [h.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights],
    )  # fmt: skip
    domains = [h.make_opsetid("", opset), *([h.make_opsetid("f", 1)] if functions else [])]
    return onnx.helper.make_model(graph, opset_imports=domains, ir_version=10, functions=list(functions))


def functions(depth: int, calls: int, circle: bool = False) -> Any:
    """Local functions, each of which calls the one before it `calls` times."""
    from onnx import helper as h

    domains = [h.make_opsetid("", 20), h.make_opsetid("f", 1)]
    made = []
    for level in range(depth):
        callee, domain = (f"f{level - 1}", "f") if level else (("f0", "f") if circle else ("Neg", ""))
        chain = ["x", *(f"t{k}" for k in range(calls - 1)), "y"]
        body = [h.make_node(callee, [a], [b], domain=domain) for a, b in itertools.pairwise(chain)]
        made.append(h.make_function("f", f"f{level}", ["x"], ["y"], body, domains))
    return network(after(h.make_node(f"f{depth - 1}", ["mm"], ["output"], domain="f")), functions=made)


def after(*nodes: Any) -> list[Any]:
    """The Linear, whose result is ``mm``, and nodes behind it."""
    from onnx import helper as h

    return [h.make_node("Flatten", ["image"], ["flat"], axis=1), h.make_node("MatMul", ["flat", "w"], ["mm"]), *nodes]


def changed(change: Callable[[Any], object]) -> Callable[[], bytes]:
    def make() -> bytes:
        model = network()
        change(model)
        return bytes(model.SerializeToString())

    return make


def chain(count: int, reverse: bool = False) -> bytes:
    from onnx import helper as h

    names = ["mm", *(f"c{n}" for n in range(count - 1)), "output"]
    nodes = [h.make_node("Neg", [a], [b]) for a, b in itertools.pairwise(names)]
    return bytes(network(after(*(reversed(nodes) if reverse else nodes))).SerializeToString())


def external(location: str, **more: str) -> Callable[[], bytes]:
    def change(model: Any) -> None:
        from onnx import TensorProto

        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    return changed(change)


def nested(depth: int) -> bytes:
    from onnx import TensorProto
    from onnx import helper as h

    value = h.make_tensor_value_info
    body = h.make_graph([h.make_node("Identity", ["mm"], ["o"])], "b", [], [value("o", TensorProto.FLOAT, None)])
    for level in range(depth):
        node = h.make_node("If", ["yes"], [f"o{level}"], then_branch=body, else_branch=body)
        body = h.make_graph([node], "b", [], [value(f"o{level}", TensorProto.FLOAT, None)])
    node = h.make_node("If", ["yes"], ["output"], then_branch=body, else_branch=body)
    return bytes(network(after(node), [("yes", np.bool_(True))]).SerializeToString())


def files() -> dict[str, Callable[[], bytes]]:
    """By name."""
    from onnx import TensorProto
    from onnx import helper as h

    def of(*nodes: Any, inits: Any = (), **how: Any) -> Callable[[], bytes]:
        return lambda: bytes(network(after(*nodes), inits, **how).SerializeToString())

    def first(**fields: Any) -> Callable[[], bytes]:
        def change(model: Any) -> None:
            tensor = model.graph.initializer[0]
            for key, value in fields.items():
                if isinstance(value, list):
                    del getattr(tensor, key)[:]
                    getattr(tensor, key).extend(value)
                else:
                    setattr(tensor, key, value)

        return changed(change)

    node, good = h.make_node, bytes(network().SerializeToString())
    big = [
        node("ConstantOfShape", ["n"], ["big"]),
        node("ReduceSum", ["big"], ["r"], keepdims=0),
        node("Add", ["mm", "r"], ["output"]),
    ]
    found: dict[str, Callable[[], bytes]] = {
        "good": lambda: good, "functions 12^10": lambda: functions(10, 12).SerializeToString(), "function of itself": lambda: functions(1, 1, True).SerializeToString(),
        "functions in a circle": lambda: circle(), "functions 400 deep": lambda: functions(400, 1).SerializeToString(), "chain 30,000": lambda: chain(30_000), "chain 6,000 reversed": lambda: chain(6000, True),
        "if 6": lambda: nested(6), "cycle": of(node("Add", ["mm", "b"], ["a"]), node("Neg", ["a"], ["b"]), node("Neg", ["b"], ["output"])), "itself": of(node("Add", ["mm", "output"], ["output"])),
        "8e9 floats": of(*big, inits=[("n", [8_000_000_000])]), "expand": of(node("Expand", ["mm", "n"], ["e"]), node("ReduceMax", ["e", "ax"], ["output"], keepdims=0), inits=[("n", [100_000_000, 1, 1]), ("ax", [0])]),
        "tile": of(node("Tile", ["mm", "n"], ["e"]), node("Slice", ["e", "z", "t"], ["output"]), inits=[("n", [10**9, 1]), ("z", [0]), ("t", [1])]), "range": of(node("Range", ["a", "b", "c"], ["e"]), node("ReduceSum", ["e"], ["r"], keepdims=0), node("Cast", ["r"], ["f"], to=1), node("Add", ["mm", "f"], ["output"]), inits=[("a", np.int64(0)), ("b", np.int64(10**10)), ("c", np.int64(1))]),
        "pad": of(node("Pad", ["mm", "p"], ["e"]), node("ReduceSum", ["e"], ["r"], keepdims=0), node("Add", ["mm", "r"], ["output"]), inits=[("p", [0, 0, 10**6, 10**6])]), "one hot": of(node("ArgMax", ["mm"], ["i"]), node("OneHot", ["i", "d", "v"], ["e"]), node("ReduceSum", ["e"], ["r"], keepdims=0), node("Add", ["mm", "r"], ["output"]), inits=[("d", np.int64(10**10)), ("v", np.array([0, 1], np.float32))]),
        "resize": of(node("Unsqueeze", ["mm", "a"], ["u"]), node("Resize", ["u", "", "s"], ["e"]), node("ReduceSum", ["e"], ["r"], keepdims=0), node("Add", ["mm", "r"], ["output"]), inits=[("a", [0, 1]), ("s", np.array([1, 1, 1e5, 1e5], np.float32))]),
        "loop": lambda: loop(2**62), "loop that grows": lambda: loop(10**7, grows=True), "random": of(node("RandomNormalLike", ["mm"], ["output"])), "random, huge": of(node("RandomNormal", [], ["e"], shape=[10**10]), node("ReduceSum", ["e"], ["r"], keepdims=0), node("Add", ["mm", "r"], ["output"])),
        "string": of(node("Cast", ["mm"], ["s"], to=8), node("Cast", ["s"], ["output"], to=1)), "long string": of(node("StringConcat", ["a", "a"], ["output"]), inits=[("a", np.array(["x" * 1000], object))]), "no nodes": changed(lambda m: m.graph.ClearField("node")), "no graph": changed(lambda m: m.ClearField("graph")),
        "no opset": changed(lambda m: m.ClearField("opset_import")), "opset 10^9": changed(lambda m: setattr(m.opset_import[0], "version", 10**9)), "opset -1": changed(lambda m: setattr(m.opset_import[0], "version", -1)), "opset 1": changed(lambda m: setattr(m.opset_import[0], "version", 1)), "ir 0": changed(lambda m: setattr(m, "ir_version", 0)), "ir 10^9": changed(lambda m: setattr(m, "ir_version", 10**9)),
        "no inputs": changed(lambda m: m.graph.ClearField("input")), "no outputs": changed(lambda m: m.graph.ClearField("output")), "two outputs": changed(lambda m: m.graph.output.append(m.graph.output[0])), "input of no type": changed(lambda m: m.graph.input[0].ClearField("type")), "escape names": changed(lambda m: setattr(m.graph.input[0], "name", "\x1b[2J\u202e")),
        "escape op": of(node("\x1b[2JNeg", ["mm"], ["output"])), "escape domain": of(node("Neg", ["mm"], ["output"], domain="\x1b[2J")), "escape node": of(node("Neg", ["mm"], ["output"], name="\x1b[2J")), "escape dim": changed(lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_param", "\x1b[2J\x9b")),
        "escape metadata": changed(lambda m: m.metadata_props.add(key="\x1b[2J", value="\x9b")), "escape producer": changed(lambda m: setattr(m, "producer_name", "\x1b[2J")), "dims 2^60": first(dims=[2**60, 10]), "dims negative": first(dims=[-64, -10]), "dims overflow": first(dims=[2**32, 2**32]), "dims none": first(dims=[]), "dims many": first(dims=[1] * 1000 + [64, 10]),
        "raw cut": first(raw_data=b"abc"), "dtype 99": first(data_type=99), "dtype 0": first(data_type=0), "dtype string": first(data_type=8), "dtype int4": first(data_type=22), "dtype double": first(data_type=11), "no name": first(name=""), "twice the name": changed(lambda m: m.graph.initializer.append(m.graph.initializer[0])), "nan": first(raw_data=np.full(640, np.nan, np.float32).tobytes()),
        "both": first(float_data=[1.0] * 640), "sparse tensor": changed(sparse), "constant of two": of(node("Constant", [], ["c"], value_float=1.0, value_int=1), node("Add", ["mm", "c"], ["output"])), "constant of none": of(node("Constant", [], ["c"]), node("Add", ["mm", "c"], ["output"])), "constant strings": of(node("Constant", [], ["c"], value_strings=["a"]), node("Neg", ["mm"], ["output"])),
        "no input": of(node("Neg", [], ["output"])), "unknown input": of(node("Neg", ["zz"], ["output"])), "no output": of(node("Neg", ["mm"], [])), "outputs twice": of(node("Neg", ["mm"], ["output"]), node("Abs", ["mm"], ["output"])), "input empty": of(node("Add", ["mm", ""], ["output"])), "attribute wrong": of(node("Softmax", ["mm"], ["output"], axis="x")), "axis 99": of(node("Softmax", ["mm"], ["output"], axis=99)), "axes -99": of(node("Unsqueeze", ["mm", "a"], ["output"]), inits=[("a", [-99])]),
        "squeeze float axes": of(node("Squeeze", ["mm", "a"], ["output"]), inits=[("a", np.float32(1))]), "reshape 0": of(node("Reshape", ["mm", "a"], ["output"]), inits=[("a", [0, 0, 0, 0, 0])]), "transpose": of(node("Transpose", ["mm"], ["output"], perm=[0, 0])), "gemm 3-d": of(node("Gemm", ["image", "w"], ["output"])), "conv of nothing": of(node("Conv", ["image", "w"], ["output"])), "scalar weight": of(node("Add", ["mm", "s"], ["output"]), inits=[("s", np.float32(1e38))]),
        "gather far": of(node("Gather", ["mm", "i"], ["output"]), inits=[("i", np.array([10**9]))]), "div 0": of(node("Cast", ["mm"], ["i"], to=7), node("Div", ["i", "z"], ["d"]), node("Cast", ["d"], ["output"], to=1), inits=[("z", np.int64(0))]), "mod 0": of(node("Cast", ["mm"], ["i"], to=7), node("Mod", ["i", "z"], ["d"]), node("Cast", ["d"], ["output"], to=1), inits=[("z", np.int64(0))]),
        "inputs 5,000": changed(lambda m: m.graph.input.extend([h.make_tensor_value_info(f"i{k}", TensorProto.FLOAT, [1]) for k in range(5000)])), "training": changed(lambda m: m.training_info.add()), "dim -1": changed(lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", -1)), "zeros": lambda: bytes(10_000), "varints": lambda: b"\xff" * 10_000, "nothing": lambda: b"",
        "4 GB field": lambda: b"\x3a\xff\xff\xff\xff\x0f", "groups": lambda: b"\x3b" * 50_000, "deep message": lambda: deep(), "html": lambda: b"<html>", **{f"cut {n}": lambda n=n: good[: len(good) * n // 6] for n in range(1, 6)}, **{f"flip {n}": lambda n=n: good[: 200 * n // 12] + bytes([good[200 * n // 12] ^ 0xFF]) + good[200 * n // 12 + 1 :] for n in range(12)},
    }  # fmt: skip
    places = {"up": "../secret.bin", "absolute": "/etc/passwd", "device": "/dev/zero", "fifo": "fifo", "link": "link", "folder": ".", "empty": "", "missing": "no.bin", "self": "model.onnx", "long": "a" * 5000, "escape": "\x1b[2J", "nul": "a\0b", "slash": "x/../../secret.bin", "url": "http://127.0.0.1:9/a"}  # fmt: skip
    found |= {f"external {name}": external(place) for name, place in places.items()}
    lies = {
        "offset": "99999999999",
        "offset ": "-1",
        "offset  ": "x",
        "length": "99999999999",
        "length ": "-1",
        "length  ": "1",
        "checksum": "\x1b[2J",
    }
    return found | {
        f"external lies {key}={value!a}": external("data.bin", **{key.strip(): value}) for key, value in lies.items()
    }


def circle() -> bytes:
    model = functions(3, 1)
    model.functions[0].node[0].op_type, model.functions[0].node[0].domain = "f2", "f"
    return bytes(model.SerializeToString())


def sparse(model: Any) -> None:
    from onnx import TensorProto
    from onnx import helper as h

    values = h.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    model.graph.sparse_initializer.append(
        h.make_sparse_tensor(values, h.make_tensor("i", TensorProto.INT64, [1], [0]), [2**31, 2**31])
    )
    model.graph.ClearField("initializer")


def deep() -> bytes:
    """Graphs inside nodes inside graphs, as bytes: protobuf's own limit is 100."""
    message = b""
    for _ in range(400):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            size, length = len(message), b""
            while True:
                length += bytes([size & 127 | (128 if size > 127 else 0)])
                size >>= 7
                if not size:
                    break
            message = tag + length + message
    return message


def loop(rounds: int, grows: bool = False) -> bytes:
    from onnx import TensorProto
    from onnx import helper as h

    value = h.make_tensor_value_info
    step = h.make_node("Concat", ["a", "a"], ["b"], axis=0) if grows else h.make_node("Sin", ["a"], ["b"])
    body = h.make_graph(
        [h.make_node("Identity", ["go"], ["go_on"]), step], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("a", TensorProto.FLOAT, None)],
        [value("go_on", TensorProto.BOOL, []), value("b", TensorProto.FLOAT, None)],
    )  # fmt: skip
    node = h.make_node("Loop", ["rounds", "yes", "mm"], ["output"], body=body)
    return bytes(network(after(node), [("rounds", np.int64(rounds)), ("yes", np.bool_(True))]).SerializeToString())


def beside() -> None:
    """What external data may lead to."""
    Path("data.bin").write_bytes(bytes(2560))
    Path("../secret.bin").write_bytes(bytes(2560))
    os.mkfifo("fifo")
    os.symlink("/etc/passwd", "link")


def models() -> Iterator[Case]:
    """Every file given to ``--against``; every one in the place of an export's own to verify or predict, in turn."""
    exp = str(base("exp"))

    def alone(made: Callable[[], bytes]) -> None:
        Path("m.onnx").write_bytes(made())
        beside()

    def inside(made: Callable[[], bytes]) -> None:
        shutil.copytree(exp, "e")
        Path("e/model.onnx").write_bytes(made())
        Path("e/data.bin").write_bytes(bytes(2560))
        Path("secret.bin").write_bytes(bytes(2560))
        seal(Path("e"))

    for n, (name, made) in enumerate(files().items()):
        yield Case(f"against {name}", ("verify", "m.onnx", "--against", exp), lambda made=made: alone(made))
        command = ("verify", "e") if n % 2 else ("predict", "e")
        yield Case(f"{command[0]} {name}", command, lambda made=made: inside(made))
    for name, make in odd_files("m.onnx").items():
        yield Case(f"against a {name}", ("verify", "m.onnx", "--against", exp), make, (1, 3))
