"""Hostile files, as a stranger may hand them over: specs, data, runs, exports, studies, caches.

Each function makes one kind into the working directory.

``run.py`` beside this uses them one after the other and looks at the answer. By hand, in an empty folder with
limits (``ulimit -v 9000000``, ``timeout 60``), for several of these take all the memory they get::

    python hostile_files.py base        # the ordinary specs, runs, export and study that the others are forged from
    python hostile_files.py eps loop    # some of them; without a name: which there are
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

HEAD = """graphspec = 1
[inputs]
x = ["N", 4]
"""
BASE = f"""{HEAD}[layers]
fc = {{ type = "Linear", out_features = 3 }}
"""
IRIS = f"""{HEAD}[layers]
h = {{ type = "Linear", out_features = 8 }}
r = "ReLU"
b = {{ type = "Linear", out_features = 3 }}
[data]
dataset = "iris"
batch_size = 16
[train]
epochs = 2
optimizer = {{ type = "Adam", lr = 0.01 }}
"""
DIGITS = """graphspec = 1
[inputs]
image = ["N", 1, 8, 8]
[layers]
flat = "Flatten"
hid = { type = "Linear", out_features = 16 }
relu = "ReLU"
logits = { type = "Linear", out_features = 10 }
[data]
dataset = "digits"
[train]
epochs = 1
[export]
formats = ["onnx"]
"""
IMAGES = """graphspec = 1
[inputs]
image = ["N", 3, 8, 8]
[layers]
f = "Flatten"
l = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "ImageFolder", folder = "FOLDER" }
root = "."
batch_size = 4
[train]
epochs = 1
"""
TABLE = """graphspec = 1
[inputs]
x = ["N", 2]
[layers]
l = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "TYPE", file = "FILE", target = "y" }
root = "."
batch_size = 4
[train]
epochs = 1
"""
LONG = """graphspec = 1
[inputs]
x = ["N", 1]
[layers]
l = { type = "Linear", out_features = 1 }
[data]
dataset = { type = "line", samples = 500 }
batch_size = 16
[train]
epochs = 12
loss = "MSELoss"
optimizer = { type = "Adam", lr = 0.01 }
"""
TUNE = f"""{IRIS}[tune]
trials = 2
[tune.space]
"train.optimizer.lr" = {{ low = 0.001, high = 0.1 }}
"""
TWO = """graphspec = 1
[inputs]
ORDER
[layers]
s = { type = "sub", from = ["p", "q"] }
l = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "npz", file = "two.npz", targets = ["y"] }
root = "."
[train]
epochs = 2
loss = "CrossEntropyLoss"
"""


def run(*command):
    """A command that must succeed; ``graphspec`` is the one of this interpreter."""
    own = [sys.executable, "-m"] if command[0] == "graphspec" else []
    subprocess.run([*own, *command], check=True, timeout=300, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def base():
    """Specs base, iris, digits, long, tune; the runs run-iris and run-digits, exp (an export of run-digits), study."""
    specs = {"base": BASE, "iris": IRIS, "digits": DIGITS, "long": LONG, "tune": TUNE}
    for name, text in specs.items():
        Path(name + ".toml").write_text(text)
    for name in ("iris", "digits"):
        run("graphspec", "train", name + ".toml", "--run", "run-" + name)
    run("graphspec", "export", "run-digits", "-o", "exp")
    run("graphspec", "tune", "tune.toml", "--run", "study")


def table():
    """table.csv with numbers and texts, run-table that has learned from it, exp-table."""
    rows = [f"{k / 7:.3f},{'uvw'[k % 3]},{'pq'[k % 2]}" for k in range(60)]
    Path("table.csv").write_text("a,t,y\n" + "\n".join(rows) + "\n")
    text = TABLE.replace("TYPE", "csv").replace("FILE", "table.csv").replace('["N", 2]', '["N", 4]')
    Path("table.toml").write_text(text.replace('root = "."', 'root = "."\ntransforms = ["StandardScaler"]'))
    run("graphspec", "train", "table.toml", "--run", "run-table")
    run("graphspec", "export", "run-table", "-o", "exp-table")


TEXTS = """graphspec = 1
[inputs]
text = { shape = ["N", "T"], dtype = "int64" }
[layers]
e = { type = "Embedding", num_embeddings = "${vocabulary.text}", embedding_dim = 4 }
m = { type = "mean", dim = 1 }
l = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "csv", file = "texts.csv", target = "y" }
tokenizer = { type = "KIND", max_length = 8 }
root = "."
batch_size = 16
[train]
epochs = 1
"""


def texts():
    """texts.csv with texts that end scripts, run-text that has learned its words from it, exp-text."""
    said = (
        "</script><script>alert(1)</script>",
        "<!-- <img src=x onerror=alert(1)>",
        "\u2028 ]]> __proto__",
        "$(id) `id` {{7*7}}",
    )
    rows = [f'"{said[k % 4]} {k}","{("</script><b>", "<!--")[k % 2]}"' for k in range(60)]
    Path("texts.csv").write_text("text,y\n" + "\n".join(rows) + "\n")
    Path("texts.toml").write_text(TEXTS.replace("KIND", "WordLevel"))
    run("graphspec", "train", "texts.toml", "--run", "run-text")
    run("graphspec", "export", "run-text", "-o", "exp-text", "--format", "onnx")


def signed():
    """Keys own, other, rsa, locked and their public ones; exp-signed by the first."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    pem, whole = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    kinds = {"own": None, "other": None, "locked": b"a word", "rsa": None}
    for name, password in kinds.items():
        key = rsa.generate_private_key(65537, 2048) if name == "rsa" else ec.generate_private_key(ec.SECP256R1())
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        Path(f"{name}.pem").write_bytes(key.private_bytes(pem, whole, locked))
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        Path(f"{name}.pub").write_bytes(public)
    run("graphspec", "export", "run-digits", "-o", "exp-signed", "--format", "onnx", "--sign", "own.pem")


