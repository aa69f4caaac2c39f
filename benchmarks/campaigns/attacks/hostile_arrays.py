"""Data and weights that lie: tables, arrays, pictures, .safetensors and .pt files."""

# ruff: noqa: E501 - tables, and files that stay open
from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from drive import Case
from hostile_files import HEAD, IMAGES, TABLE

NPZ = (
    HEAD
    + """[layers]
o = { type = "Linear", out_features = 3 }
[data]
dataset = { type = "npz", file = "d.npz" }
root = "."
batch_size = 4
[train]
epochs = 1
engine = "eager"
"""
)


def base(name: str) -> Path:
    """What :func:`hostile_files.base` made."""
    return Path(os.environ["GRAPHSPEC_ATTACKS"], "base", name)


def odd_files(path: str) -> dict[str, Callable[[], object]]:
    """By name: what is no regular file, or none of its kind, at `path`."""
    return {
        "missing": lambda: None,
        "empty": lambda: Path(path).write_bytes(b""),
        "byte": lambda: Path(path).write_bytes(b"\0"),
        "folder": lambda: Path(path).mkdir(),
        "fifo": lambda: os.mkfifo(path),
        "zero": lambda: os.symlink("/dev/zero", path),
        "tty": lambda: os.symlink("/dev/tty", path),
        "loop": lambda: os.symlink(path, path),
        "dangling": lambda: os.symlink("nowhere", path),
        "secret": lambda: os.symlink("/etc/passwd", path),
        "sparse": lambda: sparse(path, 40 << 30),
        "noise": lambda: Path(path).write_bytes(np.random.RandomState(0).bytes(5000)),
        "text": lambda: Path(path).write_text("hello\x1b[2J\u202e\n" * 100),
        "socket": lambda: make_socket(path),
    }


def make_socket(path: str) -> None:
    import socket

    socket.socket(socket.AF_UNIX).bind(path)


