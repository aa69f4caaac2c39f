"""Keys and signatures, model repositories, pages and texts, own transforms, weights to begin with, series: each odd.

``signatures`` gives `export --sign` and `verify --key` what is no key, and bundles that were changed after they were
signed; ``served`` gives `export --triton` what is no repository; ``spoken`` looks whether a stranger's text gets out
of its place in a page, and gives runs other tokenizers; ``parts`` has transforms and weights that break their word,
``series`` options that ask for too much.
"""

# ruff: noqa: E501 - tables
from __future__ import annotations

import base64
import html.parser
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from drive import Case
from hostile_arrays import base, odd_files, sparse
from hostile_files import IMAGES, IRIS, TEXTS
from hostile_folders import JSONS
from hostile_promises import file, pictures

Make = Callable[[], object]
REFUSED, EITHER, WRONG = (1,), (0, 1), (1, 3)
#: The second of a command's two words may be a file that was made for it.
SIGN = ("export", "run", "-o", "out", "--format", "onnx", "--sign")


def nothing_published() -> str:
    return "out was published" if Path("out").exists() else ""


def keys(path: str) -> dict[str, Make]:
    """By name: what is no key that can sign."""
    pem = "-----BEGIN {0}-----\n{1}\n-----END {0}-----\n"
    noise = base64.encodebytes(np.random.RandomState(0).bytes(600)).decode()
    deep = base64.encodebytes(b"\x30\x84\x7f\xff\xff\xff" * 400).decode()
    return {
        **{f"a {name}": make for name, make in odd_files(path).items()},
        **{f"noise as {kind}": file(path, pem.format(kind, noise)) for kind in ("PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "RSA PRIVATE KEY")},
        "nested lengths": file(path, pem.format("PRIVATE KEY", deep)),
        "a long line": file(path, pem.format("PRIVATE KEY", "A" * 60_000)),
        "many": file(path, pem.format("PRIVATE KEY", "AA==") * 1_000),
        "too long": file(path, pem.format("PRIVATE KEY", "A" * 70_000)),
        "RSA": lambda: shutil.copy(base("rsa.pem"), path),
        "a locked one": lambda: shutil.copy(base("locked.pem"), path),
        "a public one": lambda: shutil.copy(base("own.pub"), path),
    }  # fmt: skip


def signature(change: Callable[[Any], object]) -> Make:
    """model.sig with its statement changed; what it was signed for is what stood there before."""

    def make() -> None:
        path = Path("f/model.sig")
        bundle = json.loads(path.read_text())
        said = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        change(said)
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
        path.write_text(json.dumps(bundle))

    return make


def tampered() -> dict[str, Make]:
    """By name: what may have been done to the signed bundle f."""
    names = ["model.onnx", "weights.safetensors", "spec.toml", "README.md", "golden.npz", "manifest.json", "check.py"]
    sig = "f/model.sig"

    def gone(path: str) -> None:
        Path(path).unlink()

    def odd(path: str, make: Make) -> Make:
        return lambda: (gone(path), make())

    found: dict[str, Make] = {
        **{f"{name} longer": lambda name=name: os.truncate(f"f/{name}", os.stat(f"f/{name}").st_size + 1) for name in names},
        **{f"{name} gone": lambda name=name: gone(f"f/{name}") for name in names},
        **{f"{name}, a {kind}": odd(f"f/{name}", make) for name in ("model.onnx", "manifest.json", "model.sig") for kind, make in odd_files(f"f/{name}").items()},
        **{f"{name} beside": file(f"f/{name}", "x") for name in (".git/config", ".gitignore", ".hidden", "model.onnx.data", "a\x1b[2J", "model.sig.bak", ".github/x", "__pycache__/x.pyc")},
        "two exchanged": lambda: (os.rename("f/README.md", "t"), os.rename("f/spec.toml", "f/README.md"), os.rename("t", "f/spec.toml")),
        "a second name": lambda: os.link("f/README.md", "f/also.md"),
        "a link in place": lambda: (os.rename("f/README.md", "r"), os.symlink("../r", "f/README.md")),
        "a sparse file beside": lambda: sparse("f/more", 1 << 42),
        "40,000 beside": lambda: [Path(f"f/{k}").touch() for k in range(40_000)],
        **{f"a signature of {name}": file(sig, json.dumps(value)) for name, value in JSONS.items()},
        "a deep signature": file(sig, "[" * 100_000 + "]" * 100_000),
        "a long signature": file(sig, '{"a": "' + "x" * (17 << 20) + '"}'),
        "another's signature": lambda: None,
        **{f"a statement, {name}": signature(change) for name, change in {
            "no files": lambda s: s["predicate"].update(resources=[]), "a file up": lambda s: s["predicate"]["resources"][0].update(name="../../etc/passwd"), "absolute": lambda s: s["predicate"]["resources"][0].update(name="/etc/passwd"), "FIFO": lambda s: s["predicate"]["resources"][0].update(name="/proc/kmsg"),
            "twice": lambda s: s["predicate"]["resources"].append(s["predicate"]["resources"][0]), "another digest": lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "another hash": lambda s: s["predicate"]["resources"][0].update(algorithm="md5"), "ignored": lambda s: s["predicate"]["serialization"].update(ignore_paths=["model.onnx"]),
            "links": lambda s: s["predicate"]["serialization"].update(allow_symlinks=True), "method": lambda s: s["predicate"]["serialization"].update(method="shards", shard_size=1), "null": lambda s: s.update(predicate=None), "type": lambda s: s.update(predicateType="x\x1b[2J"),
        }.items()},
        **{f"an envelope, {name}": lambda change=change: enveloped(change) for name, change in {
            "no signature": lambda b: b["dsseEnvelope"].update(signatures=[]), "empty": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=""), "null": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=None),
            "no base64": lambda b: b["dsseEnvelope"].update(payload="%%%"), "no envelope": lambda b: b.pop("dsseEnvelope"), "key": lambda b: b["verificationMaterial"].update(publicKey={"hint": "x"}), "certificate": lambda b: b.update(verificationMaterial={"certificate": {"rawBytes": "AA=="}}),
        }.items()},
    }  # fmt: skip
    return found