# ---- forging ----
def seal(folder, change=None):
    """Write the manifest of `folder` again, with the right hashes of its regular files and of itself."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest.pop("manifest_sha256")
    files = sorted(
        p
        for p in folder.iterdir()
        if p.is_file() and p.name != "manifest.json" and (not p.is_symlink() or p.stat().st_size)
    )
    manifest["files"] = {
        p.name: {"sha256": hashlib.sha256(p.read_bytes()).hexdigest(), "bytes": p.stat().st_size} for p in files
    }
    if change:
        change(manifest)

    def text(value):
        return json.dumps(value, indent=2, ensure_ascii=False)

    path.write_text(text(manifest | {"manifest_sha256": hashlib.sha256(text(manifest).encode()).hexdigest()}) + "\n")


def export(name, edit=None, change=None):
    folder = Path(name)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("exp", folder)
    if edit:
        edit(folder)
    seal(folder, change)
    return folder


def copied(source, name):
    shutil.rmtree(name, ignore_errors=True)
    shutil.copytree(source, name)
    return Path(name)


def checkpoint(name, change):
    """A copy of run-iris whose newest checkpoint's state was changed and sealed again; the older ones are gone."""
    folder = copied("run-iris", name)
    *older, path = sorted((folder / "checkpoints").glob("step-*.json"))
    for old in older:
        old.unlink()
        old.with_suffix(".safetensors").unlink()
    body = json.loads(json.loads(path.read_text())["body"])
    change(body)
    text = json.dumps(body, separators=(",", ":"))
    path.write_text(json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "body": text}))


def entries(node, key):
    """Every `[key, value]` of the checkpoint's encoded dicts."""
    if isinstance(node, dict) and node.get("$") == "dict":
        for item in node["items"]:
            if item[0] == key:
                yield item
            yield from entries(item[1], key)
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from entries(value, key)


def pictures(folder, classes=("a", "b")):
    from PIL import Image

    for shade, name in enumerate(classes):
        os.makedirs(os.path.join(os.fsencode(folder), os.fsencode(name)), exist_ok=True)
        for i in range(6):
            Image.fromarray(np.full((8, 8, 3), 30 * i + shade, np.uint8)).save(
                os.path.join(os.fsencode(folder), os.fsencode(name), b"%d.png" % i).decode(errors="surrogateescape")
            )
    Path(folder + ".toml").write_text(IMAGES.replace("FOLDER", folder))


