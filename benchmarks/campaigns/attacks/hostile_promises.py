"""Attacks written from SECURITY.md alone, before the code was read: each with the promise that it would break.

The kinds are run.py's: S1 a picture starts a program, S2 resume with another network, S3 memory before a limit, S4 a
stranger's ONNX, S5 files that read elsewhere, S6 FIFOs, S7 tracebacks from a spec, S8 from folders, S10 dtypes, S11
control characters.
"""

# ruff: noqa: E501 - tables, and files that stay open
from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile_files as made
import numpy as np
from drive import Case
from hostile_arrays import base, plain, png, tensors
from hostile_files import BASE, IMAGES, IRIS, TABLE, TUNE, seal
from hostile_folders import manifest
from hostile_onnx import after, network

Make = Callable[[], object]
PROMISES = {
    "S1": "no process is started but the verification's workers and the system's C compiler",
    "S2": "a checkpoint is compared with the run's own network, data and schedule",
    "S3": "limits hold before memory is taken",
    "S4": "a stranger's ONNX runs in a worker with limits, and every mistake ends in a diagnostic",
    "S5": "of a folder that came along only regular files inside it are opened",
    "S6": "files that are not regular are not waited for",
    "S7": "every mistake ends in a diagnostic with its place, and no traceback",
    "S8": "every mistake ends in a diagnostic with its place, and no traceback",
    "S10": "every dtype and shape is compared with the network's own",
    "S11": "what a message quotes cannot drive a terminal",
}
TRAIN, COMPILE, PREDICT, DIFF = (
    ("train", "x.toml", "--run", "r"),
    ("compile", "x.toml"),
    ("predict", "f"),
    ("diff", "f", "g"),
)
RESUME = ("train", "x.toml", "--run", "f", "--resume", "--epochs", "3")
REFUSED, SERVED, EITHER, WRONG = (1,), (0,), (0, 1), (1, 3)


def spec(text: str, *more: Make) -> Make:
    def make() -> None:
        Path("x.toml").write_text(text)
        for one in more:
            one()

    return make


def file(name: str, content: bytes | str) -> Make:
    data = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
    return lambda: (Path(name).parent.mkdir(parents=True, exist_ok=True), Path(name).write_bytes(data))


def folder(source: str, *edits: Make, sealed: bool = False, name: str = "f") -> Make:
    def make() -> None:
        shutil.copytree(base(source), name)
        for edit in edits:
            edit()
        if sealed:
            seal(Path(name))

    return make