def sparse(path: str, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


def written(text: str, **files: bytes | str | Callable[[], object]) -> Callable[[], object]:
    """x.toml, and files: d_csv stands for d.csv."""

    def make() -> None:
        Path("x.toml").write_text(text)
        for name, content in files.items():
            path = Path(name.replace("_", "."))
            if callable(content):
                content()
            elif isinstance(content, str):
                path.write_bytes(content.encode(errors="surrogateescape"))
            else:
                path.write_bytes(content)

    return make


CSV: dict[str, str | bytes] = {
    "good": "a,b,y\n" + "1,2,p\n3,4,q\n" * 10, "header only": "a,b,y\n", "no header": "1,2,3\n" * 10, "ragged": "a,b,y\n1,2\n" + "1,2,p\n" * 9,
    "twice": "a,a,y\n" + "1,2,p\n" * 9, "empty name": ",b,y\n" + "1,2,p\n" * 9, "escape names": "\x1b[2J,\u202eb,y\n" + "1,2,p\n3,4,q\n" * 9,
    "escape cells": "a,b,y\n" + "1,\x1b[2J,\x9bp\n3,4,q\u202e\n" * 9, "nul": "a,b,y\n" + "1,\0,p\n" * 9, "latin": b"a,b,y\n1,\xe4,p\n" * 9,
    "utf16": ("a,b,y\n" + "1,2,p\n" * 9).encode("utf-16"), "bom": "\ufeffa,b,y\n" + "1,2,p\n3,4,q\n" * 9, "quote": 'a,b,y\n"1,2,p\n' * 9,
    "huge field": "a,b,y\n" + "1," + "x" * 500_000 + ",p\n", "huge number": "a,b,y\n" + "1e999,2,p\n" + "1,2,q\n" * 9,
    "digits": "a,b,y\n" + "9" * 5000 + ",2,p\n" + "1,2,q\n" * 9, "nan": "a,b,y\n" + "nan,2,p\n1,inf,q\n" * 9, "one class": "a,b,y\n" + "1,2,p\n" * 9,
    "float target": "a,b,y\n" + "1,2,1.5\n" * 20, "big target": "a,b,y\n" + "1,2,99999999999999999999\n" * 20, "empty target": "a,b,y\n" + "1,2,\n3,4,q\n" * 9,
    "cr": "a,b,y\r" + "1,2,p\r3,4,q\r" * 9, "columns": ",".join(f"c{n}" for n in range(100_000)) + ",y\n" + ("1," * 100_000 + "p\n") * 3,
    "tabs": "a\tb\ty\n" + "1\t2\tp\n" * 9, "one row": "a,b,y\n1,2,p\n", "two rows": "a,b,y\n1,2,p\n3,4,q\n", "formula names": "a$^{,b,y\n" + "1,2,$x^{$\n3,4,$\\a$\n" * 9,
    "unlike": "a,b,y\n" + "1,2,p\n" * 9 + "x,2,q\n", "wide texts": "a,b,y\n" + "".join(f"{n}t,{n}u,{'pq'[n % 2]}\n" for n in range(4000)),
    "wider texts": "a,b,y\n" + "".join(f"{n}t,{n}u,{'pq'[n % 2]}\n" for n in range(9000)), "many classes": "a,b,y\n" + "".join(f"1,2,c{n}\n" for n in range(5000)),
    "lines": "a,b,y\n" + "\n" * 500_000, "under": "a,b,y\n" + "1_0,0x1,p\n" * 9, "control names": "a\n,b,y\n", "del": "a\x7f,b,y\n" + "1,2,p\n3,4,q\n" * 9,
}  # fmt: skip


def tables() -> Iterator[Case]:
    """CSV and Parquet, for train, data and predict."""
    spec = TABLE.replace("TYPE", "csv").replace("FILE", "d.csv")
    run = ("train", "x.toml", "--run", "r")
    for name, text in CSV.items():
        for command in (run, ("data", "x.toml", "--json")):
            yield Case(f"{command[0]} csv {name}", command, written(spec, d_csv=text))
        yield Case(f"predict csv {name}", ("predict", str(base("run-iris")), "d.csv"), written(spec, d_csv=text))
    for suffix in ("csv", "parquet", "npz"):
        text = NPZ if suffix == "npz" else TABLE.replace("TYPE", suffix).replace("FILE", f"d.{suffix}")
        for name, make in odd_files(f"d.{suffix}").items():
            yield Case(f"train {suffix} {name}", run, written(text, more=make), (1,))
    for suffix in ("csv", "parquet", "npy", "png", "JPG", "txt", "npz", ""):
        for name, make in odd_files(f"d.{suffix}").items():
            yield Case(
                f"predict .{suffix} {name}",
                ("predict", str(base("run-iris")), f"d.{suffix}"),
                written("", more=make),
                (1,),
            )
    for key, value in {"delimiter": "", "delimiter ": ",,", "delimiter  ": "\\n", "delimiter   ": "\u0661", "decimal": ",", "decimal ": "", "decimal  ": "1", "thousands": ".",
                       "thousands ": "12", "target": "z", "target ": "", "test_file": "../../etc/passwd", "test_file ": "d.csv", "test_file  ": "/dev/zero", "drop": "a"}.items():  # fmt: skip
        changed = (
            spec.replace('target = "y"', f'target = "{value}"')
            if key.strip() == "target"
            else spec.replace('target = "y"', f'target = "y", {key.strip()} = "{value}"')
        )
        yield Case(f"csv {key.strip()} = {value!r}", run, written(changed, d_csv=CSV["good"]))
    for name, make in parquets().items():
        yield Case(
            f"parquet {name}", run, written(TABLE.replace("TYPE", "parquet").replace("FILE", "d.parquet"), more=make)
        )


def parquets() -> dict[str, Callable[[], object]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def table(**columns: Any) -> Callable[[], object]:
        return lambda: pq.write_table(pa.table({"a": [1.0, 2.0] * 20, "y": ["p", "q"] * 20, **columns}), "d.parquet")

    def cut() -> None:
        table()()
        Path("d.parquet").write_bytes(Path("d.parquet").read_bytes()[:-20] + b"PAR1")

    def flipped(place: int) -> Callable[[], object]:
        def make() -> None:
            table()()
            content = bytearray(Path("d.parquet").read_bytes())
            content[int(len(content) * place / 40)] ^= 0xFF
            Path("d.parquet").write_bytes(content)

        return make

    rows = 40
    return {
        "good": table(b=[1] * rows), "nested": table(b=[[1]] * rows), "struct": table(b=[{"a": 1}] * rows), "null": table(b=pa.nulls(rows)),
        "dates": table(b=pa.array([0] * rows, pa.timestamp("s"))), "binary": table(b=[b"\0"] * rows), "half": table(b=pa.array(np.ones(rows, np.float16))),
        "decimal": table(b=pa.array([10**30] * rows, pa.decimal128(38, 0))), "uint64": table(b=pa.array([2**64 - 1] * rows, pa.uint64())),
        "escape name": table(**{"\x1b[2J": [1] * rows}), "escape": table(b=["\x1b[2J\x9b", "b"] * 20), "nans": table(b=[float("nan")] * rows),
        "nones": table(b=[None, 1] * 20), "all none": table(b=pa.array([None] * rows, pa.string())), "int dictionary": table(b=pa.array([1] * rows).dictionary_encode()),
        "bool dictionary": table(b=pa.array([True] * rows)), "cut": cut, "wide": table(**{f"c{n}": [1] * rows for n in range(3000)}),
        "no rows": lambda: pq.write_table(pa.table({"a": pa.array([], pa.float64()), "y": pa.array([], pa.string())}), "d.parquet"),
        "no columns": lambda: pq.write_table(pa.table({}), "d.parquet"), "view": table(b=pa.array(["a", "b"] * 20, pa.string_view())),
        "runs": table(b=pa.array(["a"] * rows, pa.large_string())), **{f"flip {place}": flipped(place) for place in range(0, 40, 2)},
    }  # fmt: skip


def header(
    shape: str, descr: str = "'<f4'", version: bytes = b"\x01\x00", fortran: str = "False", more: str = ""
) -> bytes:
    """The header of a .npy file, whatever it claims."""
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, {more}}}".encode()
    text += b" " * (64 - (len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text


def npy_files() -> dict[str, bytes]:
    zeros, rows = bytes(40 * 4 * 4), "(40, 4)"
    rest = {"shape": "(10**12,)", "huge": "(1000000000000, 4)", "negative": "(-1, 4)", "overflow": "(4611686018427387904, 4)", "text": "'a'", "none": "None",
            "float": "(1.5, 4)", "call": "__import__('os').system('x')", "zero": "(0, 4)", "scalar": "()", "dims": str((1,) * 70), "wrap": "(65536, 65536, 65536, 65536)", "bool": "(True, 4)"}  # fmt: skip
    kinds = {"object": "'|O'", "void": "'|V16'", "text": "'<U4'", "date": "'<M8[s]'", "complex": "'<c8'", "big": "'>f4'", "half": "'<f2'", "long": "'<f16'",
             "struct": "[('a', '<f4'), ('b', '|O')]", "nothing": "'V0'", "bool": "'|b1'", "int8": "'|i1'", "uint64": "'<u8'", "bad": "'zz'", "nested": str([("a", [("b", "<f4")])])}  # fmt: skip
    return {
        **{f"shape {name}": header(shape) + zeros for name, shape in rest.items()},
        **{f"dtype {name}": header(rows, kind) + zeros * 4 for name, kind in kinds.items()},
        "version 9": header(rows, version=b"\x09\x00") + zeros, "version 2": header(rows, version=b"\x02\x00") + zeros, "version 3": header(rows, version=b"\x03\x00") + zeros,
        "fortran": header(rows, fortran="True") + zeros, "fortran text": header(rows, fortran="'x'") + zeros, "more": header(rows, more="'x': 1,") + zeros,
        "short": header(rows) + zeros[:-1], "long": header(rows) + zeros + b"x", "header": b"\x93NUMPY\x01\x00\xff\xff{", "deep": b"\x93NUMPY\x02\x00" + struct.pack("<I", 9000) + b"(" * 9000,
        "header 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "magic": b"\x93NUMPY", "nan": header(rows) + np.full(160, np.nan, np.float32).tobytes(),
        "inf": header(rows) + np.full(160, np.inf, np.float32).tobytes(), "pickle": pickle.dumps([1]), "zip": b"PK\x03\x04" + bytes(100), "denormal": header(rows) + b"\1\0\0\0" * 160,
    }  # fmt: skip


def archive(**entries: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in entries.items():
            out.writestr(f"{name}.npy", data)
    return content.getvalue()


def plain(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def archives() -> Iterator[Case]:
    """.npz as data, .npy for predict."""
    labels = plain(np.arange(40) % 3)
    good = archive(x=plain(np.random.RandomState(0).randn(40, 4)), y=labels)
    files: dict[str, bytes] = {f"x {name}": archive(x=content, y=labels) for name, content in npy_files().items()}
    files |= {f"y {name}": archive(x=plain(np.zeros((40, 4))), y=content) for name, content in npy_files().items()}
    odd = {"negative": -1, "large": 10**12, "gap": 7}
    files |= {
        f"label {name}": archive(x=plain(np.zeros((40, 4))), y=plain(np.arange(40) % 3 * value))
        for name, value in odd.items()
    }
    files |= {"escape name": archive(**{"\x1b[2J": plain(np.zeros((40, 4))), "y": labels}), "bomb": archive(x=plain(np.zeros((20_000_000, 4), np.float32)), y=labels), "good": good,
              "path name": archive(**{"../../x": plain(np.zeros((40, 4))), "y": labels}), "long name": archive(**{"x" * 60_000: plain(np.zeros((40, 4))), "y": labels}),
              "many": archive(**{f"x{n}": plain(np.zeros((40, 1))) for n in range(300)}, y=labels), "rows": archive(x=plain(np.zeros((40, 4))), y=plain(np.arange(39) % 3)),
              "uint8 images": archive(x=plain(np.zeros((40, 3, 8, 8), np.uint8)), y=labels), "only y": archive(y=labels), "nothing": archive(),
              "huge labels": archive(x=plain(np.zeros((40, 4))), y=plain(np.full(40, 2**63 - 1))), "two": archive(x=plain(np.zeros((2, 4))), y=plain(np.arange(2)))}  # fmt: skip
    files |= {f"flip {place}": flip(good, place, 60) for place in range(60)} | {
        f"cut {place}": good[: len(good) * place // 12] for place in range(12)
    }
    files |= zips(labels)
    for name, content in files.items():
        yield Case(f"npz {name}", ("train", "x.toml", "--run", "r"), written(NPZ, d_npz=content))
    for run in ("run-iris", "exp"):
        for name, content in npy_files().items():
            yield Case(f"predict {run} npy {name}", ("predict", str(base(run)), "d.npy"), written("", d_npy=content))


def flip(content: bytes, place: int, of: int) -> bytes:
    changed = bytearray(content)
    changed[len(content) * place // of] ^= 0xFF
    return bytes(changed)


def zips(labels: bytes) -> dict[str, bytes]:
    """Archives whose directory lies."""
    good = archive(x=plain(np.zeros((40, 4))), y=labels)
    at = good.index(b"PK\x01\x02")

    def changed(offset: int, kind: str, value: int) -> bytes:
        found = bytearray(good)
        struct.pack_into(kind, found, at + offset, value)
        return bytes(found)

    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as out:
        for _ in range(2):
            out.writestr("x.npy", plain(np.zeros((40, 4))))
    return {
        "encrypted": changed(8, "<H", 1), "method": changed(10, "<H", 99), "bzip2": changed(10, "<H", 12), "lzma": changed(10, "<H", 14), "crc": changed(16, "<I", 1),
        "size": changed(24, "<I", 0xFFFFFFFE), "zip64": changed(24, "<I", 0xFFFFFFFF), "compressed": changed(20, "<I", 0xFFFFFFFE), "offset": changed(42, "<I", 0xFFFFFFF0),
        "twice": twice.getvalue(), "prefix": b"x" * 1000 + good, "suffix": good + b"x" * 70_000, "overlap": changed(42, "<I", 0), "name length": changed(28, "<H", 0xFFFF),
    }  # fmt: skip


def tensors(entries: Any, data: bytes = b"") -> bytes:
    """A .safetensors file with that header."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


SHAPES = {"h.weight": [8, 4], "h.bias": [8], "b.weight": [3, 8], "b.bias": [3]}


def safetensors_files() -> dict[str, bytes]:
    """By name, with what fits run-iris in most of them."""
    offset, entries = 0, {}
    for name, shape in SHAPES.items():
        size = 4 * int(np.prod(shape))
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    data = np.random.RandomState(0).randn(offset // 4).astype("<f4").tobytes()

    def first(**changes: Any) -> bytes:
        return tensors({**entries, "h.weight": {**entries["h.weight"], **changes}}, data)

    dtypes = ("F64", "F16", "BF16", "I32", "I64", "U8", "BOOL", "F8_E4M3", "C64", "F4", "X", "", 1, None, "U32")
    shapes: tuple[Any, ...] = (
        [],
        [32],
        [4, 8],
        [-8, -4],
        [2**40, 4],
        [2**63, 2],
        [0],
        [8, 4, 1],
        "8",
        None,
        [8.0, 4],
        [True] * 2,
        [1] * 5000,
    )
    offsets: tuple[Any, ...] = (
        [0, 2**40],
        [-1, 128],
        [128, 0],
        [0],
        None,
        "a",
        [0, 127],
        [64, 192],
        [2**64, 2**65],
        [0, 128, 1],
        [0.0, 128],
    )
    return {
        "good": tensors(entries, data), **{f"dtype {kind}": first(dtype=kind) for kind in dtypes}, **{f"shape {str(shape)[:20]}": first(shape=shape) for shape in shapes},
        **{f"offsets {place}": first(data_offsets=place) for place in offsets}, "header 2^63": struct.pack("<Q", 2**63) + b"{}", "header 2^40": struct.pack("<Q", 2**40) + b"{}",
        "header 90 MB": struct.pack("<Q", 90_000_000) + b" " * 90_000_000, "list": tensors([]), "null": tensors(None), "number": tensors(1), "deep": tensors(b"[" * 100_000),
        "deep metadata": tensors({"__metadata__": {"a": [[[[1]]]]}, **entries}, data), "metadata": tensors({"__metadata__": {"\x1b[2J": "\x9b"}, **entries}, data),
        "no tensors": tensors({}), "missing": tensors({"h.weight": entries["h.weight"]}, data[:128]), "more": tensors({**entries, "\x1b[2J\u202e": {"dtype": "F32", "shape": [0], "data_offsets": [offset, offset]}}, data),
        "twice": tensors(json.dumps(entries).encode()[:-1] + b', "h.bias": {"dtype":"F32","shape":[8],"data_offsets":[128,160]}}', data), "trailing": tensors(entries, data + b"x"),
        "short": tensors(entries, data[:-1]), "nan": tensors(entries, b"\xff" * offset), "inf": tensors(entries, b"\0\0\x80\x7f" * (offset // 4)), "large": tensors(entries, b"\xff\xff\x7f\x7f" * (offset // 4)),
        "many": tensors({f"k{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(200_000)}), "nan header": tensors(b'{"a": NaN}'), "latin": tensors(b'{"\xe4": 1}'),
        "unsorted": tensors(dict(reversed(entries.items())), data), "surrogate": tensors(b'{"\\ud800": {"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
        **{f"flip {place}": flip(tensors(entries, data), place, 40) for place in range(20)},
    }  # fmt: skip


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.pair = (function, arguments)

    def __reduce__(self) -> Any:
        return self.pair


def pickles() -> dict[str, Callable[[], bytes]]:
    """.pt files."""
    import collections

    import torch

    def saved(value: Any, **how: Any) -> bytes:
        content = io.BytesIO()
        torch.save(value, content, **how)
        return content.getvalue()

    def repacked(change: Callable[[str, bytes], bytes], method: int = zipfile.ZIP_DEFLATED, value: Any = None) -> bytes:
        source, target = (
            zipfile.ZipFile(io.BytesIO(saved(value if value is not None else {"h.weight": torch.zeros(8, 4)}))),
            io.BytesIO(),
        )
        with zipfile.ZipFile(target, "w", method) as out:
            for entry in source.infolist():
                out.writestr(entry.filename, change(entry.filename, source.read(entry)))
        return target.getvalue()

    weights = {name: torch.zeros(shape) for name, shape in SHAPES.items()}
    recursive: list[Any] = []
    recursive.append(recursive)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    return {
        "good": lambda: saved(weights), "legacy": lambda: saved(weights, _use_new_zipfile_serialization=False), "system": lambda: saved({"a": Call(os.system, "touch ran")}),
        "exec": lambda: saved({"a": Call(exec, "open('ran','w')")}), "list": lambda: saved([1]), "nested": lambda: saved({"a": {"b": torch.zeros(1)}}), "keys": lambda: saved({1: torch.zeros(1), (2,): torch.zeros(1)}),
        "sparse": lambda: saved({"h.weight": torch.zeros(8, 4).to_sparse()}), "meta": lambda: saved({"h.weight": torch.zeros(8, 4, device="meta")}), "complex": lambda: saved({**weights, "h.weight": torch.zeros(8, 4, dtype=torch.complex64)}),
        "bytearray": lambda: saved({"a": Call(bytearray, 8 * 10**9)}), "ordered": lambda: saved(collections.OrderedDict(weights)), "module": lambda: saved(torch.nn.Linear(4, 8)), "recursive": lambda: saved(recursive),
        "deep": lambda: saved(deep), "views": lambda: saved({**weights, "h.weight": torch.zeros(1).expand(8, 4)}), "wide view": lambda: saved({**weights, "h.weight": torch.zeros(1).expand(10**9, 10**4)}),
        "bomb": lambda: repacked(lambda name, data: bytes(4 * 10**9) if name.endswith("data/0") else data), "pickle bomb": lambda: repacked(lambda name, data: data + bytes(3 * 10**9) if name.endswith("data.pkl") else data),
        "deflated": lambda: repacked(lambda name, data: data), "escape keys": lambda: saved({"\x1b[2J": torch.zeros(1)}), "string": lambda: saved("\x1b[2J"), "quantized": lambda: saved({"h.weight": torch.quantize_per_tensor(torch.zeros(8, 4), 0.1, 0, torch.qint8)}),
        "parameter": lambda: saved({name: torch.nn.Parameter(value) for name, value in weights.items()}), "script": lambda: script(), "raw pickle": lambda: pickle.dumps(Call(os.system, "touch ran")),
    }  # fmt: skip


def script() -> bytes:
    import torch

    content = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(4, 8)), content)
    return content.getvalue()


INIT = (
    HEAD
    + '[layers]\nh = { type = "Linear", out_features = 8, init = { file = "FILE" } }\nr = "ReLU"\nb = { type = "Linear", out_features = 3 }\n[data]\ndataset = "iris"\n[train]\nepochs = 1\nengine = "eager"\n'
)


def weights() -> Iterator[Case]:
    """--init, a layer's init, best.safetensors of a run, weights.safetensors of an export."""
    train = ("train", "x.toml", "--run", "r")
    plain_spec = INIT.replace(', init = { file = "FILE" }', "")
    for name, content in safetensors_files().items():
        yield Case(f"--init {name}", (*train, "--init", "d.safetensors"), written(plain_spec, d_safetensors=content))
        yield Case(
            f"layer {name}",
            ("compile", "x.toml"),
            written(INIT.replace("FILE", "d.safetensors"), d_safetensors=content),
        )
        for command in (
            (("evaluate", "run"), ("export", "run", "-o", "e", "--format", "torchscript"))
            if not name.startswith("flip")
            else ()
        ):
            yield Case(f"{command[0]} {name}", command, lambda content=content: of_run(content))
    for name, made in pickles().items():
        yield Case(
            f"--init pt {name}", (*train, "--init", "d.pt"), lambda made=made: written(plain_spec, d_pt=made())()
        )
        yield Case(
            f"layer pt {name}",
            ("compile", "x.toml"),
            lambda made=made: written(INIT.replace("FILE", "d.pt"), d_pt=made())(),
        )
    for suffix in ("safetensors", "pt"):
        for name, make in odd_files(f"d.{suffix}").items():
            yield Case(
                f"--init .{suffix} {name}", (*train, "--init", f"d.{suffix}"), written(plain_spec, more=make), (1,)
            )
            yield Case(
                f"layer .{suffix} {name}",
                ("compile", "x.toml"),
                written(INIT.replace("FILE", f"d.{suffix}"), more=make),
            )
    for name in (
        "d.txt",
        "/dev/zero",
        "../../etc/passwd",
        "/etc/passwd",
        "\\u0000",
        "~/x",
        "http://a/b.pt",
        "x" * 5000,
        "",
        ".",
    ):
        yield Case(
            f"layer file {name[:20]}", ("compile", "x.toml"), written(INIT.replace("FILE", name), d_txt="x"), (1,)
        )


def of_run(content: bytes) -> None:
    shutil.copytree(base("run-iris"), "run")
    Path("run/best.safetensors").write_bytes(content)


def png(
    width: int, height: int, data: bytes = b"", *chunks: tuple[bytes, bytes], depth: int = 8, kind: int = 2
) -> bytes:
    """A PNG that claims a size, whatever it holds."""
    rows = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
        *chunks,
        (b"IDAT", data),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in rows
    )


def picture_files() -> dict[str, bytes]:
    from PIL import Image

    def saved(mode: str, kind: str, size: tuple[int, int] = (8, 8), **how: Any) -> bytes:
        content = io.BytesIO()
        Image.new(mode, size).save(content, kind, **how)
        return content.getvalue()

    good = saved("RGB", "PNG")
    bomb = zlib.compress(bytes(12_000 * (12_000 * 3 + 1)), 9)
    return {
        "good": good, "claims": png(30_000, 30_000), "bomb": png(12_000, 12_000, bomb), "wide": png(2**31 - 1, 1), "zero": png(0, 0), "text bomb": png(8, 8, zlib.compress(bytes(200)), (b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8)))),
        "icc bomb": png(8, 8, zlib.compress(bytes(200)), (b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8)))), "palette": png(8, 8, zlib.compress(bytes(72)), kind=3), "depth": png(8, 8, b"", depth=99), "kind": png(8, 8, b"", kind=99),
        **{f"cut {n}": good[: len(good) * n // 8] for n in range(8)}, **{f"flip {n}": flip(good, n, 20) for n in range(20)}, **{f"{kind} {mode}": saved(mode, kind) for kind, mode in (
            ("GIF", "P"), ("BMP", "RGB"), ("TIFF", "F"), ("TIFF", "I;16"), ("TIFF", "CMYK"), ("PPM", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGBA"), ("ICO", "RGBA"), ("TGA", "RGB"), ("PCX", "RGB"), ("PDF", "RGB"), ("EPS", "RGB"), ("JPEG2000", "RGB"), ("SGI", "RGB"), ("DDS", "RGB"), ("PNG", "LA"), ("PNG", "1"), ("PNG", "I;16"))},
        "ps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "fits": b"SIMPLE  =                    T" + b" " * 5000, "wmf": b"\xd7\xcd\xc6\x9a" + bytes(100), "spider": bytes(1000),
        "ppm claims": b"P6 99999 99999 255\n", "ppm digits": b"P6 " + b"9" * 5000 + b" 1 255\n", "pgm text": b"P2 8 8 255\n" + b"9 " * 63 + b"999999", "xbm": b"#define im_width 99999999\n#define im_height 99999999\nstatic char im_bits[] = {", "tiff claims": tiff(10**5, 10**5), "gif frames": saved("P", "GIF", save_all=True, append_images=[Image.new("P", (8, 8))] * 2000),
    }  # fmt: skip


def tiff(width: int, height: int) -> bytes:
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, height),
        (279, 4, 1, 100),
    ]
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + bytes(200)
    )


def pictures() -> Iterator[Case]:
    """One hostile picture of a folder, for train; and for predict."""

    def folder(name: str, content: bytes | Callable[[], object]) -> Callable[[], object]:
        def make() -> None:
            shutil.copytree(base("eps"), "p")
            Path("p/a/0.png").unlink()
            if callable(content):
                content()
            else:
                Path("p/a", name).write_bytes(content)
            Path("x.toml").write_text(IMAGES.replace("FOLDER", "p"))

        return make

    for name, content in picture_files().items():
        for suffix in ("png", "jpg") if " " not in name else ("png",):
            yield Case(
                f"train picture {name} .{suffix}", ("train", "x.toml", "--run", "r"), folder(f"0.{suffix}", content)
            )
        yield Case(
            f"predict picture {name}",
            ("predict", str(base("run-digits")), "0.png"),
            lambda content=content: Path("0.png").write_bytes(content),
        )
    for name, make in odd_files("p/a/0.png").items():
        yield Case(f"train picture {name}", ("train", "x.toml", "--run", "r"), folder("0.png", make))
    for name in (
        "\x1b[2J",
        "\u202e",
        "\x9b",
        "a\nb",
        "$x^{$",
        "<script>",
        "`rm`",
        "%s",
        "{}",
        "-rf",
        "x" * 250,
        " ",
        ".hidden",
        "\udce4",
    ):

        def renamed(name: str = name) -> None:
            shutil.copytree(base("eps"), "p")
            Path("p/a/0.png").unlink()
            os.rename(b"p/a", os.fsencode(f"p/{name}"))
            Path("x.toml").write_text(IMAGES.replace("FOLDER", "p"))

        for command in (
            ("train", "x.toml", "--run", "r"),
            ("data", "x.toml"),
            ("data", "x.toml", "--json"),
            ("export", "x.toml", "-o", "e", "--format", "torchscript"),
        ):
            yield Case(f"{' '.join(command[:1] + command[2:3])} class {name[:10]!a}", command, renamed)