def enveloped(change: Callable[[Any], object]) -> None:
    path = Path("f/model.sig")
    bundle = json.loads(path.read_text())
    change(bundle)
    path.write_text(json.dumps(bundle))


def signatures() -> Iterator[Case]:
    """`export --sign` with what is no key, `verify --key` with it, and with bundles that were changed."""

    def with_run(make: Make) -> Make:
        return lambda: (shutil.copytree(base("run-digits"), "run"), make())

    def with_export(make: Make, key: str = "own.pub") -> Make:
        return lambda: (shutil.copytree(base("exp-signed"), "f"), shutil.copy(base(key), "right.pub"), make())

    for name, make in keys("key").items():
        yield Case(f"sign with {name}", (*SIGN, "key"), with_run(make), REFUSED, after=nothing_published)
        if name != "a public one":
            yield Case(f"verify with {name}", ("verify", "f", "--key", "key"), with_export(make), WRONG)
    for name, make in tampered().items():
        key = "other.pub" if name == "another's signature" else "own.pub"
        codes = WRONG if name in ("manifest.json gone", "manifest.json, a missing") else (3,)  # that is no export
        yield Case(f"signed, then {name}", ("verify", "f", "--key", "right.pub"), with_export(make, key), codes)
    for name in ("\x1b[2J", "-", "a" * 5000, "\udcff"):
        yield Case(f"a key called {name[:9]!a}", (*SIGN, name), with_run(lambda: None), (1, 2), after=nothing_published)
    yield Case("signed as it is", ("verify", "f", "--key", "right.pub"), with_export(lambda: None), (0,), 60.0)