def swap(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def layers(text: str, inputs: str = 'x = ["N", 4]', more: str = "") -> str:
    return f"graphspec = 1\n[inputs]\n{inputs}\n[layers]\n{text}\n{more}\n"


def pictures(*more: Make, text: str = "") -> Make:
    """images/ with two classes, and x.toml for it, `text` in its [data]."""

    def make() -> None:
        made.pictures("images")
        Path("x.toml").write_text(swap(IMAGES.replace("FOLDER", "images"), 'root = "."', f'root = "."\n{text}'))
        for one in more:
            one()

    return make


def onnx(model: Any, *edits: Make) -> Make:
    """f: exp with another model.onnx."""

    def make() -> None:
        shutil.copytree(base("exp"), "f")
        built = model()
        Path("f/model.onnx").write_bytes(built if isinstance(built, bytes) else built.SerializeToString())
        for edit in edits:
            edit()
        seal(Path("f"))

    return make


def replaced(name: str, make: Make) -> Make:
    def change() -> None:
        Path("f", name).unlink(missing_ok=True)
        make()

    return change


# ---- S1 ----
def programs() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    dos = (
        b"\xc5\xd0\xd3\xc6"
        + struct.pack("<6I", 32, 60, 0, 0, 0, 0)
        + b"\xff\xff\0\0"
        + b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n"
    )
    others = {
        "EPS with a DOS header": dos, "PDF": b"%PDF-1.4\n1 0 obj<<>>endobj\n", "WMF": b"\xd7\xcd\xc6\x9a" + bytes(40), "PSD": b"8BPS\0\1" + bytes(20),
        "FITS": b"SIMPLE  =                    T" + bytes(2850), "XPM": b"/* XPM */\nstatic char *x[] = {\n", "MPEG": b"\0\0\1\xb3" + bytes(20), "GRIB": b"GRIB" + bytes(30), "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(40), "shell": b"#!/bin/sh\ntouch pwned\n",
        "MSP": b"DanM" + bytes(28), "FPX": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    }  # fmt: skip
    for name, content in others.items():
        for suffix in ("png", "jpg"):
            yield f"{name} as .{suffix}", TRAIN, pictures(file(f"images/a/9.{suffix}", content)), REFUSED
        yield (
            f"{name} to predict",
            ("predict", "f", "9.png"),
            spec("", folder("run-iris"), file("9.png", content)),
            REFUSED,
        )


# ---- S2 ----
def others() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    """A run of another network, data or way to train; the spec is x.toml."""
    changes = {
        "activation": ('r = "ReLU"', 'r = "GELU"'), "a slope": ('r = "ReLU"', 'r = { type = "LeakyReLU", negative_slope = 0.3 }'),
        "a layer that holds nothing": ('r = "ReLU"', 'r = "ReLU"\nd = { type = "Dropout", p = 0.9 }'), "no layer": ('r = "ReLU"\n', ""),
        "a name": ("h = {", "hh = {"), "bias": ("out_features = 8 }", "out_features = 8, bias = false }"), "frozen": ("out_features = 8 }", "out_features = 8, freeze = true }"),
        "a residual": ('r = "ReLU"', 'rr = "ReLU"\nr = { type = "add", from = ["rr", "h"] }'), "the loss": ("epochs = 2", 'epochs = 2\nloss = { type = "CrossEntropyLoss", label_smoothing = 0.3 }'),
        "the loss's weight": ("epochs = 2", 'epochs = 2\nloss = { type = "CrossEntropyLoss", weight = [1.0, 9.0, 1.0] }'),
        "clipping": ("epochs = 2", "epochs = 2\nclip_grad_norm = 0.001"), "accumulation": ("epochs = 2", "epochs = 2\naccumulate = 3"), "ema": ("epochs = 2", "epochs = 2\nema = 0.9"),
        "warmup": ("epochs = 2", "epochs = 2\nwarmup = 50"), "the rate": ("lr = 0.01", "lr = 0.5"), "the optimiser": ('"Adam"', '"AdamW"'), "weight decay": ("lr = 0.01", "lr = 0.01, weight_decay = 0.5"),
        "a schedule": ("epochs = 2", 'epochs = 2\nscheduler = { type = "StepLR", step_size = 1 }'), "the seed": ("epochs = 2", "epochs = 2\nseed = 5"), "the scaler": ("batch_size = 16", 'batch_size = 16\ntransforms = ["StandardScaler"]'),
        "the batch": ("batch_size = 16", "batch_size = 8"), "the parts": ("batch_size = 16", "batch_size = 16\ntest = 0.4"), "the monitor": ("epochs = 2", 'epochs = 2\nmetrics = ["accuracy"]\nmonitor = "accuracy"'),
        "precision": ("epochs = 2", 'epochs = 2\nprecision = "bf16"'), "data": ('"iris"', '"wine"'),
    }  # fmt: skip
    for name, (old, new) in changes.items():
        yield name, RESUME, spec(swap(IRIS, old, new), folder("run-iris")), REFUSED

    def two(order: str, inputs: str = 'p = ["N", 4]\nq = ["N", 4]', output: str = "") -> str:
        text = made.TWO.replace("ORDER", inputs).replace('["p", "q"]', order)
        return text.replace("[data]", f"{output}[data]")

    def trained(text: str) -> Make:
        def make() -> None:
            made.input_order()
            Path("first.toml").write_text(text)
            made.run("graphspec", "train", "first.toml", "--run", "f")

        return make

    yield "order of from", RESUME, spec(two('["q", "p"]'), trained(two('["p", "q"]'))), REFUSED


# ---- S3 ----
def memory() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    doubled = "\n".join(['a0 = "${[1, 2, 3, 4]}"', *(f'a{k} = "${{a{k - 1} + a{k - 1}}}"' for k in range(1, 40))])
    nested = "\n".join(['a0 = "${[1, 2]}"', *(f'a{k} = "${{[a{k - 1}, a{k - 1}]}}"' for k in range(1, 40))])
    yield (
        "lists added to themselves",
        COMPILE,
        spec(
            f'graphspec = 1\n[vars]\n{doubled}\n[inputs]\nx = ["N", 4]\n[layers]\nb = {{ type = "Linear", out_features = "${{len(a39)}}" }}'
        ),
        REFUSED,
    )
    yield (
        "lists of lists",
        COMPILE,
        spec(
            f'graphspec = 1\n[vars]\n{nested}\n[inputs]\nx = ["N", 4]\n[layers]\nb = {{ type = "Linear", out_features = "${{len(a39)}}" }}'
        ),
        EITHER,
    )
    yield (
        "lists of lists as data",
        COMPILE,
        spec(
            f'graphspec = 1\n[vars]\n{nested}\n[inputs]\nx = ["N", 2]\n[layers]\nb = {{ type = "Buffer", data = "${{a39}}" }}\nc = {{ type = "add", from = ["x", "b"], broadcast = true }}'
        ),
        REFUSED,
    )
    for name, line in {
        "Buffer of 10^10": 'b = { type = "Buffer", shape = [100000, 100000] }\na = { type = "add", from = ["x", "b"], broadcast = true }',
        "Parameter of 10^10": 'b = { type = "Parameter", shape = [100000, 100000] }\na = { type = "add", from = ["x", "b"], broadcast = true }',
        "expand": 'u = { type = "unsqueeze", dim = 1 }\ne = { type = "expand", size = [-1, 9000000000, -1] }\nm = { type = "sum", dim = [1, 2], keepdim = true }',
        "tile": 't = { type = "tile", dims = [1, 2000000000] }\nm = { type = "sum", dim = 1, keepdim = true }',
        "repeat_interleave": 't = { type = "repeat_interleave", repeats = 2000000000, dim = 1 }\nm = { type = "sum", dim = 1, keepdim = true }',
        "pad": 't = { type = "pad", pad = [0, 8000000000] }\nm = { type = "sum", dim = 1, keepdim = true }',
        "interpolate": 'u = { type = "unsqueeze", dim = 1 }\nt = { type = "interpolate", size = 8000000000 }\nm = { type = "sum", dim = 2, keepdim = true }',
        "Upsample by 1e9": 'u = { type = "unsqueeze", dim = 1 }\nt = { type = "Upsample", scale_factor = 1e9 }\nm = { type = "sum", dim = 2 }',
        "a million heads": 'u = { type = "unsqueeze", dim = 1 }\nt = { type = "MultiheadAttention", num_heads = 1000000000, from = { query = "u", key = "u", value = "u" } }',
        "a Transformer of 10^6": 'u = { type = "unsqueeze", dim = 1 }\nt = { type = "TransformerEncoder", num_layers = 1000000, encoder_layer = "x" }',
        "a filter of 10^9": 'u = { type = "unsqueeze", dim = 1 }\nt = { type = "Conv1d", out_channels = 1, kernel_size = 1000000000, padding = 1000000000 }',
        "matmul of outer products": 'u = { type = "unsqueeze", dim = 2 }\nv = { type = "unsqueeze", dim = 1, from = "x" }\np = { type = "matmul", from = ["u", "v"] }\nf = "Flatten"\n' + "".join(f'u{k} = {{ type = "unsqueeze", dim = 2 }}\nv{k} = {{ type = "unsqueeze", dim = 1, from = "{"f" if not k else f"f{k - 1}"}" }}\np{k} = {{ type = "matmul", from = ["u{k}", "v{k}"] }}\nf{k} = "Flatten"\n' for k in range(4)),
        "Bilinear of 10^6": 't = { type = "Bilinear", out_features = 2000000000, from = ["x", "x"] }',
        "an EmbeddingBag": 't = { type = "EmbeddingBag", num_embeddings = 9000000000, embedding_dim = 9 }',
        "LSTM of 10^6 units": 'u = { type = "unsqueeze", dim = 1 }\nt = { type = "LSTM", hidden_size = 1000000 }',
        "repeat in repeat": 't = { type = "A", repeat = 9999 }',
    }.items():  # fmt: skip
        yield (
            name,
            COMPILE,
            spec(
                layers(
                    line,
                    more='[blocks.A.layers]\na = { type = "B", repeat = 9999 }\n[blocks.B.layers]\nr = { type = "Linear", out_features = 4, repeat = 9999 }'
                    if "repeat =" in line
                    else "",
                )
            ),
            REFUSED,
        )
    for name, line in {
        "batch of 10^12": ("batch_size = 16", "batch_size = 1000000000000"), "epochs of 10^15 and a schedule": ("epochs = 2", 'epochs = 1000000000000000\nscheduler = "OneCycleLR"'),
        "a warmup of 10^15": ("epochs = 2", "epochs = 2\nwarmup = 1000000000000000"), "accumulate 10^15": ("epochs = 2", "epochs = 2\naccumulate = 1000000000000000"),
        "top k of 10^12": ("epochs = 2", 'epochs = 2\nmetrics = [{ type = "top_k_accuracy", k = 1000000000000 }]'), "bins of 10^12": ("epochs = 2", 'epochs = 2\nmetrics = [{ type = "calibration_error", bins = 1000000000000 }]'),
        "LBFGS's history": ('{ type = "Adam", lr = 0.01 }', '{ type = "LBFGS", history_size = 1000000000000, max_iter = 3 }'), "LBFGS's rounds": ('{ type = "Adam", lr = 0.01 }', '{ type = "LBFGS", max_iter = 1000000000000000 }'),
        "milestones": ("epochs = 2", f'epochs = 2\nscheduler = {{ type = "MultiStepLR", milestones = {list(range(30000))} }}'),
        "a patience of 10^30": ("epochs = 2", "epochs = 2\nearly_stopping = " + "9" * 30), "a weight list": ("epochs = 2", f'epochs = 2\nloss = {{ type = "CrossEntropyLoss", weight = {[1.0] * 50000} }}'),
    }.items():  # fmt: skip
        yield (
            name,
            TRAIN,
            spec(swap(IRIS, *line)),
            EITHER
            if "10^15" in name
            or "k of" in name
            or "batch" in name
            or "bins" in name
            or name in ("LBFGS's history", "LBFGS's rounds", "milestones")
            else REFUSED,
        )
    for kind in ("line", "digits", "iris", "diabetes"):
        yield (
            f"{kind} of 10^12",
            TRAIN,
            spec(swap(IRIS, '"iris"', f'{{ type = "{kind}", samples = 1000000000000 }}')),
            REFUSED,
        )
    for name, text in {
        "GaussianBlur": '{ type = "GaussianBlur", kernel_size = 99999999 }', "ElasticTransform": '{ type = "ElasticTransform", alpha = 1e30, sigma = 1e9 }', "RandomCrop padding": '{ type = "RandomCrop", size = 8, padding = 90000 }',
        "RandomResizedCrop": '{ type = "RandomResizedCrop", size = 90000 }', "RandomZoomOut": '{ type = "RandomZoomOut", side_range = [10000.0, 20000.0] }', "ScaleJitter": '{ type = "ScaleJitter", target_size = [90000, 90000] }',
        "RandomResize": '{ type = "RandomResize", min_size = 90000, max_size = 90001 }', "RandomRotation expand": '{ type = "RandomRotation", degrees = 45, expand = true }', "TenCrop": '{ type = "TenCrop", size = 90000 }', "AugMix": '{ type = "AugMix", mixture_width = 100000000 }',
        "AugMix depth": '{ type = "AugMix", chain_depth = 100000000 }', "RandomErasing": '{ type = "RandomErasing", value = "random", scale = [1e9, 1e9] }', "Pad": '{ type = "Pad", padding = 90000 }', "LinearTransformation": f'{{ type = "LinearTransformation", transformation_matrix = [[1.0]], mean_vector = {[0.0] * 10000} }}',
    }.items():  # fmt: skip
        yield f"augment {name}", TRAIN, pictures(text=f"augment = [{text}]"), EITHER if "expand" in name else REFUSED
    for name, text in {
        "CenterCrop": '{ type = "CenterCrop", size = 90000 }',
        "Pad": '{ type = "Pad", padding = [0, 0, 90000, 90000] }',
        "Resize max": '{ type = "Resize", size = 8, max_size = 900000 }',
        "Pad one side": '{ type = "Pad", padding = 2000000000 }',
    }.items():
        yield f"transform {name}", TRAIN, pictures(text=f"transforms = [{text}]"), EITHER if "max" in name else REFUSED

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(8 * 25))) + chunk(b"IEND", b"")
    bomb = zlib.compress(bytes(1 << 30), 9)
    for name, content in {
        "zTXt": head + chunk(b"zTXt", b"a\0\0" + bomb) + body, "iCCP": head + chunk(b"iCCP", b"a\0\0" + bomb) + body, "iTXt": head + chunk(b"iTXt", b"a\0\1\0\0\0" + bomb) + body,
        "IDAT": head + chunk(b"IDAT", bomb) + chunk(b"IEND", b""), "60,000 chunks": head + chunk(b"tEXt", b"a\0b") * 60_000 + body, "a wide one": png(60000, 60000) if png.__code__.co_argcount >= 2 else b"",
        "a GIF of 65,535^2": b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0;", "a BMP of 2^31": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0),
        "WebP claims": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff", "PPM": b"P6 60000 60000 255\n", "PPM of 10^30": b"P6 " + b"9" * 30 + b" 1 255\n", "PBM": b"P4 99999 99999\n",
    }.items():  # fmt: skip
        yield f"picture {name}", TRAIN, pictures(file("images/a/9.png", content)), EITHER
        yield (
            f"predict picture {name}",
            ("predict", "f", "9.png"),
            spec("", folder("run-digits"), file("9.png", content)),
            EITHER,
        )
    claims = io.BytesIO()
    np.lib.format.write_array_header_1_0(claims, {"descr": "<f4", "fortran_order": False, "shape": (10**11, 1, 8, 8)})
    for name, content in {
        "claims 10^13": claims.getvalue() + bytes(500),
        "zero columns": plain(np.zeros((10**9, 0), "f4")),
        "a header of 60 kB": b"\x93NUMPY\x02\0" + struct.pack("<I", 2**31 - 1) + b"{" * 60000,
        "deep header": b"\x93NUMPY\x01\0" + struct.pack("<H", 60000) + b"(" * 60000,
    }.items():
        for source in ("run-digits", "exp"):
            yield (
                f"predict {source} .npy {name}",
                ("predict", "f", "one.npy"),
                spec("", folder(source), file("one.npy", content)),
                WRONG,
            )

    def sparse(name: str, size: int = 20 << 30) -> Make:
        def make() -> None:
            with open(name, "wb") as out:
                out.truncate(size)

        return lambda: (Path(name).unlink(missing_ok=True), make())

    for name, command in {
        "learned.json": PREDICT,
        "evaluation.json": PREDICT,
        "environment.json": RESUME,
        "metrics.csv": RESUME,
        "spec.toml": PREDICT,
        "best.safetensors": PREDICT,
    }.items():
        yield f"run's {name} of 20 GB", command, spec(IRIS, folder("run-iris", sparse(f"f/{name}"))), EITHER
        yield (
            f"diff of {name} of 20 GB",
            DIFF,
            spec("", folder("run-iris", sparse(f"f/{name}")), folder("run-iris", name="g")),
            EITHER,
        )
    for name in (
        "learned.json",
        "manifest.json",
        "spec.toml",
        "golden.npz",
        "weights.safetensors",
        "model.onnx",
        "sample.npz",
        "README.md",
        "check.py",
    ):
        for command in (PREDICT, ("verify", "f"), ("diff", "f", str(base("exp")))):
            yield (
                f"{command[0]} export's {name} of 20 GB",
                command,
                spec("", folder("exp", sparse(f"f/{name}"))),
                (0, 1, 3),
            )
    for suffix in ("csv", "npz", "parquet"):
        yield (
            f"{suffix} of 20 GB",
            TRAIN,
            spec(TABLE.replace("TYPE", suffix).replace("FILE", f"d.{suffix}"), sparse(f"d.{suffix}")),
            REFUSED,
        )
    for suffix in ("npy", "csv", "png", "txt"):
        yield (
            f"predict a {suffix} of 20 GB",
            ("predict", "f", f"d.{suffix}"),
            spec("", folder("run-iris"), sparse(f"d.{suffix}")),
            REFUSED,
        )
    for suffix in ("toml", "json"):
        yield f"a spec .{suffix} of 20 GB", ("compile", f"d.{suffix}"), sparse(f"d.{suffix}"), REFUSED
    yield "weights of 20 GB", (*TRAIN, "--init", "d.safetensors"), spec(IRIS, sparse("d.safetensors")), REFUSED
    yield (
        "journal of 20 GB",
        ("tune", "x.toml", "--run", "f", "--resume"),
        spec(TUNE, folder("study", sparse("f/journal.log"))),
        REFUSED,
    )

    def zipped(name: str, size: int = 12 << 30) -> Make:
        def make() -> None:
            with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                head = io.BytesIO()
                np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (200, 2)})
                for entry in ("x", "y"):
                    archive.writestr(f"{entry}.npy", head.getvalue() + bytes(1600) + bytes(400 << 20))

        return make

    yield (
        "npz whose entries are longer than they say",
        TRAIN,
        spec(
            TABLE.replace("TYPE", "npz")
            .replace("FILE", "d.npz")
            .replace("target = ", "targets = [")
            .replace('"y" }', '"y"] }'),
            zipped("d.npz"),
        ),
        EITHER,
    )