def model(name, nodes, inits=(), outputs=None):
    """exp with another model.onnx: input image, output `output`, as a stranger's export."""
    from onnx import TensorProto, helper, numpy_helper

    outputs = outputs or [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 10])]
    value = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])
    graph = helper.make_graph(
        nodes, "g", [value], outputs, [numpy_helper.from_array(np.asarray(array), key) for key, array in inits]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return export(name, lambda folder: (folder / "model.onnx").write_bytes(made.SerializeToString()))


def dense():
    from onnx import helper

    flat = [helper.make_node("Flatten", ["image"], ["flat"], axis=1), helper.make_node("MatMul", ["flat", "w"], ["mm"])]
    return flat, ("w", np.zeros((64, 10), np.float32))


def fifo(path):
    Path(path).unlink(missing_ok=True)
    os.mkfifo(path)


# ---- S1 ----
def eps():
    """eps/: pictures, one a PostScript program in a .png; eps.toml; bin/gs, which notes that it was started."""
    pictures("eps")
    Path("eps/a/0.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    os.makedirs("bin", exist_ok=True)
    Path("bin/gs").write_text('#!/bin/sh\necho "gs $*" >>"${0%/*}/started"\necho 10.0\n')
    os.chmod("bin/gs", 0o755)


def gs_fails():
    """eps/ as above with a gs that exits with 1."""
    eps()
    Path("bin/gs").write_text("#!/bin/sh\nexit 1\n")


# ---- S2 ----
def block_order():
    """first.toml and second.toml, which differ in the order of two layers inside a block."""
    linear, relu = 'l = { type = "Linear", out_features = 8 }', 'r = "ReLU"'
    for name, inner in (("first", f"{linear}\n{relu}"), ("second", f"{relu}\n{linear}")):
        Path(name + ".toml").write_text(
            IRIS.replace('r = "ReLU"\n', 'blk = "B"\n').replace("[data]", f"[blocks.B.layers]\n{inner}\n[data]")
        )


def input_order():
    """p-q.toml and q-p.toml, which differ in the order of two inputs; two.npz."""
    draw = np.random.RandomState(0)
    np.savez("two.npz", p=draw.randn(60, 4).astype("f4"), q=draw.randn(60, 4).astype("f4"), y=draw.randint(0, 2, 60))
    p, q = 'p = ["N", 4]', 'q = ["N", 4]'
    for name, order in (("p-q", f"{p}\n{q}"), ("q-p", f"{q}\n{p}")):
        Path(name + ".toml").write_text(TWO.replace("ORDER", order))


# ---- S3 ----
def joined():
    """joined.toml: 3 kB; a0 is 990 characters, a1 190 times a0, a2 190 times a1, a3 60 times a2."""
    rows = [f'a0 = "{"x" * 990}"'] + [
        f'a{i} = "{f"${{a{i - 1}}}" * times}"' for i, times in ((1, 190), (2, 190), (3, 60))
    ]
    Path("joined.toml").write_text(
        "graphspec = 1\n[vars]\n"
        + "\n".join(rows)
        + '\n[inputs]\nx = ["N", 4]\n[layers]\nfc = { type = "Linear", out_features = "${a3}" }\n'
    )


def parquet_bomb():
    """bomb.parquet (5 kB): one text of 20,000 characters, 400,000 times by a dictionary; bomb.toml."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(400_000, np.int32)), pa.array(["u" * 20_000]))
    pq.write_table(
        pa.table({"a": np.zeros(400_000, np.float32), "t": text, "y": np.arange(400_000) % 2}),
        "bomb.parquet",
        compression="zstd",
    )
    Path("bomb.toml").write_text(TABLE.replace("TYPE", "parquet").replace("FILE", "bomb.parquet"))


def csv_bomb():
    """onehot.csv (8 MB): 100 text columns of 9,990 different texts each; onehot.toml."""
    with open("onehot.csv", "w") as file:
        file.write(",".join(f"c{i}" for i in range(100)) + ",y\n")
        for row in range(9990):
            file.write(",".join(f"{row:x}x{i}" for i in range(100)) + f",{'pq'[row % 2]}\n")
    Path("onehot.toml").write_text(TABLE.replace("TYPE", "csv").replace("FILE", "onehot.csv"))


def grid():
    """grid.toml: GridSampler over 200 million whole numbers."""
    Path("grid.toml").write_text(
        IRIS
        + '[tune]\ntrials = 1\nsampler = "GridSampler"\n[tune.space]\n"train.seed" = { low = 1, high = 200000000 }\n'
    )


def resize():
    """resize.toml with pictures/: Resize to 30,000 × 30,000."""
    pictures("resize")
    Path("resize.toml").write_text(
        IMAGES.replace("FOLDER", "resize").replace(
            'root = "."', 'root = "."\ntransforms = [{ type = "Resize", size = [30000, 30000] }]'
        )
    )


def lines():
    """lines.toml: the data set "line" with two billion samples."""
    Path("lines.toml").write_text(LONG.replace("samples = 500", "samples = 2000000000"))


def golden_bomb():
    """golden-bomb/: an export whose golden.npz (4 MB) holds zeros of shape (16000000, 1, 8, 8)."""

    def edit(folder):
        names = zipfile.ZipFile(folder / "golden.npz").namelist()
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "<f4", "fortran_order": False, "shape": (16_000_000, 1, 8, 8)}
        )
        with zipfile.ZipFile(folder / "golden.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in names[:1]:
                with archive.open(name, "w", force_zip64=True) as entry:
                    entry.write(head.getvalue())
                    for _ in range(256 * 4 * 4 - 1):
                        entry.write(bytes(10**6))
                    entry.write(bytes(4 * 16_000_000 * 64 - 10**6 * (256 * 4 * 4 - 1)))
            for name in names[1:]:
                archive.writestr(name, b"")

    export("golden-bomb", edit)


def constant_of_shape():
    """constant/: an export of 1 kB of ONNX that asks for 6,000,000,000 floats."""
    from onnx import helper as h

    flat, weight = dense()
    model(
        "constant",
        [
            *flat,
            h.make_node("ConstantOfShape", ["n"], ["big"]),
            h.make_node("ReduceSum", ["big"], ["r"], keepdims=0),
            h.make_node("Add", ["mm", "r"], ["output"]),
        ],
        [weight, ("n", [6_000_000_000])],
    )


def constant_cut():
    """constant-cut/: 3,000,000,000 floats, of which ten are used: onnxruntime computes it while it loads the file."""
    from onnx import helper as h

    flat, weight = dense()
    model(
        "constant-cut",
        [
            *flat,
            h.make_node("ConstantOfShape", ["n"], ["big"]),
            h.make_node("Slice", ["big", "from", "to"], ["s"]),
            h.make_node("Add", ["mm", "s"], ["output"]),
        ],
        [weight, ("n", [3_000_000_000]), ("from", [0]), ("to", [10])],
    )


def zero_checkpoint():
    """zero-checkpoint/: a run whose newest checkpoint's manifest is a link to /dev/zero."""
    os.symlink("/dev/zero", copied("run-iris", "zero-checkpoint") / "checkpoints" / "step-0000000999.json")


def width_in_export():
    """width/: an export whose spec has a width of 2,000,000,000 in a format."""
    export(
        "width",
        lambda d: (d / "spec.toml").write_text(
            (d / "spec.toml").read_text().replace("out_features = 16", "out_features = \"${'%2000000000s' % 'x'}\"")
        ),
    )


# ---- S4 ----
def loop():
    """loop/: an export whose ONNX has a Loop of 2^62 rounds."""
    from onnx import TensorProto as T
    from onnx import helper as h

    flat, weight = dense()
    value = h.make_tensor_value_info
    body = h.make_graph(
        [h.make_node("Identity", ["go"], ["go_on"]), h.make_node("Sin", ["a"], ["b"])], "body",
        [value("i", T.INT64, []), value("go", T.BOOL, []), value("a", T.FLOAT, None)],
        [value("go_on", T.BOOL, []), value("b", T.FLOAT, None)],
    )  # fmt: skip
    model(
        "loop",
        [*flat, h.make_node("Loop", ["rounds", "yes", "mm"], ["output"], body=body)],
        [weight, ("rounds", np.int64(2**62)), ("yes", np.bool_(True))],
    )


def odd_outputs():
    """out-*/ (string, sequence, scalar, one-row, no-columns), two-inputs/: ONNX files that answer in another way."""
    import onnx
    from onnx import TensorProto as T
    from onnx import helper as h

    _flat, _weight = dense()
    value = h.make_tensor_value_info
    model(
        "out-string",
        [h.make_node("Cast", ["image"], ["s"], to=T.STRING), h.make_node("Flatten", ["s"], ["output"], axis=1)],
        (),
        [value("output", T.STRING, ["N", 64])],
    )
    model(
        "out-sequence",
        [h.make_node("SequenceConstruct", ["image", "image"], ["output"])],
        (),
        [h.make_tensor_sequence_value_info("output", T.FLOAT, None)],
    )
    model(
        "out-scalar", [h.make_node("ReduceSum", ["image"], ["output"], keepdims=0)], (), [value("output", T.FLOAT, [])]
    )
    model(
        "out-one-row",
        [h.make_node("ReduceSum", ["image"], ["s"], keepdims=0), h.make_node("Expand", ["s", "n"], ["output"])],
        [("n", [1, 10])],
        [value("output", T.FLOAT, [1, 10])],
    )
    model(
        "out-no-columns",
        [h.make_node("Flatten", ["image"], ["flat"], axis=1), h.make_node("MatMul", ["flat", "w"], ["output"])],
        [("w", np.zeros((64, 0), np.float32))],
        [value("output", T.FLOAT, ["N", 0])],
    )

    def second(folder):
        made = onnx.load(folder / "model.onnx")
        made.graph.input.append(value("second", T.FLOAT, [1]))
        onnx.save(made, folder / "model.onnx")

    export("two-inputs", second)


def refused_onnx():
    """onnx-*/ (garbage, empty, custom, dims, folder, external, hard): what onnxruntime does not load."""
    import onnx
    from onnx import TensorProto as T
    from onnx import helper as h

    export("onnx-garbage", lambda d: (d / "model.onnx").write_bytes(b"\x00\xff" * 100))
    export("onnx-empty", lambda d: (d / "model.onnx").write_bytes(b""))
    model("onnx-custom", [h.make_node("Evil", ["image"], ["output"], domain="evil")])

    def dims(folder):
        made = onnx.load(folder / "model.onnx")
        made.graph.initializer[0].dims[0] = 2**40
        onnx.save(made, folder / "model.onnx")

    export("onnx-dims", dims)

    def directory(folder):
        (folder / "model.onnx").unlink()
        (folder / "model.onnx").mkdir()

    export("onnx-folder", directory)
    for name, location in (("onnx-external", "../../../../../../etc/passwd"), ("onnx-hard", "w.bin")):

        def external(folder, location=location):
            flat = [
                h.make_node("Flatten", ["image"], ["flat"], axis=1),
                h.make_node("MatMul", ["flat", "w"], ["output"]),
            ]
            graph = h.make_graph(
                flat,
                "g",
                [h.make_tensor_value_info("image", T.FLOAT, ["N", 1, 8, 8])],
                [h.make_tensor_value_info("output", T.FLOAT, ["N", 10])],
            )
            made = h.make_model(graph, opset_imports=[h.make_opsetid("", 20)], ir_version=10)
            tensor = made.graph.initializer.add(name="w", data_type=T.FLOAT, dims=[64, 10], data_location=T.EXTERNAL)
            for key, text in (("location", location), ("offset", "0"), ("length", "2560")):
                tensor.external_data.add(key=key, value=text)
            (folder / "model.onnx").write_bytes(made.SerializeToString())
            if location == "w.bin":
                Path("other.bin").write_bytes(bytes(2560))
                os.link("other.bin", folder / "w.bin")

        export(name, external)


def onnx_escape():
    """onnx-escape/: a superfluous initializer named with escape codes, of which onnxruntime warns."""
    import onnx
    from onnx import numpy_helper

    def edit(folder):
        made = onnx.load(folder / "model.onnx")
        made.graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "\x1b]0;title\x07\x1b[31mred"))
        onnx.save(made, folder / "model.onnx")

    export("onnx-escape", edit)