def repositories() -> dict[str, Make]:
    """By name: what stands at t, where a model repository should be; the model is called model."""
    mark = b"# graphspec wrote this from manifest.json; spec x\n"
    model = "t/model"
    return {
        **{f"a {name}": make for name, make in odd_files("t").items() if name != "missing"},
        **{f"its model a {name}": lambda make=make: (Path("t").mkdir(), make()) for name, make in odd_files(model).items()},
        **{f"its configuration a {name}": lambda make=make: (Path(model).mkdir(parents=True), make()) for name, make in odd_files(f"{model}/config.pbtxt").items()},
        **{f"labels a {name}": lambda make=make: (file(f"{model}/config.pbtxt", mark)(), make()) for name, make in odd_files(f"{model}/labels.txt").items()},
        **{f"a version {name[:9]}": lambda name=name: (file(f"{model}/config.pbtxt", mark)(), Path(model, name).mkdir()) for name in ("1", "9" * 255, "9" * 254, "٣", "²", "01", "-1", "1.5", "1" + "0" * 20)},
        "a version as a file": lambda: (file(f"{model}/config.pbtxt", mark)(), Path(f"{model}/1").touch()),
        "a version as a link": lambda: (Path("else").mkdir(), file(f"{model}/config.pbtxt", mark)(), os.symlink("../../else", f"{model}/1")),
        "a link to elsewhere": lambda: (Path("else").mkdir(), os.symlink("else", "t")),
    }  # fmt: skip


def served() -> Iterator[Case]:
    """`export --triton` into what is no repository; what is outside stays as it is."""

    def after() -> str:
        whole = list(Path("t").glob("model/[0-9]*/model.onnx")) if Path("t").is_dir() else []
        torn = [path for path in whole if not path.stat().st_size]
        return "; ".join(
            [*(f"{path} is empty" for path in torn), *("else was written" for _ in Path().glob("else/*.onnx"))]
        )

    command = ("export", "base.toml", "-o", "out", "--format", "onnx", "--triton", "t")
    for name, make in repositories().items():
        yield Case(
            f"triton, {name}",
            command,
            lambda make=make: (shutil.copy(base("base.toml"), "."), make()),
            EITHER,
            60.0,
            after,
        )