# ---- S4 ----
def models() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    from onnx import TensorProto as T
    from onnx import helper as h

    def tail(*nodes: Any, inits: Any = (), **more: Any) -> Callable[[], Any]:
        return lambda: network(after(*nodes), inits=inits, **more)

    big = np.array([3, 2_000_000_000])
    value = h.make_tensor_value_info

    def branches(depth: int) -> bytes:
        def graph(level: int) -> Any:
            node = (
                h.make_node("Neg", ["mm"], [f"o{level}"])
                if not level
                else h.make_node(
                    "If", ["yes"], [f"o{level}"], then_branch=graph(level - 1), else_branch=graph(level - 1)
                )
            )
            return h.make_graph([node], f"g{level}", [], [value(f"o{level}", T.FLOAT, None)])

        top = h.make_node("If", ["yes"], ["output"], then_branch=graph(depth), else_branch=graph(depth))
        return network(after(top), inits=[("yes", np.bool_(True))])

    rows: dict[str, Callable[[], Any]] = {
        "Expand": tail(h.make_node("Expand", ["mm", "n"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Add", ["mm", "s"], ["output"]), inits=[("n", np.array([2_000_000_000, 1, 10]))]),
        "Tile": tail(h.make_node("Tile", ["mm", "n"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Add", ["mm", "s"], ["output"]), inits=[("n", big)]),
        "Range": tail(h.make_node("Range", ["a", "b", "c"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Cast", ["s"], ["t"], to=1), h.make_node("Add", ["mm", "t"], ["output"]), inits=[("a", np.int64(0)), ("b", np.int64(10**10)), ("c", np.int64(1))]),
        "Range without step": tail(h.make_node("Range", ["a", "b", "c"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Cast", ["s"], ["t"], to=1), h.make_node("Add", ["mm", "t"], ["output"]), inits=[("a", np.int64(0)), ("b", np.int64(10)), ("c", np.int64(0))]),
        "Pad": tail(h.make_node("Pad", ["mm", "n"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Add", ["mm", "s"], ["output"]), inits=[("n", np.array([0, 0, 0, 3_000_000_000]))]),
        "Resize": tail(h.make_node("Resize", ["mm", "", "n"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Add", ["mm", "s"], ["output"]), inits=[("n", np.array([1, 1e9], np.float32))]),
        "OneHot": tail(h.make_node("Cast", ["mm"], ["i"], to=7), h.make_node("OneHot", ["i", "d", "v"], ["e"]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Add", ["mm", "s"], ["output"]), inits=[("d", np.int64(10**10)), ("v", np.array([0, 1], np.float32))]),
        "RandomNormal": tail(h.make_node("RandomNormal", [], ["e"], shape=[60000, 60000]), h.make_node("ReduceSum", ["e"], ["s"], keepdims=0), h.make_node("Add", ["mm", "s"], ["output"])),
        "an If in an If": lambda: branches(12),
        "an output of sparse kind": tail(h.make_node("Identity", ["mm"], ["output"]), outputs=[h.make_sparse_tensor_value_info("output", T.FLOAT, ["N", 10])]),
        "an output of optional kind": tail(h.make_node("Optional", ["mm"], ["output"]), outputs=[h.make_value_info("output", h.make_optional_type_proto(h.make_tensor_type_proto(T.FLOAT, None)))]),
        "ZipMap": lambda: network(after(h.make_node("ZipMap", ["mm"], ["output"], domain="ai.onnx.ml", classlabels_int64s=list(range(10))))),
        "Optional absent": tail(h.make_node("Identity", ["nothing"], ["output"])),
        "escapes in nodes": tail(h.make_node("Neg", ["mm"], ["output"], name="\x1b[2J\u202e", doc_string="\x1b[31m")),
        "escapes in an operator": tail(h.make_node("\x1b[2JNeg", ["mm"], ["output"])),
        "escapes in a domain": tail(h.make_node("Neg", ["mm"], ["output"], domain="\x1b]0;a\x07")),
        "escapes in an attribute": tail(h.make_node("Neg", ["mm"], ["output"], **{"\x1b[2J": 3})),
        "escapes in a dim": tail(h.make_node("Neg", ["mm"], ["output"]), outputs=[value("output", T.FLOAT, ["\x1b[2J", 10])]),
        "escapes in a value": tail(h.make_node("Neg", ["mm"], ["\x1b[2J"]), h.make_node("Neg", ["\x1b[2J"], ["output"])),
        "a wrong shape within": tail(h.make_node("MatMul", ["mm", "w"], ["output"])),
        "Gather past the end": tail(h.make_node("Gather", ["mm", "n"], ["output"], axis=1), inits=[("n", np.array([99]))]),
        "division of whole numbers by zero": tail(h.make_node("Cast", ["mm"], ["i"], to=7), h.make_node("Div", ["i", "z"], ["j"]), h.make_node("Cast", ["j"], ["output"], to=1), inits=[("z", np.int64(0))]),
        "an input of text": lambda: network(after(h.make_node("Neg", ["mm"], ["output"])), inputs=[value("image", T.STRING, ["N", 1, 8, 8])]),
        "an input of float64": lambda: network([h.make_node("Cast", ["image"], ["f"], to=1), h.make_node("Flatten", ["f"], ["flat"], axis=1), h.make_node("MatMul", ["flat", "w"], ["output"])], inputs=[value("image", T.DOUBLE, ["N", 1, 8, 8])]),
        "an input of rank 0": lambda: network(after(h.make_node("Neg", ["mm"], ["output"])), inputs=[value("image", T.FLOAT, [])]),
        "an input of rank 5": lambda: network(after(h.make_node("Neg", ["mm"], ["output"])), inputs=[value("image", T.FLOAT, ["N", 1, 8, 8, 1])]),
        "a batch of 3": lambda: network(after(h.make_node("Neg", ["mm"], ["output"])), inputs=[value("image", T.FLOAT, [3, 1, 8, 8])]),
        "a batch of -3": lambda: network(after(h.make_node("Neg", ["mm"], ["output"])), inputs=[value("image", T.FLOAT, [-3, 1, 8, 8])]),
        "another input's name": lambda: network([h.make_node("Flatten", ["other"], ["flat"], axis=1), h.make_node("MatMul", ["flat", "w"], ["output"])], inputs=[value("other", T.FLOAT, ["N", 1, 8, 8])]),
        "no output": lambda: (lambda m: (m.graph.ClearField("output"), m)[1])(network()),
        "no input": lambda: (lambda m: (m.graph.ClearField("input"), m)[1])(network()),
        "opset 99": lambda: network(opset=99), "opset -1": lambda: (lambda m: (setattr(m.opset_import[0], "version", -1), m)[1])(network()),
        "ir version 2^40": lambda: (lambda m: (setattr(m, "ir_version", 2**40), m)[1])(network()), "no opset": lambda: (lambda m: (m.ClearField("opset_import"), m)[1])(network()),
        "metadata with escapes": lambda: (lambda m: (m.metadata_props.add(key="\x1b[2J", value="\x1b[31m" * 9), m)[1])(network()), "a million metadata": lambda: (lambda m: ([m.metadata_props.add(key=f"k{k}", value="v") for k in range(300_000)], m)[1])(network()),
        "NaN answers": tail(h.make_node("Log", ["mm"], ["l"]), h.make_node("Sub", ["l", "l"], ["output"])),
    }  # fmt: skip
    for n, (name, model) in enumerate(rows.items()):
        for command in (
            PREDICT,
            ("verify", "f"),
            ("diff", "f", str(base("exp"))),
            ("diff", str(base("run-digits")), "f"),
        )[n % 2 :: 2]:
            yield f"{command[0]} {name}", command, onnx(model), (0, 1, 3)
        yield (
            f"against {name}",
            ("verify", "m.onnx", "--against", str(base("exp"))),
            spec("", onnx(model), lambda: shutil.copy("f/model.onnx", "m.onnx")),
            (0, 1, 3),
        )


# ---- S5, S6 ----
def elsewhere() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    secret = file("../secret.txt", "top-secret-7f3a\n" * 3)

    def link(name: str, to: str) -> Make:
        return lambda: (Path(name).unlink(missing_ok=True), os.symlink(to, name))

    for name, commands in {
        "spec.toml": (PREDICT, ("evaluate", "f"), ("export", "f", "-o", "e"), DIFF, RESUME), "best.safetensors": (PREDICT, ("evaluate", "f"), DIFF), "evaluation.json": (PREDICT, DIFF),
        "environment.json": (RESUME, PREDICT, DIFF), "learned.json": (PREDICT, ("export", "f", "-o", "e")), "metrics.csv": (RESUME, DIFF), "last.safetensors": (RESUME, DIFF),
    }.items():  # fmt: skip
        for command in commands:
            yield (
                f"S5 {command[0]} {name} leads out",
                command,
                spec(
                    IRIS,
                    secret,
                    folder("run-iris", link(f"f/{name}", "../../secret.txt")),
                    folder("run-iris", name="g"),
                ),
                EITHER,
            )
            yield (
                f"S6 {command[0]} {name} is a FIFO",
                command,
                spec(IRIS, folder("run-iris", lambda name=name: made.fifo(f"f/{name}")), folder("run-iris", name="g")),
                EITHER,
            )
    for name in (
        "manifest.json",
        "spec.toml",
        "weights.safetensors",
        "model.onnx",
        "golden.npz",
        "learned.json",
        "sample.npz",
        "README.md",
    ):
        for command in (("verify", "f"), PREDICT, ("diff", "f", str(base("exp")))):
            yield (
                f"S5 {command[0]} {name} leads out",
                command,
                spec("", secret, folder("exp", link(f"f/{name}", "../../secret.txt"))),
                (1, 3) if command[0] == "verify" else (0, 1, 3),
            )
            yield (
                f"S6 {command[0]} {name} is a FIFO",
                command,
                folder("exp", lambda name=name: made.fifo(f"f/{name}")),
                (1, 3) if command[0] == "verify" else (0, 1, 3),
            )

    for name, path in {
        "up": "../x.csv",
        "absolute": "/etc/passwd",
        "home": "~/.bashrc",
        "device": "/dev/zero",
        "nul": "a\\u0000b",
        "url": "http://127.0.0.1:1/a.csv",
        "s3": "s3://bucket/a",
        "memory": "memory://a",
        "file": "file:///etc/passwd",
        "dots": "a/../../secret.txt",
        "zip": "zip://a.csv::../b.zip",
        "pipe": "|touch pwned",
        "star": "*",
        "proc": "/proc/self/environ",
    }.items():
        for kind in ("csv", "npz", "parquet"):
            yield (
                f"S5 {kind} of {name}",
                TRAIN,
                spec(TABLE.replace("TYPE", kind).replace("FILE", path), secret),
                REFUSED,
            )
        yield f"S5 folder of {name}", TRAIN, spec(IMAGES.replace("FOLDER", path)), REFUSED
        yield (
            f"S5 root of {name}",
            TRAIN,
            spec(swap(IMAGES.replace("FOLDER", "a"), 'root = "."', f'root = "{path}"')),
            REFUSED,
        )
        yield f"S5 init of {name}", TRAIN, spec(swap(IRIS, "epochs = 2", f'epochs = 2\ninit = "{path}"')), REFUSED
        yield (
            f"S5 compile with init of {name}",
            COMPILE,
            spec(swap(IRIS, "epochs = 2", f'epochs = 2\ninit = "{path}"')),
            REFUSED,
        )
        yield (
            f"S5 init of a layer: {name}",
            COMPILE,
            spec(swap(BASE, "out_features = 3", f'out_features = 3, init = {{ file = "{path}" }}')),
            REFUSED,
        )
    for name, (kind, command) in {
        "x.csv": ("csv", TRAIN),
        "x.npz": ("npz", TRAIN),
        "x.parquet": ("parquet", TRAIN),
    }.items():
        yield (
            f"S6 a table {name}",
            command,
            spec(TABLE.replace("TYPE", kind).replace("FILE", name), lambda name=name: made.fifo(name)),
            REFUSED,
        )
    for suffix in ("npy", "png", "csv", "jpg"):
        yield (
            f"S6 predict a {suffix}",
            ("predict", "f", f"x.{suffix}"),
            spec("", folder("run-iris"), lambda suffix=suffix: made.fifo(f"x.{suffix}")),
            REFUSED,
        )
    for suffix in ("toml", "json"):
        yield (
            f"S6 a spec .{suffix}",
            ("compile", f"d.{suffix}"),
            lambda suffix=suffix: made.fifo(f"d.{suffix}"),
            REFUSED,
        )
    for suffix in ("safetensors", "pt"):
        yield (
            f"S6 --init .{suffix}",
            (*TRAIN, "--init", f"d.{suffix}"),
            spec(IRIS, lambda suffix=suffix: made.fifo(f"d.{suffix}")),
            REFUSED,
        )
    yield "S6 a picture of a folder", TRAIN, pictures(lambda: made.fifo("images/a/9.png")), EITHER
    yield "S6 a class folder", TRAIN, pictures(lambda: made.fifo("images/c")), EITHER
    yield "S6 -o", ("compile", "x.toml", "-o", "out"), spec(BASE, lambda: made.fifo("out")), EITHER
    yield "S6 -o of schema", ("schema", "-o", "out"), lambda: made.fifo("out"), EITHER
    yield (
        "S6 -o of a page",
        ("diff", "x.toml", "x.toml", "-o", "out.html"),
        spec(BASE, lambda: made.fifo("out.html")),
        EITHER,
    )
    yield "S6 --show", ("data", "x.toml", "--show", "out.png"), spec(IRIS, lambda: made.fifo("out.png")), EITHER
    yield "S6 --run", ("train", "x.toml", "--run", "out"), spec(IRIS, lambda: made.fifo("out")), REFUSED
    yield (
        "S6 a folder of checkpoints",
        RESUME,
        spec(IRIS, folder("run-iris", lambda: shutil.rmtree("f/checkpoints"), lambda: os.mkfifo("f/checkpoints"))),
        REFUSED,
    )
    yield "S6 --import", ("compile", "x.toml", "--import", "a.py"), spec(BASE, lambda: made.fifo("a.py")), REFUSED
    yield "S6 import", ("import", "a.py:Net", "-o", "n.toml"), lambda: made.fifo("a.py"), REFUSED
    for suffix in ("onnx", "pt2"):
        yield (
            f"S6 import .{suffix}",
            ("import", f"a.{suffix}", "-o", "n.toml"),
            lambda suffix=suffix: made.fifo(f"a.{suffix}"),
            REFUSED,
        )


# ---- S7 ----
EXPRESSIONS = "1/0|1//0|1%0|2**-1|min()|max([])|min(1)|len(5)|len()|[1][5]|[1,2][0:1]|x.shape[9]|x.shape['a']|x.shape[-99]|x.shape[1.5]|'a'<1|1e308*1e308|10**400*1.0|1<2<'a'|not|()|(1,)|{}|{1}|lambda: 1|f'{x}'|x if|x.dtype|x.shape.count|y.shape[0]|h.shape[0]|i|None|...|1j|0x10|1_000|True+True|-True|~1|1 and|'a'*3|'a'+1|[1]+1|[1]*-1|1 if 'a' else 2|min('a', 1)|max(x)|len(x.shape)|x.shape+[1]|min(x.shape)|x|a:=1|*x|max(*[1])|min(a=1)|1;2|import os|\\\\|#|'|''|\"|1 2|.5.|1e|1e999|-1e999|1e999-1e999|9999999999999999999999|2**63|2**64|-2**63-1|0.5|1==1|'\\ud800'|`1`|$x|${1}|len('\\u0000')|print(1)|open('x')|abs(-3)|round(2.5)|int(3)|x.__class__|().__class__|[].append(1)|[y for y in [1]]|x[0]|1if 1else 2|1or 2|max(3,)|min([3],[4])|(3)|((((((((((3))))))))))".split(
    "|"
)


def mistakes() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    for text in EXPRESSIONS:
        quoted = json.dumps("${" + text.replace("\\\\", "\\") + "}")
        yield f"width {text}", COMPILE, spec(swap(BASE, "out_features = 3", f"out_features = {quoted}")), EITHER
        yield f"if {text}", COMPILE, spec(swap(BASE, "out_features = 3", f"out_features = 4, if = {quoted}")), EITHER
        yield (
            f"repeat {text}",
            COMPILE,
            spec(swap(BASE, "out_features = 3", f"out_features = 4, repeat = {quoted}")),
            EITHER,
        )
        yield (
            f"schedule {text}",
            TRAIN,
            spec(f'{IRIS}scheduler = {{ type = "LambdaLR", lr_lambda = {json.dumps(text)} }}\n'),
            EITHER,
        )
    for dim in (
        "1N",
        "N-",
        "N*0",
        "0*N",
        "-2*N",
        "2*",
        "*N",
        "N*N",
        "2*N*3",
        "N+1",
        "self",
        "torch",
        "None",
        "",
        " ",
        "N N",
        "\\u001b",
        "N" * 99,
        "99999999999999999999*N",
        "x",
        "1.5*N",
        "2 * N",
        "N/2",
        "N//2",
        "_",
        "__",
        "N.",
        "N[0]",
        "min",
        "Eq",
        "I",
        "E",
        "S",
        "zoo",
        "oo",
        "nan",
        "pi",
        "Symbol",
        "lambda",
        "Max",
        "floor",
    ):
        for rank in ("", ", 4"):
            inputs = f'x = ["{dim}"{rank}]'
            yield f"dim {dim[:20]}{rank}", COMPILE, spec(layers('r = "ReLU"', inputs)), EITHER
    for name in (
        "self",
        "torch",
        "nn",
        "Tensor",
        "forward",
        "output",
        "math",
        "builtins",
        "args",
        "kwargs",
        "input",
        "x",
        "_",
        "inf",
        "nan",
        "device",
        "fx_pytree",
        "pytree",
        "layer",
        "getattr_1",
        "add",
        "submod",
        "cls",
        "super",
        "dict",
        "import_",
        "match",
        "type",
        "async",
        "print",
        "len",
        "exec",
        "N",
        "dynamic_shapes",
        "model",
        "graph",
        "root",
    ):
        for inner in (
            f'{name} = {{ type = "Linear", out_features = 4 }}',
            f'a = {{ type = "Linear", out_features = 4 }}\n[outputs]\n{name} = "a"',
        ):
            yield (
                f"a {'layer' if inner.startswith(name) else 'output'} {name}",
                ("export", "x.toml", "-o", "e", "--format", "onnx", "--format", "torchscript", "--format", "pt2"),
                spec(layers(inner)),
                EITHER,
            )
        yield (
            f"a block {name}",
            COMPILE,
            spec(layers(f'a = "{name.title()}"', more=f'[blocks.{name.title()}.layers]\n{name} = "ReLU"')),
            EITHER,
        )
        yield (
            f"a variable {name}",
            COMPILE,
            spec(
                f"graphspec = 1\n[vars]\n{name} = 3\n{BASE.split(chr(10), 1)[1].replace('= 3 }', '= ' + chr(34) + '${' + name + '}' + chr(34) + ' }')}"
            ),
            EITHER,
        )
    optimizers = [
        '"SGD", lr = inf',
        '"SGD", lr = 1e308',
        '"SGD", lr = 0.1, momentum = -1',
        '"SGD", lr = 0.1, nesterov = true',
        '"SGD", lr = 0.1, dampening = 1e308, momentum = 0.9',
        '"Adam", betas = [1.0, 2.0]',
        '"Adam", betas = [0.9]',
        '"Adam", betas = "x"',
        '"Adam", eps = 0.0',
        '"Adam", eps = -1.0',
        '"Adam", amsgrad = 1',
        '"LBFGS"',
        '"LBFGS", line_search_fn = "x"',
        '"LBFGS", max_iter = 0',
        '"Adagrad", lr_decay = -1.0',
        '"Adagrad", initial_accumulator_value = -1.0',
        '"Rprop", etas = [2.0, 0.5]',
        '"Rprop", step_sizes = [5.0, 1.0]',
        '"RMSprop", alpha = -1.0',
        '"SparseAdam"',
        '"ASGD", t0 = -1.0',
        '"NAdam", momentum_decay = -1.0',
        '"RAdam"',
        '"Adafactor"',
        '"Muon"',
        '"Adamax", betas = [0.0, 0.0]',
        '"Adam", fused = true, foreach = true',
        '"Adam", capturable = true',
        '"Adam", differentiable = true',
        '"Adam", maximize = true',
        '"Optimizer"',
        '"Adam", params = []',
        '"Adam", defaults = {}',
    ]
    for text in optimizers:
        yield (
            f"optimizer {text}",
            TRAIN,
            spec(swap(IRIS, '{ type = "Adam", lr = 0.01 }', f"{{ type = {text} }}")),
            EITHER,
        )
    schedulers = [
        '"ReduceLROnPlateau", factor = 1.0',
        '"ReduceLROnPlateau", patience = -1',
        '"ReduceLROnPlateau", mode = "x"',
        '"ReduceLROnPlateau", factor = -1.0',
        '"PolynomialLR", total_iters = 0',
        '"PolynomialLR", total_iters = -1',
        '"PolynomialLR", power = -1e9',
        '"MultiStepLR", milestones = []',
        '"MultiStepLR", milestones = [-1]',
        '"MultiStepLR", milestones = [0.5]',
        '"ExponentialLR", gamma = 0.0',
        '"ExponentialLR", gamma = 1e300',
        '"ExponentialLR", gamma = -1.0',
        '"CosineAnnealingLR", eta_min = 1e308',
        '"CosineAnnealingLR", T_max = -1',
        '"CosineAnnealingWarmRestarts", T_0 = 1, T_mult = 0',
        '"CosineAnnealingWarmRestarts", T_0 = -1',
        '"CyclicLR", base_lr = 0.1, max_lr = 0.2, mode = "x"',
        '"CyclicLR", base_lr = -0.1, max_lr = 0.2',
        '"CyclicLR", base_lr = 0.1, max_lr = 0.2, gamma = 1e300, mode = "exp_range"',
        '"OneCycleLR", max_lr = -1.0',
        '"OneCycleLR", max_lr = 0.1, pct_start = -1.0',
        '"OneCycleLR", max_lr = 0.1, div_factor = 0.0',
        '"OneCycleLR", max_lr = 0.1, anneal_strategy = "x"',
        '"OneCycleLR", max_lr = 0.1, total_steps = 0',
        '"OneCycleLR", max_lr = 0.1, base_momentum = 2.0',
        '"LinearLR", total_iters = 0',
        '"LinearLR", end_factor = -1.0',
        '"LinearLR", start_factor = 2.0',
        '"ConstantLR", total_iters = -1',
        '"StepLR", step_size = -1',
        '"StepLR", step_size = 1, gamma = nan',
        '"SequentialLR", schedulers = [], milestones = []',
        '"SequentialLR", schedulers = ["LinearLR"], milestones = []',
        '"SequentialLR", schedulers = ["LinearLR", "StepLR"], milestones = [1]',
        '"SequentialLR", schedulers = ["LinearLR", "ExponentialLR"], milestones = [-1]',
        '"ChainedScheduler", schedulers = []',
        '"ChainedScheduler", schedulers = ["LinearLR", "ChainedScheduler"]',
        '"SequentialLR", schedulers = ["SequentialLR", "LinearLR"], milestones = [1]',
        '"MultiplicativeLR", lr_lambda = "1e308"',
        '"LambdaLR", lr_lambda = "epoch / 0"',
        '"LambdaLR", lr_lambda = "-epoch"',
        '"LambdaLR", lr_lambda = "1e999"',
        '"LambdaLR", lr_lambda = "[1]"',
        '"LRScheduler"',
        '"SWALR", swa_lr = 0.1',
        '"LambdaLR", lr_lambda = ["1"]',
        '"StepLR", last_epoch = 5, step_size = 1',
        '"StepLR", step_size = 1, optimizer = 1',
    ]
    for text in schedulers:
        yield f"scheduler {text}", TRAIN, spec(f"{IRIS}scheduler = {{ type = {text} }}\n"), EITHER
    losses = [
        '"CrossEntropyLoss", label_smoothing = 2.0',
        '"CrossEntropyLoss", weight = [1.0]',
        '"CrossEntropyLoss", weight = [-1.0, 1.0, 1.0]',
        '"CrossEntropyLoss", weight = [0.0, 0.0, 0.0]',
        '"CrossEntropyLoss", ignore_index = 1',
        '"CrossEntropyLoss", reduction = "none"',
        '"CrossEntropyLoss", reduction = "sum"',
        '"HuberLoss", delta = 0.0',
        '"SmoothL1Loss", beta = -1.0',
        '"MultiMarginLoss", p = 3',
        '"MultiMarginLoss", margin = 1e308',
        '"TripletMarginLoss"',
        '"GaussianNLLLoss"',
        '"CTCLoss"',
        '"CosineEmbeddingLoss"',
        '"PoissonNLLLoss", eps = 0.0',
        '"BCEWithLogitsLoss", pos_weight = [1.0, 2.0]',
        '"BCELoss"',
        '"NLLLoss"',
        '"KLDivLoss"',
        '"MultiLabelMarginLoss"',
        '"MultiLabelSoftMarginLoss"',
        '"SoftMarginLoss"',
        '"HingeEmbeddingLoss"',
        '"MarginRankingLoss"',
        '"L1Loss"',
        '"MSELoss"',
        '"AdaptiveLogSoftmaxWithLoss", n_classes = 3, cutoffs = [2]',
        '"LinearCrossEntropyLoss"',
        '"Module"',
        '"CrossEntropyLoss", factor = 1e308',
        '"CrossEntropyLoss", factor = -1.0',
        '"CrossEntropyLoss", output = "x"',
        '"CrossEntropyLoss", target = "\\u001b"',
        '"CrossEntropyLoss", factor = 0.0',
    ]
    for text in losses:
        yield f"loss {text}", TRAIN, spec(f"{IRIS}loss = {{ type = {text} }}\n"), EITHER
    augments = [
        '"RandomResizedCrop", size = 8, scale = [0.0, 0.0]',
        '"RandomResizedCrop", size = 8, ratio = [0.0, 0.0]',
        '"RandomResizedCrop", size = 8, scale = [2.0, 1.0]',
        '"RandomPerspective", distortion_scale = 5.0',
        '"RandomPerspective", p = 2.0',
        '"ColorJitter", brightness = -1.0',
        '"ColorJitter", hue = 0.9',
        '"ColorJitter", brightness = [2.0, 1.0]',
        '"RandomRotation", degrees = -1',
        '"RandomRotation", degrees = [1]',
        '"RandomAffine", degrees = 0, shear = [1, 2, 3]',
        '"RandomAffine", degrees = 0, translate = [2.0, 2.0]',
        '"RandomAffine", degrees = 0, scale = [0.0, 0.0]',
        '"GaussianBlur", kernel_size = 4',
        '"GaussianBlur", kernel_size = 3, sigma = 0.0',
        '"RandomErasing", scale = [1.0, 0.0]',
        '"RandomErasing", value = "x"',
        '"RandomErasing", ratio = [0.0, 0.0]',
        '"CutMix", alpha = 0.0',
        '"CutMix", alpha = 1e308',
        '"MixUp", alpha = -1.0',
        '"MixUp", num_classes = 99',
        '"AutoAugment", policy = "x"',
        '"RandomPosterize", bits = 99',
        '"RandomPosterize", bits = -1',
        '"RandomSolarize", threshold = 1e9',
        '"RandomAdjustSharpness", sharpness_factor = -1.0',
        '"RandomIoUCrop"',
        '"Grayscale", num_output_channels = 7',
        '"ElasticTransform", sigma = 0.0',
        '"ElasticTransform", alpha = -1.0',
        '"RandomCrop", size = 99',
        '"RandomCrop", size = 0',
        '"RandomCrop", size = -1',
        '"RandomCrop", size = [8]',
        '"RandomCrop", size = 8, padding = -1',
        '"RandomCrop", size = 8, padding_mode = "x"',
        '"FiveCrop", size = 8',
        '"Lambda"',
        '"ToTensor"',
        '"ToDtype", dtype = "float32"',
        '"Normalize", mean = [0.0], std = [0.0]',
        '"LinearTransformation"',
        '"SanitizeBoundingBoxes"',
        '"ConvertBoundingBoxFormat", format = "XYXY"',
        '"JPEG", quality = 0',
        '"JPEG", quality = [1, 1]',
        '"RandomChannelPermutation"',
        '"RandomPhotometricDistort", p = 5.0',
        '"Compose", transforms = []',
        '"RandomApply", transforms = []',
        '"RandomChoice", transforms = []',
        '"RandomOrder"',
        '"Identity"',
        '"PILToTensor"',
        '"UniformTemporalSubsample", num_samples = 3',
        '"ClampBoundingBoxes"',
        '"RandAugment", num_ops = 2, magnitude = 99',
        '"RandAugment", num_magnitude_bins = 0',
        '"TrivialAugmentWide", num_magnitude_bins = 0',
        '"AugMix", severity = 99',
        '"AugMix", alpha = 0.0',
        '"GaussianNoise", sigma = -1.0',
        '"GaussianNoise", mean = 1e308',
        '"RandomHorizontalFlip", p = 5.0',
        '"RandomInvert"',
        '"RandomEqualize"',
        '"RandomAutocontrast"',
        '"ScaleJitter", target_size = [0, 0]',
        '"RandomShortestSize", min_size = 0',
        '"RandomResize", min_size = 9, max_size = 3',
        '"CutMix", alpha = 1e-300',
        '"SimpleCopyPaste"',
        '"Transform"',
        '"ToPILImage"',
        '"GaussianBlur", kernel_size = 31',
    ]
    for text in augments:
        yield f"augment {text}", TRAIN, pictures(text=f"augment = [{{ type = {text} }}]"), EITHER
    for text in (
        "a..b=1",
        "=1",
        "a=",
        "train.epochs=",
        "layers.0.0=1",
        "[=1",
        "train.epochs=[",
        "train.epochs=\x1b[2J",
        "\x1b[2J=1",
        ".".join("a" * 1000) + "=1",
        "train=1",
        "train={}",
        "train.epochs.x=1",
        "data.dataset.type.x='a'",
        "layers.h=1",
        "layers.h.type='Conv2d'",
        "inputs.x=[]",
        "inputs=5",
        "train.epochs=nan",
        "train.epochs=1979-05-27",
        "graphspec=2",
        "vars.a=1",
        "layers.h.out_features='${1/0}'",
        "train.optimizer.lr=1\n[x]",
        "a=1\nb=2",
        "layers['h'].out_features=3",
        "layers.h.out_features=3.0",
        "'a b'=1",
        '"a"=1',
        "layers.-1=2",
        "train.epochs=" + "[" * 5000,
        'train.epochs="""x',
        "x" * 100000 + "=1",
        "variants=1",
        "tune.space=1",
        "é.ü=1",
        "train.epochs=９",
        "outputs=1",
        "outputs.q='h'",
        "blocks.A=1",
        "blocks.A.layers.r='ReLU'",
        "dims.N={max=-1}",
        "dims.N={min=5,max=1}",
        "dims.Q={max=3}",
        "dims.N={max=99999999999999999999}",
        "dims.N=1",
        "export.formats=['x']",
        "export.opset_version=-1",
        "export.precisions=['fp99']",
        "data.batch_size=0",
        "data.test=1.5",
        "data.validation=-1",
        "data.test=0.99",
        "data.root=5",
        "train.monitor='x'",
        "train.metrics=['x']",
        "train.metrics=[{type='accuracy',x=1}]",
        "train.ema=2.0",
        "train.ema=-1.0",
        "train.clip_grad_norm=0.0",
        "train.clip_grad_norm=-1.0",
        "train.early_stopping=-1",
        "train.early_stopping=0",
        "train.memory_format='x'",
        "train.precision='x'",
        "train.engine='x'",
        "train.warmup=-1",
        "train.seed=-1",
        "train.seed=" + str(2**64),
        "train.seed=" + str(2**63),
    ):
        yield f"--set {text[:30]!a}", ("train", "x.toml", "--run", "r", "--set", text), spec(IRIS), EITHER
        yield f"compile --set {text[:30]!a}", ("compile", "x.toml", "--set", text), spec(IRIS), EITHER
    for name in (
        "$x^{$",
        "$\\foo$",
        "\x1b[2J",
        "a\nb",
        "\u202ea",
        "_",
        "",
        " ",
        "a" * 3000,
        "é",
        "\u2028",
        "\x85",
        "<script>alert(1)</script>",
        "](javascript:x)",
        "| a | b |",
        "=cmd|' /C calc'!A0",
        "%s%n",
        "{}",
        "\\",
        "\0",
    ):
        for target in ("classes", "target", "feature"):
            names = {
                "classes": ("a", "b", "y", name),
                "target": ("a", "b", name, "p"),
                "feature": (name, "b", "y", "p"),
            }[target]
            quoted = ['"' + each.replace('"', '""') + '"' for each in names]
            rows = f"{quoted[0]},{quoted[1]},{quoted[2]}\n" + "".join(
                f"{k},{k % 3},{quoted[3] if k % 2 else 'q'}\n" for k in range(40)
            )
            text = (
                TABLE.replace("TYPE", "csv")
                .replace("FILE", "d.csv")
                .replace('target = "y"', f"target = {json.dumps(names[2])}")
            )
            for command in (TRAIN, ("data", "x.toml", "--show", "out.png"), (*TRAIN, "--find-lr", "lr.png")):
                yield (
                    f"{command[0]}{len(command)} {target} {name[:20]!a}",
                    command,
                    spec(text, file("d.csv", rows)),
                    EITHER,
                )


# ---- S8 ----
def folders() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    texts = {
        "null": "null",
        "list": "[]",
        "text": '"x"',
        "number": "5",
        "deep": "[" * 100_000,
        "NaN": '{"a": NaN}',
        "empty": "",
        "latin": b"\xff\xfe",
        "escape": '{"\x1b[2J": "\\u001b[2J"}',
        "other": '{"classes": 5, "columns": "x", "scale": [], "labels": {"a": 1}}',
        "twice": '{"a": 1, "a": 2}',
        "many": json.dumps({str(k): k for k in range(200_000)}),
        "surrogate": '{"classes": ["\\ud800", "b", "c"]}',
    }
    for name, text in texts.items():
        for command in (PREDICT, ("export", "f", "-o", "e", "--format", "pipeline"), ("evaluate", "f"), RESUME, DIFF):
            yield (
                f"{command[0]} learned.json {name}",
                command,
                spec(IRIS, folder("run-iris", file("f/learned.json", text)), folder("run-iris", name="g")),
                EITHER,
            )
        for command in (PREDICT, ("verify", "f"), ("diff", "f", str(base("exp")))):
            yield (
                f"{command[0]} export's learned.json {name}",
                command,
                spec("", folder("exp", file("f/learned.json", text), sealed=True)),
                (0, 1, 3),
            )
        for command in (RESUME, DIFF):
            yield (
                f"{command[0]} metrics.csv {name}",
                command,
                spec(IRIS, folder("run-iris", file("f/metrics.csv", text)), folder("run-iris", name="g")),
                EITHER,
            )
            yield (
                f"{command[0]} environment.json {name}",
                command,
                spec(IRIS, folder("run-iris", file("f/environment.json", text)), folder("run-iris", name="g")),
                EITHER,
            )
            yield (
                f"{command[0]} evaluation.json {name}",
                command,
                spec(IRIS, folder("run-iris", file("f/evaluation.json", text)), folder("run-iris", name="g")),
                EITHER,
            )
    rows = "epoch,train_loss,validation_loss\n1,0.5,0.5\n2,nan,inf\n"
    for name, text in {
        "short": rows[:20],
        "words": rows.replace("0.5", "x"),
        "wide": "a," * 100_000 + "\n1",
        "backwards": rows.replace("1,", "9,"),
        "ragged": rows + "3\n",
        "escape": rows.replace("train", "\x1b[2J"),
        "quote": rows + '"',
        "huge": rows + "9" * 6000 + ",1,1\n",
        "nul": rows + "\0\n",
        "negative": rows + "-1,1,1\n",
    }.items():
        for command in (RESUME, DIFF):
            yield (
                f"{command[0]} metrics.csv {name}",
                command,
                spec(IRIS, folder("run-iris", file("f/metrics.csv", text)), folder("run-iris", name="g")),
                EITHER,
            )
    for at, value in {
        ("labels",): ["\x1b[2J"] * 10,
        ("outputs",): [],
        ("inputs",): [],
        ("formats",): ["../x"],
        ("spec",): "/etc/passwd",
        ("classes",): ["a"] * 10**6,
        ("name",): "\x1b[2J" * 1000,
        ("tolerance",): -1,
        ("verified",): False,
        ("untrained",): "no",
    }.items():
        for command in (PREDICT, ("verify", "f"), ("diff", "f", str(base("exp")))):
            yield (
                f"{command[0]} manifest {at[0]}",
                command,
                spec("", lambda at=at, value=value: manifest(at, value)),
                (0, 1, 3),
            )

    def folder_in(name: str) -> Make:
        return lambda: (Path("f", name).unlink(missing_ok=True), Path("f", name).mkdir())

    for name in (
        "spec.toml",
        "best.safetensors",
        "evaluation.json",
        "environment.json",
        "learned.json",
        "metrics.csv",
        ".lock",
    ):
        for command in (PREDICT, ("evaluate", "f"), RESUME, DIFF):
            yield (
                f"{command[0]} {name} is a folder",
                command,
                spec(IRIS, folder("run-iris", folder_in(name)), folder("run-iris", name="g")),
                EITHER,
            )
    for name in ("curves.png", "confusion_matrix.png", "evaluation.json", "classes.png", "errors.png"):
        yield (
            f"evaluate {name} is a link",
            ("evaluate", "f"),
            spec(
                "",
                folder(
                    "run-iris",
                    lambda name=name: (
                        Path("f", name).unlink(missing_ok=True),
                        os.symlink("/etc/hostname", f"f/{name}"),
                    ),
                ),
            ),
            EITHER,
        )
        yield (
            f"evaluate {name} is a folder",
            ("evaluate", "f"),
            spec(
                "",
                folder(
                    "run-iris", lambda name=name: (Path("f", name).unlink(missing_ok=True), Path("f", name).mkdir())
                ),
            ),
            EITHER,
        )
        yield (
            f"evaluate {name} is a FIFO",
            ("evaluate", "f"),
            spec("", folder("run-iris", lambda name=name: made.fifo(f"f/{name}"))),
            EITHER,
        )


# ---- S10 ----
def dtypes() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    import safetensors.torch
    import torch

    def cast(path: str, name: str, of: str = "") -> Make:
        def make() -> None:
            held = safetensors.torch.load_file(path)
            safetensors.torch.save_file(
                {key: value.to(getattr(torch, name)) if of in key else value for key, value in held.items()}, path
            )

        return make

    for name in ("float16", "bfloat16", "float64", "int8", "int64", "uint8", "uint16", "float8_e5m2", "bool"):
        for command in (
            ("evaluate", "f"),
            PREDICT,
            ("export", "f", "-o", "e"),
            RESUME,
            ("diff", "f", str(base("run-iris"))),
        ):
            yield (
                f"{command[0]} a run of {name}",
                command,
                spec(IRIS, folder("run-iris", cast("f/best.safetensors", name, "bias"))),
                EITHER,
            )
        for command in (("verify", "f"), ("diff", "f", str(base("exp")))):
            yield (
                f"{command[0]} an export of {name}",
                command,
                spec("", folder("exp", cast("f/weights.safetensors", name, "bias"), sealed=True)),
                (0, 1, 3) if command[0] == "diff" else WRONG,
            )
        yield (
            f"--init of {name}",
            (*TRAIN, "--init", "i.safetensors"),
            spec(
                IRIS,
                lambda: shutil.copy(base("run-iris/best.safetensors"), "i.safetensors"),
                cast("i.safetensors", name),
            ),
            EITHER,
        )
        yield (
            f"compile with init of {name}",
            COMPILE,
            spec(
                swap(IRIS, "epochs = 2", 'epochs = 2\ninit = "i.safetensors"'),
                lambda: shutil.copy(base("run-iris/best.safetensors"), "i.safetensors"),
                cast("i.safetensors", name),
            ),
            EITHER,
        )
    for name in (
        "complex64",
        "U5",
        "S5",
        "datetime64[s]",
        "V8",
        "O",
        "longdouble",
        "float16",
        ">f4",
        "bool",
        "i1",
        "u8",
    ):
        for key in ("x", "y"):

            def arrays(name: str = name, key: str = key) -> None:
                made_ = {"x": np.zeros((40, 2), "f4"), "y": np.arange(40) % 2}
                made_[key] = np.zeros(made_[key].shape, name) if name != "O" else np.full(made_[key].shape, None)
                np.savez("d.npz", allow_pickle=True, **made_)

            yield (
                f"npz {key} of {name}",
                TRAIN,
                spec(
                    TABLE.replace("TYPE", "npz").replace("FILE", "d.npz").replace('target = "y"', 'targets = ["y"]'),
                    arrays,
                ),
                EITHER,
            )
        yield (
            f"predict of {name}",
            ("predict", "f", "one.npy"),
            spec(
                "",
                folder("run-iris"),
                lambda name=name: np.save(
                    "one.npy", np.zeros((2, 4), name) if name != "O" else np.full((2, 4), None), allow_pickle=True
                ),
            ),
            EITHER,
        )
        yield (
            f"predict an export of {name}",
            ("predict", "f", "one.npy"),
            spec(
                "",
                folder("exp"),
                lambda name=name: np.save(
                    "one.npy",
                    np.zeros((2, 1, 8, 8), name) if name != "O" else np.full((2, 1, 8, 8), None),
                    allow_pickle=True,
                ),
            ),
            (0, 1, 3),
        )


# ---- S11 ----
NAMES = (
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202eabc",
    "a\rb",
    "a\nb",
    "a\x08\x08b",
    "\x7f",
    "\u2066x",
    "\ufeffx",
    "\ud800",
)


def controls() -> Iterator[tuple[str, tuple[str, ...], Make, tuple[int, ...]]]:
    for n, name in enumerate(NAMES):
        shown = f"{name!a}"
        held = name.encode(errors="surrogatepass")
        yield (
            f"a spec called {shown}",
            ("compile", f"{name}.toml") if "\ud800" not in name else COMPILE,
            spec(BASE, lambda name=name: Path(name + ".toml").write_text("x = ") if "\ud800" not in name else None),
            EITHER,
        )
        yield f"a folder called {shown}", ("verify", name) if "\ud800" not in name else ("verify", "x"), spec(""), WRONG
        yield (
            f"a format called {shown}",
            ("export", "x.toml", "--format", name.replace("\ud800", "?")),
            spec(BASE),
            (1, 2),
        )
        yield f"a layer looked up {shown}", ("ops", name.replace("\ud800", "?")), spec(BASE), (1, 2)
        yield f"a template {shown}", ("init", name.replace("\ud800", "?")), spec(BASE), (1, 2)
        yield (
            f"an output file {shown}",
            ("compile", "x.toml", "-o", f"no/{name}".replace("\ud800", "?")),
            spec(BASE),
            EITHER,
        )
        yield f"a run {shown}", ("train", "x.toml", "--run", f"r{name}".replace("\ud800", "?")), spec(IRIS), EITHER
        yield (
            f"an import {shown}",
            ("import", f"torchvision:{name}".replace("\ud800", "?"), "-o", "n.toml"),
            spec(""),
            (1, 2),
        )
        yield (
            f"an import file {shown}",
            ("compile", "x.toml", "--import", f"{name}.py".replace("\ud800", "?")),
            spec(BASE),
            (1, 2),
        )
        yield (
            f"a picture's name {shown}",
            TRAIN,
            pictures(lambda held=held: Path(os.fsdecode(b"images/a/" + held + b".png")).write_bytes(b"no picture")),
            EITHER,
        )
        yield (
            f"predict a file {shown}",
            ("predict", "f", f"{name}.npy".replace("\ud800", "?")),
            spec("", folder("run-iris")),
            REFUSED,
        )
        for command in (("evaluate", "f"), DIFF, PREDICT):
            yield (
                f"{command[0]} a tensor {shown}",
                command,
                spec(
                    "",
                    folder(
                        "run-iris",
                        lambda name=name: Path("f/best.safetensors").write_bytes(
                            tensors({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
                        ),
                    ),
                    folder("run-iris", name="g"),
                ),
                EITHER,
            )
        yield (
            f"--init with a tensor {shown}",
            (*TRAIN, "--init", "d.safetensors"),
            spec(
                IRIS,
                lambda name=name: Path("d.safetensors").write_bytes(
                    tensors({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
                ),
            ),
            EITHER,
        )
        if "\ud800" not in name:

            def archive(name: str = name) -> None:
                np.savez("d.npz", **{name: np.zeros((40, 2), "f4"), "y": np.arange(40) % 2})

            yield (
                f"npz with {shown}",
                TRAIN,
                spec(
                    TABLE.replace("TYPE", "npz").replace("FILE", "d.npz").replace('target = "y"', 'targets = ["y"]'),
                    archive,
                ),
                EITHER,
            )
            yield (
                f"parquet with {shown}",
                TRAIN,
                spec(TABLE.replace("TYPE", "parquet").replace("FILE", "d.parquet"), lambda name=name: parquet(name)),
                EITHER,
            )
            for key in (
                "layers",
                "inputs",
                "outputs",
                "vars",
                "dims",
                "blocks",
                "variants",
                "train",
                "data",
                "export",
                "tune",
                "x",
            ):
                yield (
                    f"a key of {key} {shown}",
                    COMPILE,
                    spec(
                        f"{BASE if key not in ('layers', 'inputs') else BASE.replace('[layers]', '') + '[layers]'}\n"
                        + (f"[{key}]\n" if key not in ("layers", "inputs") else "")
                        + f"{json.dumps(name)} = 1\n"
                    ),
                    EITHER,
                )
            yield f"a name {shown}", ("export", "x.toml"), spec(f"name = {json.dumps(name)}\n{BASE}"), EITHER
            for emit in ("summary", "spec", "graph", "shapes", "python", "mermaid", "svg"):
                yield (
                    f"{emit} of a text argument {shown}",
                    ("compile", "x.toml", "--emit", emit),
                    spec(swap(BASE, "out_features = 3", f"out_features = 3, init = {json.dumps(name)}")),
                    EITHER,
                )
        del n


def parquet(name: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({name: np.zeros(40, np.float32), "b": [name] * 40, "y": [name, "q"] * 20}), "d.parquet")


def promises() -> Iterator[Case]:
    """All of them; a case's name begins with its kind."""
    for kind, rows in {
        "S1": programs,
        "S2": others,
        "S3": memory,
        "S4": models,
        "": elsewhere,
        "S7": mistakes,
        "S8": folders,
        "S10": dtypes,
        "S11": controls,
    }.items():
        for name, command, make, right in rows():
            yield Case(f"{kind} {name}".strip(), command, make, right)