# ---- S5 ----
def manifests():
    """man-*/ (right, wrong, absolute, device): manifests that name files elsewhere; secret.txt beside them."""
    secret = Path("secret.txt")
    secret.write_text("not yours\n")
    right = hashlib.sha256(secret.read_bytes()).hexdigest()
    rows = {
        "man-right": ("../secret.txt", right),
        "man-wrong": ("../secret.txt", "0" * 64),
        "man-absolute": (str(secret.resolve()), right),
        "man-device": ("/proc/kmsg", "0" * 64),
    }
    for name, (path, digest) in rows.items():
        export(
            name, change=lambda m, path=path, digest=digest: m["files"].update({path: {"sha256": digest, "bytes": 10}})
        )


# ---- S6 ----
def fifos():
    """FIFOs in place of files: fifo-lock, -json, -tensors, -best (runs), fifo-onnx, -weights (exports), fifo.csv."""

    def run(name):
        return copied("run-iris", name)

    def newest(folder):
        return sorted((folder / "checkpoints").glob("step-*.safetensors"))[-1]

    fifo(run("fifo-lock") / ".lock")
    fifo(run("fifo-json") / "checkpoints" / "step-0000000999.json")
    fifo(newest(run("fifo-tensors")))
    fifo(copied("run-digits", "fifo-best") / "best.safetensors")
    export("fifo-onnx", lambda d: fifo(d / "model.onnx"))
    export("fifo-weights", lambda d: fifo(d / "weights.safetensors"))
    fifo("fifo.csv")
    Path("fifo-csv.toml").write_text(TABLE.replace("TYPE", "csv").replace("FILE", "fifo.csv"))


