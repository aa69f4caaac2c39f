"""The catalogue of bad inputs, typed as a user would: each row ends as it says, with one clear error where it is one.

    python benchmarks/campaigns/bad_inputs.py [--only N …] [--base DIR] [-v]      # Linux; some minutes

Prints a table: the catalogue's number, the exit code, the first line that was printed, and what is wrong with it. What
`drive` looks at is looked at here too: tracebacks, raw control characters, time, memory, writing outside.
"""

# ruff: noqa: E501 - a table
from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "attacks"))

import drive
import hostile_files as made
from hostile_arrays import base, png
from many import make_base, preload

HEAD = 'graphspec = 1\n[inputs]\nx = ["N", 4]\n'
IMAGE = 'graphspec = 1\n[inputs]\nx = ["N", 3, 8, 8]\n'
OK = HEAD + '[layers]\nfc = { type = "Linear", out_features = 3 }\n'
Row = tuple[int, str | bytes | Callable[[], object], str, tuple[int, ...], str]


def layers(text: str, head: str = HEAD) -> str:
    return f"{head}[layers]\n{text}\n"


def conv(text: str) -> str:
    return layers(text, IMAGE)


def linear(arguments: str) -> str:
    return layers(f'fc = {{ type = "Linear", {arguments} }}')


def at(name: str, content: str | bytes) -> Callable[[], object]:
    """Another file than x.toml."""
    return lambda: Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


def named(name: str) -> str:
    return layers(f'"{name}" = {{ type = "Linear", out_features = 3 }}')


COMPILE, TRAIN = "compile x.toml", "train x.toml --run r"
E, ANY, FINE = (1,), (0, 1), (0,)
JSON = '{"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"fc": {"type": "Linear", "out_features": 3}}}'


def table(text: str, more: str = "") -> Callable[[], object]:
    """A CSV of two numbers and a class y, and a spec for it."""

    def make() -> None:
        Path("t.csv").write_text(text)
        Path("x.toml").write_text(made.TABLE.replace("TYPE", "csv").replace("FILE", "t.csv") + more)

    return make


def arrays(**values: object) -> Callable[[], object]:
    def make() -> None:
        np.savez("t.npz", **values)  # type: ignore[arg-type]
        Path("x.toml").write_text(
            made.TABLE.replace("TYPE", "npz").replace("FILE", "t.npz").replace('target = "y"', 'targets = ["y"]')
        )

    return make


def pictures(change: Callable[[Path], object]) -> Callable[[], object]:
    """A folder of pictures, and what is wrong with it."""

    def make() -> None:
        made.pictures("x")
        change(Path("x"))

    return make


def fed(text: str) -> str:
    return f"{made.IRIS}{text}\n"


GOOD = "a,b,y\n" + "".join(f"{k},{k % 7},{'uv'[k % 2]}\n" for k in range(40))


def ran(*commands: str, then: Callable[[], object] = lambda: None, source: str = "") -> Callable[[], object]:
    """`commands` done before, on a copy of the base's `source` as r; what they print is not looked at."""

    def make() -> None:
        Path("x.toml").write_text(made.IRIS)
        if source:
            shutil.copytree(base(source), "r")
        for command in commands:
            ran_here(command)
        then()

    return make


def ran_here(command: str) -> None:
    """A command on what is here already."""
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], contextlib.suppress(SystemExit):
        app()(command.split())


def app() -> Callable[[list[str]], object]:
    from graphspec.cli.app import app

    return app


def states(end: str = "safetensors") -> list[Path]:
    return sorted(Path("r/checkpoints").glob(f"step-*.{end}"))