class Scripts(html.parser.HTMLParser):
    """The elements of a page that could run something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        odd = [f"{key}={value}" for key, value in attrs if key.startswith("on")]
        outside = [
            value for key, value in attrs if key in ("src", "href") and not (value or "").startswith(("data:", "#"))
        ]
        kind = dict(attrs).get("type")
        if tag in ("iframe", "object", "embed", "base", "link", "form", "img") and (tag != "img" or outside):
            self.found.append(tag)
        if tag == "script" and kind is None:
            self.found.append("script")
        self.found += [f"{tag} {each}" for each in [*odd, *map(str, outside)]]


def no_script() -> str:
    """What a page, where one was written, would run beside its own script."""
    if not Path("p.html").exists():
        return ""
    text = Path("p.html").read_text()
    page = Scripts()
    page.feed(text)
    odd = page.found[1:] if page.found[:1] == ["script"] else page.found
    own = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    return "; ".join(odd) or ("two scripts" if len(own) > 1 else "")


def retold(name: str) -> Iterator[tuple[str, Make]]:
    """The tokenizer.json of folder f, other in each."""
    said = json.loads(base(name).joinpath("tokenizer.json").read_text())
    vocab = said["model"]["vocab"]
    evil = "</script><script>alert(1)</script>"

    def put(value: object) -> Make:
        return file("f/tokenizer.json", json.dumps(value))

    def words(more: dict[str, Any]) -> Make:
        return put({**said, "model": {**said["model"], "vocab": {**vocab, **more}}})

    yield from ((f"words {key!a} = {value!a}"[:50], words({key: value})) for key, value in {
        evil: len(vocab), "__proto__": len(vocab), "far": 4_000_000_000, "farther": 2**63, "less": -1, "twice": 0, "half": 1.5,
        "text": "3", "null": None, "\ud800": len(vocab), "": len(vocab), "a" * 1_000_000: len(vocab), "\x1b[2J": len(vocab),
    }.items())  # fmt: skip
    yield "no words", put({**said, "model": {**said["model"], "vocab": {}}})
    yield "a million words", words({f"w{k}": k for k in range(len(vocab), 1_000_000)})
    for key, value in JSONS.items():
        yield f"model {key}", put({**said, "model": value})
        yield f"pre_tokenizer {key}", put({**said, "pre_tokenizer": value})
        yield f"added_tokens {key}", put({**said, "added_tokens": value})
    slow = {"type": "Split", "pattern": {"Regex": "(a*)*b"}, "behavior": "Isolated", "invert": False}
    yield "a pattern that takes for ever", put({**said, "pre_tokenizer": slow})
    yield "deep", file("f/tokenizer.json", "[" * 100_000 + "]" * 100_000)
    yield from ((f"a {key}", make) for key, make in odd_files("f/tokenizer.json").items())


def spoken() -> Iterator[Case]:
    """Pages of what strangers named and wrote, and tokenizers that no training made."""
    page = ("report", "f", "-o", "p.html")
    for source in ("run-text", "exp-text"):
        yield Case(
            f"report {source}", page, lambda source=source: shutil.copytree(base(source), "f"), (0,), 60.0, no_script
        )
    evil = (
        "</script><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "<!--<script>",
        "javascript:alert(1)",
        "\u2028\u2029",
        "&lt;b&gt;",
        "${alert(1)}",
        "]]>",
    )
    for kind, source in itertools.product(("Char", "WordLevel", "BPE"), (evil[0], evil[2])):
        text = TEXTS.replace("KIND", kind).replace("max_length = 8", "max_length = 8, vocab_size = 300")
        rows = "".join(f'"{source} {k}","{evil[k % 2 + 1]}"\n'.replace('""><', '"">""><') for k in range(40))
        make = lambda text=text, rows=rows: (file("texts.csv", "text,y\n" + rows)(), file("x.toml", text)())  # noqa: E731
        yield Case(f"train on {source!a} by {kind}", ("train", "x.toml", "--run", "r"), make, EITHER, 60.0)
    for name in evil:
        names = [name.replace("/", "\u2215"), "b"]
        yield Case(f"a page of the run of {name!a}", page, evaluated(names), EITHER, 60.0, no_script)
    for source, commands in {
        "run-text": (("predict", "f", "new.csv"), page, ("export", "f", "-o", "e")),
        "exp-text": (("predict", "f", "new.csv"), ("verify", "f"), page),
    }.items():
        for count, (name, change) in enumerate(retold(source)):
            command = commands[count % len(commands)]

            def make(source: str = source, change: Make = change) -> None:
                shutil.copytree(base(source), "f")
                shutil.copy(base("texts.csv"), "texts.csv")
                Path("new.csv").write_text("text\nhello\n" + "a" * 40 + "\n")
                Path("f/tokenizer.json").unlink()
                change()

            yield Case(f"{command[0]} {source}, {name}", command, make, (0, 1, 3), 60.0, no_script)


def evaluated(names: list[str]) -> Make:
    """f: run-digits whose classes and figures have other names."""

    def make() -> None:
        shutil.copytree(base("run-digits"), "f")
        path = Path("f/evaluation.json")
        found = json.loads(path.read_text()) if path.exists() else {"parts": {}}
        found["classes"] = (names * 5)[:10]
        found["parts"] = {names[0]: {names[0]: 0.5, "loss": 1.0}, "test": {"loss": 2.0, names[0]: 1}}
        path.write_text(json.dumps(found))
        shutil.copy("f/confusion_matrix.png", f"f/{names[0][:60]}.png") if Path(
            "f/confusion_matrix.png"
        ).exists() else None

    return make


OWN = """import graphspec, torch
@graphspec.transform{geometry}
def {name}(image, size: int = 1):
    {body}
