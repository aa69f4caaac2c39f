"""Files of ``graphspec import``: every ONNX file of ``hostile_onnx.py``, and ``.pt2`` files that no export writes."""

# ruff: noqa: E501 - tables
from __future__ import annotations

import functools
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drive import Case
from hostile_arrays import odd_files
from hostile_onnx import beside, files

Program = dict[str, Any]


@functools.cache
def good() -> bytes:
    """The ``.pt2`` of a Linear and a ReLU, with an open batch."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x).relu()

    dims = {"x": {0: torch.export.Dim("N")}}
    program = torch.export.export(Net().eval(), (torch.zeros(2, 4),), dynamic_shapes=dims)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def entries() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(good())) as file:
        return {name: file.read(name) for name in file.namelist()}


def archive(found: dict[str, bytes], packed: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as file:
        for name, data in found.items():
            file.writestr(name, data)
    return buffer.getvalue()


def entry(end: str, data: bytes | Callable[[bytes], bytes] | None, packed: int = zipfile.ZIP_STORED) -> bytes:
    """The good file with the record whose name ends so replaced, or left out."""
    found = entries()
    name = next(name for name in found if name.endswith(end))
    if data is None:
        del found[name]
    else:
        found[name] = data(found[name]) if callable(data) else data
    return archive(found, packed)


def told(change: Callable[[Program], object]) -> bytes:
    """The good file with its program changed."""

    def edit(text: bytes) -> bytes:
        program = json.loads(text)
        change(program)
        return json.dumps(program).encode()

    return entry("models/model.json", edit)


def weights(change: Callable[[Program], object]) -> bytes:
    def edit(text: bytes) -> bytes:
        config = json.loads(text)
        change(config["config"]["fc.weight"])
        return json.dumps(config).encode()

    return entry("model_weights_config.json", edit)


def wide(count: int) -> bytes:
    """So many more buffers that share the four bytes of one, each 64 MiB by its shape."""

    def edit(text: bytes) -> bytes:
        config = json.loads(text)
        for number in range(count):
            entry = json.loads(json.dumps(config["config"]["fc.weight"])) | {"is_param": False}
            entry["tensor_meta"].update(sizes=[{"as_int": 2**12}] * 2, strides=[{"as_int": 0}] * 2)
            config["config"][f"w{number}"] = entry
        return json.dumps(config).encode()

    return entry("model_weights_config.json", edit)


def twice(end: str, data: bytes) -> bytes:
    """The good file with another record of that name in front of the right one."""
    found = entries()
    name = next(name for name in found if name.endswith(end))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each, text in [(name, data), *found.items()]:
            file.writestr(each, text)
    return buffer.getvalue()


def record(end: str, whole: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        return file.read(next(name for name in file.namelist() if name.endswith(end)))


def unheld(sizes: int) -> bytes:
    """The good file with a weight that claims so many numbers, of which its record has none: torch makes zeros."""
    found = entries()
    name = next(name for name in found if name.endswith("model_weights_config.json"))
    config = json.loads(found[name])
    config["config"]["fc.weight"]["tensor_meta"]["sizes"] = [{"as_int": sizes}, {"as_int": 4}]
    empty = next(name for name in found if name.endswith("weight_0"))
    return archive(found | {name: json.dumps(config).encode(), empty: b""})


def graph(program: Program) -> Program:
    found: Program = program["graph_module"]["graph"]
    return found


def chained(program: Program, count: int, target: str = "torch.ops.aten.relu.default") -> None:
    """`count` more nodes, one behind the other."""
    own = graph(program)
    before = "relu"
    for k in range(count):
        node = json.loads(json.dumps(own["nodes"][1]))
        node["target"], node["name"] = target, f"r{k}"
        node["inputs"][0]["arg"]["as_tensor"]["name"] = before
        node["outputs"][0]["as_tensor"]["name"] = before = f"r{k}"
        own["nodes"].append(node)
        own["tensor_values"][before] = own["tensor_values"]["relu"]
    own["outputs"][0]["as_tensor"]["name"] = before
    program["graph_module"]["signature"]["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"] = before


def filled(size: int) -> Callable[[Program], None]:
    """A node that makes a tensor of so many numbers, added to the result."""

    def change(program: Program) -> None:
        own = graph(program)
        full = json.loads(json.dumps(own["nodes"][1]))
        full["target"], full["name"] = "torch.ops.aten.full.default", "big"
        full["inputs"] = [
            {"name": "size", "arg": {"as_ints": [size]}, "kind": 1}, {"name": "fill_value", "arg": {"as_float": 1.0}, "kind": 1},
        ]  # fmt: skip
        full["outputs"] = [{"as_tensor": {"name": "big"}}]
        own["nodes"].insert(0, full)
        meta = json.loads(json.dumps(own["tensor_values"]["p_fc_bias"]))
        meta["sizes"] = [{"as_int": size}]
        own["tensor_values"]["big"] = meta

    return change


def node(**fields: Any) -> Callable[[Program], None]:
    return lambda program: graph(program)["nodes"][1].update(fields)


def sized(value: str, *sizes: Any) -> Callable[[Program], None]:
    return lambda program: graph(program)["tensor_values"][value].update(sizes=[{"as_int": size} for size in sizes])


def symbol(text: str) -> Callable[[Program], None]:
    def change(program: Program) -> None:
        for value in graph(program)["tensor_values"].values():
            for size in value["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = text

    return change


def nested(depth: int) -> bytes:
    return b'{"graph_module":' + b"[" * depth + b"]" * depth + b"}"


def programs() -> dict[str, Callable[[], bytes]]:
    """By name."""
    bomb = bytes(3 << 30)
    ops = {
        "system": "os.system", "eval": "builtins.eval", "exec": "torch.ops.aten.exec.default", "no op": "torch.ops.aten.zzz.default", "no overload": "torch.ops.aten.relu.zzz",
        "a module": "torch.hub.load", "dunder": "torch.__class__.__mro__", "escape op": "torch.ops.aten.\x1b[2J.default", "empty op": "", "long op": "torch.ops.aten." + "a" * 100_000, "operator": "operator.getitem",
        "from_file": "torch.ops.aten.from_file.default", "hop": "torch.ops.higher_order.cond", "_sym": "math.exp", "in place": "torch.ops.aten.relu_.default",
        "another arity": "torch.ops.aten.addmm.default", "rand": "torch.ops.aten.rand_like.default", "wait": "torch.ops.aten._cudnn_init_dropout_state.default",
    }  # fmt: skip
    symbols = [
        "1/0",
        "Symbol('s77')/0",
        "__import__('os').system('touch pwned')",
        "Symbol('s77')**Symbol('s77')",
        "9**9**9",
        "Symbol('a b')",
        "(" * 500 + "1" + ")" * 500,
        "\x1b[2J",
        "",
        "Symbol('s77', positive=True)*" + "9" * 5000,
        "factorial(10**8)",
        "Integer(2)**(10**10)",
    ]
    found: dict[str, Callable[[], bytes]] = {
        "good": good,
        **{f"cut {n}": lambda n=n: good()[: len(good()) * n // 6] for n in range(6)},
        **{f"flip {n}": lambda n=n: flipped(n * 997) for n in range(12)},
        **{f"without {name}": lambda name=name: entry(name, None) for name in ("models/model.json", "weight_0", "model_weights_config.json", "model_constants_config.json", "sample_inputs/model.pt", "archive_format", "archive_version", ".data/version", "byteorder")},
        **{f"empty {name}": lambda name=name: entry(name, b"") for name in ("models/model.json", "weight_0", "model_weights_config.json", "model_constants_config.json", "sample_inputs/model.pt", "archive_format", "archive_version")},
        **{f"op {name}": lambda op=op: told(node(target=op)) for name, op in ops.items()},
        **{f"symbol {text[:20]!a}": lambda text=text: told(symbol(text)) for text in symbols},
        **{f"json {name}": lambda text=text: entry("models/model.json", text) for name, text in {"null": b"null", "list": b"[]", "number": b"1", "text": b"\xff\xfe", "deep": nested(90_000), "deeper": nested(400), "digits": b"1" * 100_000, "NaN": b"NaN", "object": b"{}"}.items()},
        **{f"sizes {sizes}": lambda sizes=sizes: told(sized("p_fc_weight", *sizes)) for sizes in ((2**40, 4), (-1, 4), (0, 4), (3, 4, 1), (3,), (4, 3), (2**63, 1))},
        **{f"input sizes {sizes}": lambda sizes=sizes: told(sized("x", *sizes)) for sizes in ((2**40, 4), (2, 2**31), (0, 4), (-1, 4), (2, 4, 1), (2,))},
        **{f"weights {name}": lambda change=change: weights(change) for name, change in {
            "path up": lambda w: w.update(path_name="../../../secret"), "path absolute": lambda w: w.update(path_name="/etc/passwd"), "pickled": lambda w: w.update(use_pickle=True), "no param": lambda w: w.update(is_param=False),
            "huge": lambda w: w["tensor_meta"].update(sizes=[{"as_int": 2**34}, {"as_int": 4}]), "dtype": lambda w: w["tensor_meta"].update(dtype=99), "strides": lambda w: w["tensor_meta"].update(strides=[{"as_int": 2**40}, {"as_int": 1}]),
            "overlapping": lambda w: w["tensor_meta"].update(strides=[{"as_int": 0}, {"as_int": 0}], sizes=[{"as_int": 2**20}, {"as_int": 2**20}]), "offset": lambda w: w["tensor_meta"].update(storage_offset={"as_int": 10**9}), "device": lambda w: w["tensor_meta"].update(device={"type": "cuda", "index": 7}),
            "no meta": lambda w: w.pop("tensor_meta"),
        }.items()},
        **{f"told {name}": lambda change=change: told(change) for name, change in {
            "100 more": lambda p: chained(p, 100), "3,000 more": lambda p: chained(p, 3000), "12,000 more": lambda p: chained(p, 12_000), "8 GB": filled(2_000_000_000), "10^18": filled(10**18), "negative": filled(-5),
            "no nodes": lambda p: graph(p).update(nodes=[]), "no inputs": lambda p: graph(p).update(inputs=[]), "no outputs": lambda p: graph(p).update(outputs=[]), "a circle": lambda p: graph(p)["nodes"][0]["inputs"][0]["arg"]["as_tensor"].update(name="relu"),
            "an unknown value": lambda p: graph(p)["nodes"][1]["inputs"][0]["arg"]["as_tensor"].update(name="zz"), "a name twice": lambda p: graph(p)["nodes"][1]["outputs"][0]["as_tensor"].update(name="linear"),
            "names of Python": lambda p: renamed(p, "x", "class"), "escape names": lambda p: renamed(p, "x", "\x1b[2J"), "long names": lambda p: renamed(p, "x", "a" * 100_000), "code in names": lambda p: renamed(p, "x", "x): import os #"),
            "stack": lambda p: graph(p)["nodes"][1]["metadata"].update(nn_module_stack="\x1b[2J;;,,,"), "deep stack": lambda p: graph(p)["nodes"][1]["metadata"].update(nn_module_stack=";".join(f"k{n},{'.'.join(['a'] * n)},m" for n in range(1, 300))),
            "odd path": lambda p: graph(p)["nodes"][1]["metadata"].update(nn_module_stack="k,../../etc,__main__.M;k2,forward,os.system"), "schema 99": lambda p: p.update(schema_version={"major": 99, "minor": 0}), "opset 99": lambda p: p.update(opset_version={"aten": 99}),
            "a range turned": lambda p: p["range_constraints"]["s77"].update(min_val=10, max_val=2), "a far range": lambda p: p["range_constraints"]["s77"].update(min_val=2**62, max_val=2**63 - 1), "a range of text": lambda p: p["range_constraints"]["s77"].update(min_val="x"), "from 10^9": lambda p: p["range_constraints"]["s77"].update(min_val=10**9),
            "guards": lambda p: p.update(guards_code=["__import__('os').system('touch pwned')"]), "verifiers": lambda p: p.update(verifiers=["zz"]), "spec": lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(in_spec="[99, 0]"),
            "spec of os": lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(out_spec='[1, {"type": "os.system", "context": "\\"id\\"", "children_spec": []}]'), "deep spec": lambda p: p["graph_module"]["module_call_graph"][0]["signature"].update(out_spec="[1, " + '{"type": "builtins.list", "context": "null", "children_spec": [' * 3000 + '{"type": null, "context": null, "children_spec": []}' + "]}" * 3000 + "]"),
            "10,000 inputs": lambda p: graph(p)["inputs"].extend({"as_tensor": {"name": "x"}} for _ in range(10_000)), "an input of ints": lambda p: graph(p)["inputs"].append({"as_int": 5}), "dtype 0": lambda p: graph(p)["tensor_values"]["x"].update(dtype=0), "dtype complex": lambda p: graph(p)["tensor_values"]["x"].update(dtype=10),
            "sparse": lambda p: graph(p)["tensor_values"]["x"].update(layout=1), "on meta": lambda p: graph(p)["tensor_values"]["x"].update(device={"type": "meta", "index": None}), "mutated": lambda p: p["graph_module"]["signature"]["output_specs"].append({"buffer_mutation": {"arg": {"name": "relu"}, "buffer_name": "zz"}}),
        }.items()},
        **{f"{count} wide tensors": lambda count=count: wide(count) for count in (3, 5, 100, 3000)}, **{f"zeros for {size} rows": lambda size=size: unheld(size) for size in (10**6, 10**9, 10**12)},
        "another program in front": lambda: twice("models/model.json", b"{}"), "weights in front": lambda: twice("weight_0", bytes(48)), "sizes in front": lambda: twice("models/model.json", record("models/model.json", told(symbol("Integer(2)**(10**10)")))),
        "a bomb of weights": lambda: entry("weight_0", bomb, zipfile.ZIP_DEFLATED), "a bomb of JSON": lambda: entry("models/model.json", b"[" + b" " * (1 << 30) + b"]", zipfile.ZIP_DEFLATED), "a bomb beside": lambda: archive(entries() | {"good/extra/bomb": bomb}, zipfile.ZIP_DEFLATED),
        "40,000 entries": lambda: archive(entries() | {f"good/extra/{n}": b"" for n in range(40_000)}), "an entry up": lambda: archive(entries() | {"../../pwned": b"x"}), "an absolute entry": lambda: archive(entries() | {"/tmp/pwned-by-import": b"x"}), "an entry of a long name": lambda: archive(entries() | {"a" * 60_000: b"x"}),
        "a pickle that runs": lambda: entry("sample_inputs/model.pt", b"cos\nsystem\n(S'touch pwned'\ntR."), "another zip": lambda: archive({"a/b": b"x"}), "no zip": lambda: b"PK\x03\x04" + bytes(100), "empty": lambda: b"", "text": lambda: b"graphspec = 1\n", "a state_dict": state,
    }  # fmt: skip
    return found


def state() -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, buffer)
    return buffer.getvalue()


def renamed(program: Program, old: str, new: str) -> None:
    text = (
        json.dumps(program)
        .replace(f'"name": "{old}"', f'"name": {json.dumps(new)}')
        .replace(f'"{old}": {{"dtype"', f'{json.dumps(new)}: {{"dtype"')
    )
    program.clear()
    program.update(json.loads(text))


def flipped(place: int) -> bytes:
    data = bytearray(good())
    data[place % len(data)] ^= 0x40
    return bytes(data)


def imports() -> Iterator[Case]:
    """Every file by ``import``; a hostile one may take as long as a worker's imports take."""
    for name, made in files().items():
        yield Case(
            f"import onnx {name}",
            ("import", "m.onnx", "-o", "n.toml"),
            lambda made=made: (Path("m.onnx").write_bytes(made()), beside()),
            (0, 1),
            40.0,
        )
    for name, made in programs().items():
        yield Case(
            f"import pt2 {name}",
            ("import", "m.pt2", "-o", "n.toml"),
            lambda made=made: Path("m.pt2").write_bytes(made()),
            (0, 1),
            40.0,
        )
    for suffix in ("onnx", "pt2"):
        for name, make in odd_files(f"m.{suffix}").items():
            yield Case(f"import {suffix}, a {name}", ("import", f"m.{suffix}", "-o", "n.toml"), make, (1,), 40.0)
        yield Case(
            f"import {suffix}, a link to itself",
            ("import", f"m.{suffix}", "-o", "n.toml"),
            lambda suffix=suffix: os.symlink(f"m.{suffix}", f"m.{suffix}"),
            (1,),
            40.0,
        )