def fifo_cache():
    """kept-fifo/: a cache of decoded images whose lock is a FIFO (pictures cached/, cached.toml)."""
    pictures("cached")
    shutil.rmtree("kept-fifo", ignore_errors=True)
    run("graphspec", "train", "cached.toml", "--run", "run-cached", "--cache", "kept-fifo")
    for path in [p for p in Path("kept-fifo").iterdir() if p.suffix != ".lock"]:
        fifo(path.with_suffix(".lock"))


# ---- S7 ----
def class_names():
    """math-1, math-2, math-3, utf: folders of pictures whose classes matplotlib reads as formulas, or are not UTF-8."""
    for name, text in (("math-1", "$x^{$"), ("math-2", r"$\foo$"), ("math-3", "$$")):
        pictures(name, (text, "b"))
    pictures("utf", (b"\xff\xfe", b"b"))


def long_number():
    """digits.json: a number of 5,000 digits, without a space before it."""
    Path("digits.json").write_text(
        '{"graphspec":1,"inputs":{"x":["N",4]},"layers":{"fc":{"type":"Linear","out_features":' + "9" * 5000 + "}}}"
    )


# ---- S8 ----
def golden():
    """golden-*/: eleven exports, each with a golden.npz that is none."""

    def put(name, write):
        export("golden-" + name, lambda d: write(d / "golden.npz"))

    names = zipfile.ZipFile("exp/golden.npz").namelist()
    keys = [name.removesuffix(".npy") for name in names]

    def each(array):
        return lambda path: np.savez(path, **dict.fromkeys(keys, array))

    put("missing", lambda path: path.unlink())
    put("no-zip", lambda path: path.write_bytes(b"PK no"))
    put("npy", lambda path: np.save(path.open("wb"), np.zeros(3)))
    put("object", each(np.array([{}, 1], object)))
    put("text", each(np.array(["abc"])))
    put("bytes", each(np.array([b"abc"])))
    put("datetime", each(np.zeros(3, "datetime64[s]")))
    put("void", each(np.zeros(3, "V8")))
    put(
        "big-endian",
        lambda path: np.savez(
            path, **{key: value.astype(value.dtype.newbyteorder(">")) for key, value in dict(np.load(path)).items()}
        ),
    )
    put("scalar", each(np.float32(1)))
    put("extra", lambda path: np.savez(path, **dict(np.load(path)), **{"2.input.more": np.zeros(3)}))