"""
BODIES = {
    "raises": "raise RuntimeError('\\x1b[2J' * 100_000)", "None": "return None", "a text": "return 'x'", "a number": "return 3.0", "nan": "return image * float('nan')", "inf": "return image / 0",
    "complex": "return image * 1j", "bool": "return image > 0.5", "no rows": "return image[:, :0]", "another size each": "return image[:, : 1 + int(image.sum()) % 7]", "5 dims": "return image[None, None]", "huge": "return image.expand(3, 8, 8).repeat(1, 40_000, 40_000)", "meta": "return image.to('meta')",
    "sparse": "return image.to_sparse()", "exits": "raise SystemExit(0)", "interrupts": "raise KeyboardInterrupt", "deep": "return Mine(image)", "in place": "image.zero_(); return image", "memory": "raise MemoryError", "grad": "return image.requires_grad_()", "int64": "return (image * 255).long()", "quantized": "return torch.quantize_per_tensor(image, 0.1, 0, torch.quint8)",
}  # fmt: skip
KEYS = ("transforms", "augment", "corrupt")


def parts() -> Iterator[Case]:
    """Own transforms that break their word, and files of weights to begin with."""
    for count, ((name, body), key) in enumerate(itertools.product(BODIES.items(), KEYS)):
        own = f"Mine{count}"
        text = file(f"{own}.py", OWN.format(name=own, geometry="(geometry=False)", body=body.replace("Mine", own)))
        command = ("train", "x.toml", "--run", "r", "--import", f"{own}.py")
        yield Case(f"{key}: own that {name}", command, pictures(text, text=f'{key} = ["{own}"]'), (0, 1, 130), 60.0)
    for count, value in enumerate((10**12, -1, 1.5, "'x'", [1], "true", "nan")):
        own = f"Sized{count}"
        text = file(f"{own}.py", OWN.format(name=own, geometry="", body="return image.repeat(1, size, 1)"))
        make = pictures(text, text=f'transforms = [{{ type = "{own}", size = {value} }}]')
        command = ("train", "x.toml", "--run", "r", "--import", f"{own}.py")
        yield Case(f"own of size {value}", command, make, EITHER, 60.0)
    head = {
        "huge header": (1 << 60).to_bytes(8, "little"),
        "header of 200 MB": (200 << 20).to_bytes(8, "little") + b" " * 1000,
        "no JSON": (4).to_bytes(8, "little") + b"{{{{",
        "deep": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    }
    for where, text in {
        "train": IRIS.replace("epochs = 2", 'epochs = 1\ninit = "w.safetensors"'),
        "layer": IRIS.replace("out_features = 8", 'out_features = 8, init = { file = "w.safetensors" }'),
    }.items():
        spec = file("x.toml", text)
        command = ("compile", "x.toml") if where == "layer" else ("train", "x.toml", "--run", "r")
        for name, make in {
            **odd_files("w.safetensors"),
            **{key: file("w.safetensors", value) for key, value in head.items()},
        }.items():
            yield Case(
                f"{where} init from a {name}", command, lambda make=make, spec=spec: (spec(), make()), REFUSED, 40.0
            )
        for path in (
            "/etc/passwd",
            "../w.safetensors",
            "http://a/b.safetensors",
            "~/w.safetensors",
            "w.pkl",
            "\u0000",
            "a" * 5000,
            "..",
            "",
            "w.safetensors/x",
            "/dev/zero",
            "/proc/self/mem",
        ):
            changed = file("x.toml", text.replace("w.safetensors", path.replace("\u0000", "\\u0000")))
            yield Case(f"{where} init from {path[:20]!a}", command, changed, REFUSED, 40.0)


SERIES = """graphspec = 1
[inputs]
x = ["N", 1, 4]
[layers]
f = "Flatten"
l = { type = "Linear", out_features = 2 }
[data]
dataset = { type = "series", file = "s.csv", target = "a", window = 4, horizon = 2, columns = ["a"]MORE }
root = "."
[train]
epochs = 1
loss = "MSELoss"
"""


def series() -> Iterator[Case]:
    """Options of series, and tables of times that are none."""
    command = ("train", "x.toml", "--run", "r")

    def table(
        rows: int = 60, time: Callable[[int], str] = str, value: Callable[[int], str] = lambda k: str(k / 7)
    ) -> str:
        return "t,g,a,b\n" + "".join(f"{time(k)},{'uv'[k % 2]},{value(k)},{k}\n" for k in range(rows))

    def given(text: str, data: str | bytes) -> Make:
        return lambda: (file("s.csv", data)(), file("x.toml", text)())

    big, numbers = 10**15, (0, -1, 10**9, 10**15, 2**63, 1.5, "x", True, [1])
    for key, value in itertools.product(("window", "horizon", "season"), numbers):
        said = json.dumps(value)
        text = (
            re.sub(rf"{key} = \d+", f"{key} = {said}", SERIES)
            if key != "season"
            else SERIES.replace("MORE", f", season = {said}")
        )
        yield Case(f"series {key} = {said}", command, given(text.replace("MORE", ""), table()), EITHER, 40.0)
    for key, value in {
        "target": ["a"] * 3,
        "columns": [f"c{k}" for k in range(9000)],
        "drop": ["a", "b", "g", "t"],
        "time": "b",
        "group": "a",
        "delimiter": "",
        "decimal": ",,",
        "thousands": ".",
        "encoding": "rot13",
    }.items():
        text = (
            SERIES.replace('target = "a"', f"target = {json.dumps(value)}")
            if key == "target"
            else SERIES.replace(', columns = ["a"]MORE', f", {key} = {json.dumps(value)}")
        )
        yield Case(f"series {key} = {str(value)[:20]}", command, given(text.replace("MORE", ""), table()), EITHER, 40.0)
    times: dict[str, Callable[[int], str]] = {
        "far years": lambda k: f"{9990 + k}-01-01", "no day": lambda k: "2026-02-30", "huge": lambda k: str(big**9 + k), "nan": lambda k: "nan", "inf": lambda k: "inf", "backwards": lambda k: str(-k), "the same": lambda k: "1", "empty": lambda k: "",
        "far apart": lambda k: str(k * 10**300), "near": lambda k: f"{k}e-300", "mixed": lambda k: ("2026-01-01", "3")[k % 2], "zones": lambda k: f"2026-01-01T00:00:{k:02}+99:99", "fractions": lambda k: f"2026-01-01 00:00:00.{'1' * 50}", "long": lambda k: "9" * 50_000, "escape": lambda k: "\x1b[2J",
    }  # fmt: skip
    for name, time in times.items():
        yield Case(
            f"series by times, {name}",
            command,
            given(SERIES.replace("MORE", ', time = "t"'), table(time=time)),
            EITHER,
            40.0,
        )
    for name, value in {
        "inf": lambda k: "inf",
        "1e308": lambda k: "1e308",
        "1e-320": lambda k: "1e-320",
        "text": lambda k: "x",
        "one": lambda k: "1",
    }.items():
        yield Case(f"series of {name}", command, given(SERIES.replace("MORE", ""), table(value=value)), EITHER, 40.0)
    for rows in (0, 1, 5, 6, 7):
        yield Case(f"series of {rows} rows", command, given(SERIES.replace("MORE", ""), table(rows)), EITHER, 40.0)
    groups = "t,g,a,b\n" + "".join(f"{k},g{k},{k},{k}\n" for k in range(20_000))
    yield Case(
        "series of 20,000 groups",
        command,
        given(SERIES.replace("MORE", ', group = "g", time = "t"'), groups),
        EITHER,
        40.0,
    )
    for rows in (10**9, 10**12, 2**63, 0, -1, 1.5):
        text = re.sub(
            r"dataset = .*", f'dataset = {{ type = "seasons", rows = {rows}, window = 4, horizon = 2 }}', SERIES
        )
        yield Case(f"seasons of {rows} rows", command, file("x.toml", text), EITHER, 40.0)
    yield Case(
        "a picture with series",
        command,
        lambda: file("x.toml", IMAGES.replace('"ImageFolder", folder', '"series", file'))(),
        REFUSED,
    )