def cut(*paths: Path) -> None:
    for path in paths:
        os.truncate(path, path.stat().st_size // 2)


def pictures_of(*modes: str) -> Callable[[Path], object]:
    """One more picture of each mode, of the size of the others."""
    from PIL import Image

    def change(x: Path) -> None:
        for number, mode in enumerate(modes):
            end = "tif" if mode == "CMYK" else "png"
            Image.new(mode, (8, 8)).save(x / "a" / f"m{number}.{end}")

    return change


def claims_30000(x: Path) -> None:
    (x / "a/0.png").write_bytes(png(30_000, 30_000))


def parts(x: Path) -> None:
    """train with the classes a and b, val with a and c."""
    for part in ("train", "val"):
        shutil.copytree(x / "a", x / part / "a"), shutil.copytree(x / "b", x / part / "b")
    (x / "val/b").rename(x / "val/c")
    shutil.rmtree(x / "a"), shutil.rmtree(x / "b")


def no_paths() -> str:
    """What of this machine stands in the export e."""
    here = os.getcwd().encode()
    return "; ".join(f"{path} names {here!r}" for path in Path("e").iterdir() if here in path.read_bytes())


def link(name: str) -> None:
    os.makedirs("elsewhere")
    os.symlink("elsewhere", name)


def untouched() -> str:
    return "written through a link" if any(Path("elsewhere").iterdir()) else ""


RESUME = "train x.toml --run r --resume"
IRIS_CHANGED = made.IRIS.replace
VERIFY = "verify r"
#: Rows about what was done before: number, what does it, command, exit codes, what is said, what must hold afterwards.
LATER: list[tuple[int, Callable[[], object], str, tuple[int, ...], str, Callable[[], str]]] = [
    (number, make, command, codes, says, after[0] if after else lambda: "")
    for number, make, command, codes, says, *after in (
        (36, at("x.toml", OK), "compile x.toml", FINE, ""),
        (66, at("x.toml", OK + '[outputs]\nfc = "fc"\n'), COMPILE, FINE, ""),
        (76, at("x.toml", layers('a = { type = "ReLU", from = "x" }\nb = { type = "ReLU", from = "y" }\n[outputs]\np = "a"\nq = "b"', HEAD + 'y = ["N", 3]\n')), COMPILE, ANY, ""),
        (78, at("x.toml", layers('r = { type = "ReLU", repeat = 9999 }')), COMPILE, FINE, ""),
        (89, at("x.toml", HEAD.replace("4", "100000") + '[layers]\nf = { type = "Linear", out_features = 100000 }\n'), COMPILE, E, "GiB|GB"),
        (100, at("x.toml", layers('p = { type = "MaxPool2d", kernel_size = 8 }\na = { type = "add", from = ["x", "p"] }', IMAGE)), COMPILE, E, "broadcast"),
        (121, pictures(claims_30000), TRAIN, E, r"0\.png"), (122, pictures(pictures_of("L", "RGBA", "CMYK", "I;16", "P", "1", "LA")), TRAIN, FINE, ""), (126, pictures(parts), TRAIN, E, "c"),
        (133, lambda: (arrays(x=np.ones((40, 2), "float32"), y=np.linspace(0, 1, 40, dtype="float32")[:, None])(), Path("x.toml").write_text(Path("x.toml").read_text().replace("out_features = 2", "out_features = 1") + 'loss = "MSELoss"\n')), TRAIN, ANY, ""),
        (134, arrays(x=np.ones((40, 2), "float32"), y=np.arange(40) % 2), TRAIN, FINE, "also stand"),
        (135, lambda: (table(GOOD)(), ran_here("train x.toml --run r"), Path("t.csv").write_text(GOOD.replace("\n3,", "\n4,"))), "train x.toml --run r --resume --epochs 2", E, r"data|t\.csv"),
        (137, arrays(x=np.full((40, 2), np.nan, "float32"), y=np.arange(40) % 2), TRAIN, E, "finite|NaN|nan"),
        *((148, ran(source="run-iris", then=lambda old=old, new=new: Path("x.toml").write_text(made.IRIS.replace(old, new))), RESUME + " --epochs 4", E, says) for old, new, says in (
            ("out_features = 8", "out_features = 9", r"x\.toml:\d|layers"), ("batch_size = 16", "batch_size = 8", "batch_size"), ("epochs = 2", "epochs = 2\nseed = 5", "seed"), ("lr = 0.01", "lr = 0.02", "lr"))),
        (148, ran(source="run-iris"), RESUME + " --epochs 4", FINE, ""), (150, ran(source="run-iris"), RESUME, FINE, ""),
        (151, ran(then=lambda: Path("r").mkdir()), RESUME, ANY, ""),
        (152, ran(source="run-iris", then=lambda: cut(states()[-1])), RESUME + " --epochs 3", FINE, "damaged"), (152, ran(source="run-iris", then=lambda: states()[-1].write_bytes(b"")), RESUME + " --epochs 3", FINE, "damaged"),
        (153, ran(source="run-iris", then=lambda: cut(*states())), RESUME + " --epochs 3", E, "damaged"),
        (154, ran(source="run-iris", then=lambda: [path.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.") for path in states()]), RESUME + " --epochs 3", E, "damaged", lambda: "code ran" if Path("pwned").exists() else ""),
        (155, ran(source="run-digits"), RESUME + " --epochs 3", E, ""),
        (156, ran(source="run-iris", then=lambda: states()[-1].unlink()), RESUME + " --epochs 3", FINE, ""), (156, ran(source="run-iris", then=lambda: states("json")[-1].unlink()), RESUME + " --epochs 3", FINE, ""),
        (157, ran(source="run-iris", then=lambda: Path("r/checkpoints/.best.safetensors.99.tmp").write_bytes(b"half")), RESUME + " --epochs 3", FINE, "", lambda: "left" if list(Path("r/checkpoints").glob(".*.tmp")) else ""),
        (158, ran(source="run-iris", then=lambda: [os.utime(path, (2e9 - k * 1e8,) * 2) for k, path in enumerate(states("json"))]), RESUME + " --epochs 3", FINE, ""),
        (160, ran(source="run-iris", then=lambda: (Path("r/checkpoints").rename("there"), os.symlink("../there", "r/checkpoints"))), RESUME + " --epochs 3", FINE, "link"),
        (161, ran(source="run-iris", then=lambda: (Path("e").mkdir(), Path("e/model.onnx").write_bytes(b"mine"))), "export r -o e", E, "e", lambda: "" if Path("e/model.onnx").read_bytes() == b"mine" else "lost"),
        (167, ran("export r -o e", source="run-iris"), "export r -o e", FINE, ""), (170, ran(source="exp", then=lambda: os.truncate("r/model.onnx", 5)), VERIFY, (3,), r"model\.onnx"),
        (171, ran(source="run-iris", then=lambda: link("e")), "export r -o e", E, "link", untouched), (171, ran(source="run-iris", then=lambda: link("exports")), "export r", E, "link", untouched),
        (175, ran(source="run-iris"), "export r -o e --set export.opset_version=99", E, "change a spec"), (175, at("x.toml", OK), "export x.toml -o e --set export.opset_version=99", E, "opset"), (177, ran(source="run-iris"), "export r -o e --format onnx --format torchscript --format pt2", FINE, "", no_paths),
    )
]  # fmt: skip

ROWS: list[Row] = [
    (1, "", COMPILE, E, "empty"), (2, at("x.json", '{"graphspec": 1,,}'), "compile x.json", E, r"x.json:1:\d+"),
    (3, "graphspec = = 1", COMPILE, E, r"x.toml:1:\d+"), (4, at("x.json", JSON.replace("3}}}", "3}},}")), "compile x.json", E, "x.json:1"),
    (4, at("x.json", "// hello\n" + JSON), "compile x.json", E, "comment"), (5, at("x.json", JSON + JSON), "compile x.json", E, "x.json:1"),
    (6, at("x.json", "[1]"), "compile x.json", E, "x.json"), (7, at("x.json", JSON.replace('"fc"', '"fc": "ReLU", "fc"')), "compile x.json", E, "fc"),
    (8, OK + 'fc = "ReLU"\n', COMPILE, E, r"x.toml:\d"), (9, at("x.json", JSON.replace("3}", "NaN}")), "compile x.json", E, "NaN"),
    (10, linear("out_features = 1e400"), COMPILE, E, "finite|whole"), (11, linear("out_features = nan"), COMPILE, E, "x.toml:5"),
    (12, linear("out_features = 3.0"), COMPILE, E, "3"), (12, linear("out_features = 1e3"), COMPILE, E, "1000"), (13, linear("out_features = true"), COMPILE, E, "true"),
    (14, linear('out_features = "3"'), COMPILE, E, "x.toml:5"), (15, linear("out_features = " + "9" * 5000), COMPILE, E, "digits"),
    (16, linear("out_features = 0x" + "f" * 1000000), COMPILE, E, "x.toml"), (17, at("x.json", "[" * 100000), "compile x.json", E, "deep|nest"),
    (18, "a = " + "[" * 1000 + "]" * 1000, COMPILE, E, "deep|nest"), (19, ".".join("a" * 32000) + " = 1", COMPILE, E, "x.toml"),
    (20, "[" + ".".join("a" * 1000) + "]\n" + "".join(f"k{k} = 1\n" for k in range(1000)), COMPILE, E, "x.toml"),
    (21, b"\xef\xbb\xbf" + OK.encode(), COMPILE, FINE, ""), (21, at("x.json", b"\xef\xbb\xbf" + JSON.encode()), "compile x.json", FINE, ""),
    (22, OK.encode("utf-16"), COMPILE, E, "UTF-8"), (22, OK.encode("utf-32"), COMPILE, E, "UTF-8"), (23, b"graphspec = 1 # \xff", COMPILE, E, "byte|UTF-8"),
    (24, OK.replace("\n", "\r\n"), COMPILE, FINE, ""), (25, OK.replace("\n", "\r"), COMPILE, E, "x.toml"), (26, named("a\\u0000b"), COMPILE, E, "x.toml:5"),
    (27, at("x.json", JSON.replace("fc", "\\ud800")), "compile x.json", E, "x.json"), (28, OK + "#" * (1 << 20), COMPILE, E, "MiB|bytes"),
    (29, lambda: os.truncate(os.open("x.toml", os.O_CREAT | os.O_RDWR), 10**10), COMPILE, E, "MiB|bytes"), (29, lambda: Path("x.toml").symlink_to("/dev/zero"), COMPILE, E, "not a regular file"),
    (29, lambda: os.mkfifo("x.toml"), COMPILE, E, "not a regular file"), (30, lambda: Path("x.toml").mkdir(), COMPILE, E, "folder"), (31, lambda: None, COMPILE, E, "no such file|not exist|no file"),
    (32, lambda: Path("x.toml").symlink_to("gone"), COMPILE, E, "x.toml"), (32, lambda: Path("x.toml").symlink_to("x.toml"), COMPILE, E, "x.toml"),
    (33, lambda: (Path("y.toml").write_text(OK), Path("x.toml").symlink_to("y.toml")), COMPILE, FINE, ""),
    *((34, at(f"x.{end}", OK), f"compile x.{end}", E, rf"\.{end}|toml") for end in ("yaml", "py", "pkl", "pt")),
    (35, JSON, COMPILE, E, "TOML"), (38, OK + "[trian]\nepochs = 1\n", COMPILE, E, 'did you mean "train"'), (39, conv('c = { type = "Conv2D", out_channels = 3, kernel_size = 3 }'), COMPILE, E, "Conv2d"),
    (40, conv('c = { type = "Conv2d", out_channels = 3, kernal_size = 3 }'), COMPILE, E, "kernel_size"), (41, layers('fc = "Linear"'), COMPILE, E, "out_features"),
    *((42, layers(f'fc = {{ type = "ReLU", {key} = "os.system" }}'), COMPILE, E, key) for key in ("_target_", "module", "class_name", "code", "function")),
    *((43, layers(f'fc = "{name}"'), COMPILE, E, re.escape(name)) for name in ("os.system", "torch.load", "eval", "__import__", "Lambda")),
    (45, linear('out_features = "http://a/b"'), COMPILE, E, "x.toml:5"), (46, OK.replace("graphspec = 1\n", ""), COMPILE, E, "graphspec"), (46, OK.replace("= 1", "= 99", 1), COMPILE, E, "99"),
    (47, "graphspec = 1\n[layers]\na = 'ReLU'\n", COMPILE, E, "input"), (47, HEAD, COMPILE, E, "layers"), (48, HEAD + "[layers]\n" + "".join(f'l{k} = "Nope"\n' for k in range(60000)), COMPILE, E, "x.toml"),
    (49, OK + "a" * 100000 + ' = "ReLU"\n', COMPILE, E, "…"), (50, linear("out_features = 2020-01-01"), COMPILE, E, "x.toml:5"), (51, at("x.json", JSON.replace("3}", "null}")), "compile x.json", E, "null"),
    (52, conv('c = { type = "Conv2d", out_channels = 3, kernel_size = [3] }'), COMPILE, E, "kernel_size"), (53, HEAD.replace("4", "1" + "0" * 30) + '[layers]\na = "ReLU"\n', COMPILE, E, "x.toml:3"),
    (54, linear("out_features = -0"), COMPILE, E, "out_features"), (54, layers('a = { type = "Dropout", p = -0.0 }'), COMPILE, ANY, ""),
    *((number, named(name), COMPILE, E, "x.toml:5") for number, names in {
        55: ("forward", "training", "to", "state_dict"), 56: ("class", "lambda", "None"), 57: ("__class__", "__init__"), 58: ("a.b", "", "a b", "1a"),
        59: ('forward\\"), eval(bytes([1])), (\\"',), 60: ("../../etc/passwd", "C:\\\\x", "con"), 61: ("a\\u202eb", "\\u0430", "\\U0001f600", "e\\u0301"), 64: ("a" * 65,)}.items() for name in names if name != "con"),
    (62, 'name = "a\\u001b[31m"\n' + OK, COMPILE, ANY, ""), (63, layers('A = "ReLU"\na = "ReLU"'), COMPILE, E, "case"), (65, OK.replace("x = [", '"x=open(1)" = ['), COMPILE, E, "x.toml:3"),
    (67, layers('a = { type = "ReLU", from = "b" }\nb = { type = "ReLU", from = "a" }\nc = { type = "add", from = ["a", "x"] }'), COMPILE, E, "a.*b"), (68, layers('a = { type = "ReLU", from = "a" }'), COMPILE, E, "a"),
    (69, layers('relu = "ReLU"\nb = { type = "ReLU", from = "rleu" }'), COMPILE, E, 'mean "relu"'), (70, at("x.json", JSON.replace('"layers": {"fc": {', '"layers": [{"name": "a", "type": "ReLU"}, {"name": "a", ').replace("}}}", "}]}")), "compile x.json", E, "a"),
    (71, layers('a = "ReLU"\nb = { type = "ReLU", from = "x" }'), COMPILE, E, '"a"'), (72, OK.replace("[layers]", 'y = ["N", 2]\n[layers]').replace("= 3 }", '= 3, from = "x" }'), COMPILE, E, '"y"'), (73, OK + '[outputs]\no = "nope"\n', COMPILE, E, "nope"),
    (74, layers('a = { type = "Linear", out_features = 2, from = [] }'), COMPILE, E, "x.toml:5"), (74, layers('a = { type = "Linear", out_features = 2, from = ["x", "x"] }'), COMPILE, E, "x.toml:5"), (75, layers('a = { type = "add", from = ["x", "x"] }'), COMPILE, FINE, ""),
    (77, HEAD + "[layers]\n" + "".join(f'l{k}="ReLU"\n' for k in range(60000)), COMPILE, E, "10,000"), (79, layers("\n".join(f'a{k} = {{ type = "add", from = ["{f"a{k - 1}" if k else "x"}", "{f"a{k - 1}" if k else "x"}"] }}' for k in range(24))), COMPILE, FINE, ""),
    (80, layers('a = { type = "ReLU", from = "b" }\nb = { type = "ReLU", from = "x" }\n[outputs]\no = "a"'), COMPILE, FINE, ""), (81, layers('a = "B"\n[blocks.B.layers]\nb = "B"'), COMPILE, E, "B"),
    (82, layers('a = "B"\n[blocks.B.layers]\nb = "C"\n[blocks.C.layers]\nc = "B"'), COMPILE, E, "B.*C"),
    (83, layers('a = "B0"\n' + "\n".join(f'[blocks.B{k}.layers]\nb = {{ type = "{f"B{k + 1}" if k < 12 else "ReLU"}", repeat = 10 }}' for k in range(13))), COMPILE, E, "10,000"),
    *((84, layers(f'a = {{ type = "ReLU", repeat = {n} }}'), COMPILE, E, "repeat|10,000") for n in (0, -1, 10**9)), (86, OK + '[blocks.B.layers]\nb = "ReLU"\n', COMPILE, FINE, "B"),
    (87, linear("out_features = 0"), COMPILE, E, "out_features"), (87, linear("out_features = -1"), COMPILE, E, "out_features"), (88, HEAD.replace("4", "1000000000") + '[layers]\nf = { type = "Linear", out_features = 1000000000 }\n', COMPILE, E, "B"),
    (90, HEAD.replace('["N", 4]', '{ shape = ["N"], dtype = "int64" }') + '[layers]\ne = { type = "Embedding", num_embeddings = 1000000000000, embedding_dim = 8 }\n', COMPILE, E, "2147483647"), (91, conv('u = { type = "Upsample", scale_factor = 64, repeat = 16 }'), COMPILE, E, "x.toml:5"),
    (92, layers('l = { type = "LSTM", hidden_size = 4, num_layers = 1000000 }', HEAD.replace("4", "5, 4")), COMPILE, E, "x.toml:5"), *((93, conv(f"a = {{ {text} }}"), COMPILE, E, "x.toml:5") for text in (
        'type = "AdaptiveAvgPool2d", output_size = 1099511627776', 'type = "Conv2d", out_channels = 1, kernel_size = 3, padding = 1099511627776', 'type = "Conv2d", out_channels = 1, kernel_size = 3, dilation = 1099511627776')),
    (94, made.IRIS.replace("batch_size = 16", "batch_size = 1000000000"), TRAIN, ANY, ""), *((95, HEAD.replace('["N", 4]', f'{{ shape = ["N", 4], dtype = "{kind}" }}') + '[layers]\na = "ReLU"\n', COMPILE, E, kind) for kind in ("float8", "complex64", "nope")),
    (96, conv('c = { type = "Conv2d", out_channels = 4, kernel_size = 3 }\nf = { type = "Linear", in_features = 144, out_features = 2 }'), COMPILE, E, "Flatten"), (97, conv('c = { type = "Conv2d", out_channels = 4, kernel_size = 3 }\nf = { type = "Linear", out_features = 2 }'), COMPILE, FINE, "Flatten"),
    *((number, conv(text), COMPILE, E, r"x.toml:\d") for number, text in (
        (98, 'a = { type = "MaxPool2d", kernel_size = 2 }\nb = { type = "cat", from = ["a", "x"], dim = 1 }'), (99, 'b = { type = "cat", from = ["x", "x"], dim = 9 }'), (101, 'a = { type = "Conv2d", out_channels = 2, kernel_size = 9 }'),
        (102, 'a = { type = "MaxPool2d", kernel_size = 8 }\nb = { type = "MaxPool2d", kernel_size = 8 }'), (103, 'a = { type = "Conv2d", out_channels = 2, kernel_size = 0 }'), (103, 'a = { type = "Conv2d", out_channels = 2, kernel_size = 3, stride = 0 }'),
        (103, 'a = { type = "Conv2d", out_channels = 2, kernel_size = 3, dilation = -1 }'), (103, 'a = { type = "Conv2d", out_channels = 2, kernel_size = 3, padding = -1 }'), (104, 'a = { type = "Conv2d", out_channels = 3, kernel_size = 3, groups = 2 }'),
        (105, 'a = { type = "MaxPool2d", kernel_size = 2, padding = 2 }'), (106, 'a = { type = "Conv2d", out_channels = 2, kernel_size = 3, padding = "same", stride = 2 }'), (107, 'a = { type = "GroupNorm", num_groups = 2 }'), (107, 'a = { type = "GroupNorm", num_groups = 0 }'),
        (108, 'a = { type = "BatchNorm2d", num_features = 8 }'), (110, 'a = { type = "Softmax", dim = 99 }'), (111, 'a = { type = "reshape", shape = [-1, -1] }'), (111, 'a = { type = "reshape", shape = [5, 7] }'), (112, 'a = { type = "PixelShuffle", upscale_factor = 3 }'),
        (112, 'a = { type = "ConvTranspose2d", out_channels = 2, kernel_size = 3, stride = 2, output_padding = 2 }'), *((115, f'a = {{ type = "Dropout", p = {p} }}') for p in ("1.5", "-0.1", "nan")), (115, 'a = { type = "BatchNorm2d", eps = -1.0 }'), (115, 'a = { type = "BatchNorm2d", momentum = inf }'))),
    (109, layers('a = { type = "MultiheadAttention", num_heads = 3, from = { query = "x", key = "x", value = "x" } }', HEAD.replace("4", "5, 4")), COMPILE, E, "x.toml"), (113, layers('a = { type = "Conv2d", out_channels = 2, kernel_size = 3 }', HEAD.replace("4", "8, 8")), COMPILE, E, "x.toml:5"),
    (114, OK.replace('["N", 4]', '{ shape = ["N", 4], dtype = "int64" }'), COMPILE, E, "int64"), (114, layers('e = { type = "Embedding", num_embeddings = 9, embedding_dim = 8 }'), COMPILE, E, "float32|int64"),
    (116, made.IRIS.replace("out_features = 3", "out_features = 2"), TRAIN, E, "3|class"), (117, made.IMAGES.replace("FOLDER", "gone"), TRAIN, E, "gone"), (117, lambda: (Path("f").touch(), Path("x.toml").write_text(made.IMAGES.replace("FOLDER", "f"))), TRAIN, E, '"?f"?'),
    (118, pictures(lambda x: (x / "c").mkdir()), TRAIN, E, "c"), (119, pictures(lambda x: [p.unlink() for p in x.rglob("*.png")]), TRAIN, E, "x"), (120, pictures(lambda x: (x / "a/0.png").write_bytes((x / "a/0.png").read_bytes()[:40])), TRAIN, E, r"0\.png"),
    (123, pictures(lambda x: __import__("PIL.Image").Image.new("RGB", (9, 9)).save(x / "a/9.png")), TRAIN, E, r"png"), (124, pictures(lambda x: (x / "loop").symlink_to(".")), TRAIN, ANY, ""), (125, pictures(lambda x: (x / ".git").mkdir()), TRAIN, FINE, ""),
    *((127, arrays(x=np.ones((8, 2), "float32"), y=np.array([0, 1] * 3 + [0, bad])), TRAIN, ANY if bad == -100 else E, "") for bad in (-1, 7, -100, 1.5)), (128, table(GOOD.replace("\n3,", "\ninf,")), TRAIN, E, r"t\.csv"),
    (129, table(GOOD + "1,2\n"), TRAIN, E, r"t\.csv"), (129, table(""), TRAIN, E, r"t\.csv"), (129, table(GOOD.replace("y\n", "z\n", 1)), TRAIN, E, '"y"'), (130, arrays(x=np.array([{}] * 8), y=np.arange(8)), TRAIN, E, r"t\.npz"),
    (131, fed("").replace("batch_size = 16", "batch_size = 17").replace('r = "ReLU"', 'r = "BatchNorm1d"'), TRAIN, ANY, ""), (132, table("a,b,y\n"), TRAIN, E, r"t\.csv"), (136, fed("").replace("lr = 0.01", "lr = 1e30"), TRAIN, E, ""),
    *((138, fed("").replace("lr = 0.01", f"lr = {lr}"), TRAIN, E, "lr") for lr in ("-1.0", "nan", "1e30", "inf")), (144, made.IRIS, "train x.toml --run /dev/null/x", E, "x"), (151, made.IRIS, "train x.toml --run . --resume", E, ""), (166, OK, "export x.toml -o /dev/null/x", E, "x"),
]  # fmt: skip


def cases() -> Iterator[tuple[drive.Case, str]]:
    for number, content, command, codes, says in ROWS:
        make = content if callable(content) else at("x.toml", content)
        yield drive.Case(f"{number}", tuple(command.split()), make, codes, 25.0), says
    for number, make, command, codes, says, after in LATER:
        yield drive.Case(f"{number}", tuple(command.split()), make, codes, 40.0, after), says


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--base", type=Path, help="where runs and exports are kept, as many.py has it")
    parser.add_argument("-v", action="store_true")
    given = parser.parse_args()
    preload()
    rows = [(case, says) for case, says in cases() if not given.only or case.name in given.only]
    broken = 0
    with tempfile.TemporaryDirectory(prefix="gs-") as folder:
        place = (given.base or Path(folder)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        os.environ.update(HOME=folder, GRAPHSPEC_ATTACKS=str(place))
        if any(int(case.name) in {row[0] for row in LATER} for case, _ in rows):
            make_base(place / "base")
        for answer, (_, says) in zip(drive.run([case for case, _ in rows], Path(folder)), rows, strict=True):
            wrong = answer.wrong or ("" if re.search(says, answer.last) else f"says nothing of {says!r}")
            broken += bool(wrong)
            if wrong or given.v:
                print(
                    f"| {answer.case} | {answer.code} | {answer.cpu:.1f} s | {answer.last[:200]!a} | {wrong} |",
                    flush=True,
                )
    print(f"\n{len(rows) - broken} of {len(rows)} rows of {len({case.name for case, _ in rows})} numbers held")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