def deep_manifest():
    """deep/: an export whose manifest.json is nested 100,000 deep."""
    (export("deep") / "manifest.json").write_text('{"files": ' + "[" * 100_000 + "]" * 100_000 + "}")


def evaluations():
    """eval-*/: runs whose evaluation.json is damaged; one.npy to predict."""
    np.save("one.npy", np.zeros((1, 1, 8, 8), np.float32))
    rows = {
        "null": b"null",
        "garbage": b"{{{",
        "list": b"[]",
        "no-classes": b"{}",
        "number": b'{"classes": 5}',
        "nested": b'{"classes": [' + b",".join([b'["a"]'] * 10) + b"]}",
        "deep": b'{"classes":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "latin": b'{"classes": ["\xff\xfe"]}',
    }
    for name, text in rows.items():
        (copied("run-digits", "eval-" + name) / "evaluation.json").write_bytes(text)


def optimisers():
    """opt-*/: runs whose checkpoint holds wrong types in the optimiser's options."""
    rows = {
        "eps-text": ("eps", "x"),
        "eps-negative": ("eps", -1.0),
        "eps-huge": ("eps", 1e308),
        "betas-text": ("betas", "x"),
        "betas-number": ("betas", -1.0),
        "betas-null": ("betas", None),
        "betas-large": ("betas", {"$": "tuple", "items": [2.0, 5.0]}),
    }
    for name, (key, value) in rows.items():

        def change(body, key=key, value=value):
            for item in list(entries(body["state"], key))[:1]:
                item[1] = value

        checkpoint("opt-" + name, change)


def journals():
    """journal-*/: studies whose journal.log has a line nested 100,000 deep, other parameters, nothing."""
    path = copied("study", "journal-deep") / "journal.log"
    path.write_bytes(path.read_bytes() + b'{"op_code": 4, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    path = copied("study", "journal-other") / "journal.log"
    path.write_bytes(path.read_bytes().replace(b"train.optimizer.lr", b"train.optimizer.xx"))
    (copied("study", "journal-empty") / "journal.log").write_bytes(b"")


def cache_json():
    """kept-deep/: a cache of decoded images whose entry is nested 100,000 deep (pictures deeply/, deeply.toml)."""
    pictures("deeply")
    shutil.rmtree("kept-deep", ignore_errors=True)
    run("graphspec", "train", "deeply.toml", "--run", "run-deeply", "--cache", "kept-deep")
    for path in Path("kept-deep").glob("*.json"):
        path.write_bytes(b"[" * 100_000 + b"]" * 100_000)


# ---- S9 ----
def kernels():
    """so-* (empty, text, half, foreign, planted): values of XDG_CACHE_HOME with such a library in graphspec/."""
    os.environ["XDG_CACHE_HOME"] = str(Path("so-good").resolve())
    run("graphspec", "train", "long.toml", "--run", "run-so")
    Path("planted.c").write_text(
        "#include <stdio.h>\nstatic void __attribute__((constructor)) go(void)"
        f' {{ fclose(fopen("{Path("planted").resolve()}", "w")); }}\n'
    )
    run("cc", "-shared", "-fPIC", "planted.c", "-o", "planted.so")
    Path("foreign.c").write_text("int nothing(void) { return 0; }\n")
    run("cc", "-shared", "-fPIC", "foreign.c", "-o", "foreign.so")
    rows = {
        "empty": lambda data: b"",
        "text": lambda data: b"hello",
        "half": lambda data: data[: len(data) // 2],
        "foreign": lambda data: Path("foreign.so").read_bytes(),
        "planted": lambda data: Path("planted.so").read_bytes(),
    }
    for name, change in rows.items():
        folder = copied("so-good", "so-" + name) / "graphspec"
        for path in folder.glob("*.so"):
            path.write_bytes(change(path.read_bytes()))
    os.chmod("so-planted/graphspec", 0o777)
    if os.getuid() == 0:
        os.chown("so-planted/graphspec", 65534, 65534)


def slow_compiler():
    """bin/slowcc: a compiler that never ends (CC=…, with an XDG_CACHE_HOME that is empty)."""
    os.makedirs("bin", exist_ok=True)
    Path("bin/slowcc").write_text("#!/bin/sh\nsleep 1000\n")
    os.chmod("bin/slowcc", 0o755)


# ---- S10 ----
def dtypes():
    """dtype-bool, dtype-complex64, dtype-float8_e4m3fn (runs) and exp-… (exports): weights of another dtype."""
    import safetensors.torch
    import torch

    for name in ("bool", "complex64", "float8_e4m3fn"):

        def cast(path, name=name):
            safetensors.torch.save_file(
                {key: value.to(getattr(torch, name)) for key, value in safetensors.torch.load_file(path).items()}, path
            )

        cast(copied("run-digits", "dtype-" + name) / "best.safetensors")
        export("exp-" + name, lambda d, cast=cast: cast(d / "weights.safetensors"))


# ---- S11 ----
def escapes():
    """escape/, newline/: folders of pictures whose classes hold control characters."""
    pictures("escape", ("\x1b]0;title\x07\x1b[31mred", "b"))
    pictures("newline", ("a\nb", "b"))


def main(names: list[str]) -> None:
    """Make what is named; without names, say what there is."""
    for name in names:
        MAKERS[name.replace("-", "_")]()
    for name, maker in MAKERS.items() if not names else ():
        print(f"{name:18} {maker.__doc__.strip()}")


#: Every function above that makes something: it says in a line what.
MAKERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and value.__doc__
    and name not in ("run", "seal", "checkpoint", "entries", "model", "main")
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
