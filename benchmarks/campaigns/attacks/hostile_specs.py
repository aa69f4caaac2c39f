"""Specs with one value of a whole, ordinary spec replaced: at every path, by everything that a file can say."""

# ruff: noqa: E501 - tables, and files that stay open
from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drive import Case

WHOLE: dict[str, Any] = {
    "graphspec": 1, "name": "whole", "vars": {"width": 8, "kinds": ["a", "b"]},
    "inputs": {"x": ["N", 4]},
    "dims": {"N": {"min": 1, "max": 512}},
    "layers": {
        "h": {"type": "Linear", "out_features": "${width}", "init": {"weight": "xavier_normal_", "bias": "zeros_"}},
        "r": "ReLU",
        "b": {"type": "B", "repeat": 2, "size": "${width * (i + 1)}", "if": "${width > 2}"},
        "d": {"type": "Dropout", "p": 0.1, "from": "b"},
        "m": {"type": "add", "from": ["d", "e"]},
        "e": {"type": "Linear", "out_features": 16, "from": "r", "freeze": True},
        "n": {"type": "LayerNorm", "from": {"input": "m"}},
        "q": {"reuse": "n"},
        "o": {"type": "Linear", "out_features": 3, "init": {"type": "normal_", "std": 0.1}},
    },
    "outputs": {"logits": "o"},
    "blocks": {"B": {"vars": {"size": 4}, "inputs": ["x"], "layers": {"l": {"type": "Linear", "out_features": "${size}"}},
                     "outputs": {"y": "l"}}},
    "variants": {"small": {"width": 4}},
    "data": {"dataset": {"type": "iris"}, "root": "data", "batch_size": 32, "validation": 0.2, "test": 0.2,
             "drop_last": False, "transforms": [{"type": "Normalize", "mean": [1.0, 2.0, 3.0, 4.0], "std": [1.0, 1.0, 1.0, 2.0]}],
             "augment": []},
    "train": {"epochs": 1, "loss": {"type": "CrossEntropyLoss", "label_smoothing": 0.1, "weight": [1.0, 2.0, 1.0]},
              "optimizer": {"type": "Adam", "lr": 0.01, "betas": [0.9, 0.99], "eps": 1e-8},
              "scheduler": {"type": "StepLR", "step_size": 1, "gamma": 0.5},
              "metrics": ["accuracy", {"type": "f1", "average": "macro"}], "monitor": "accuracy", "accumulate": 1,
              "clip_grad_norm": 1.0, "early_stopping": 3, "warmup": 1, "ema": 0.9, "engine": "eager",
              "precision": "fp32", "memory_format": "contiguous_format", "deterministic": False, "seed": 0},
    "export": {"formats": ["torchscript"], "precisions": [], "opset_version": 20},
    "tune": {"trials": 1, "metric": "accuracy", "direction": "maximize", "seed": 0, "vmap": 1,
             "sampler": {"type": "TPESampler", "n_startup_trials": 1}, "pruner": {"type": "MedianPruner", "n_warmup_steps": 0},
             "space": {"train.optimizer.lr": {"low": 0.001, "high": 0.1, "log": True}, "vars.width": {"choices": [4, 8]},
                       "train.epochs": {"low": 1, "high": 2, "step": 1}}},
}  # fmt: skip


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


#: By name: what stands in place of a value.
VALUES: dict[str, Any] = {
    "null": None, "true": True, "false": False, "0": 0, "1": 1, "-1": -1, "2^31": 2**31, "2^63": 2**63, "-2^63": -(2**63),
    "10^15": 10**15, "10^400": 10**400, "-10^400": -(10**400), "0.0": 0.0, "-0.5": -0.5, "1.5": 1.5, "1e308": 1e308,
    "tiny": 5e-324, "1.0": 1.0, "empty": "", "space": " ", "long": "a" * 100_000, "escape": "\x1b[2J\x07", "bidi": "a\u202eb",
    "csi": "\x9b31m", "surrogate": "\ud800", "nul": "a\0b", "path": "../../etc/passwd", "device": "/dev/zero",
    "open": "${", "div": "${1 / 0}", "shape": "${x.shape[0]}", "text": "${'a' * 3}", "deep-expression": "${" + "(" * 90 + "1" + ")" * 90 + "}",
    "call": "${max()}", "i": "${i}", "pow": "${9 ** 9 ** 9}", "number": "1", "class": "Linear", "torch": "torch.load",
    "[]": [], "[[]]": [[]], "[null]": [None], "deep": nested(60), "list": ["x"] * 1000, "numbers": [2**70, -1.5, True],
    "{}": {}, "{type}": {"type": "Linear"}, "{type null}": {"type": None}, "{type {}}": {"type": {"type": 1}},
    "{empty}": {"": 1}, "{escape}": {"\x1b[31m": 1}, "{file}": {"file": "../../etc/passwd"}, "{from}": {"from": "x", "type": "ReLU"},
    "{many}": {f"k{n}": n for n in range(500)},
}  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, the root too."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*at, key))


def replaced(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy of `document` with another value at a place."""
    if not at:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = copy.deepcopy(value)
    return changed


def toml(value: Any) -> str:
    """A document as TOML with inline tables; a null becomes a text."""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{inline(str(key))} = {inline(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(inline, value)) + "]"
        return json.dumps("null" if value is None else value).replace("\x7f", "\\u007f")

    return "".join(f"{inline(str(key))} = {inline(item)}\n" for key, item in value.items())


def written(document: Any, as_toml: bool) -> tuple[str, Callable[[], object]]:
    """The file's name, and what writes it."""
    if as_toml and isinstance(document, dict):
        return "x.toml", lambda: Path("x.toml").write_text(toml(document), errors="surrogatepass")
    return "x.json", lambda: Path("x.json").write_text(json.dumps(document))


def compiled() -> Iterator[Case]:
    """Every place with every value through ``compile``; every tenth as TOML, every fifth with ``--json``."""
    draw = random.Random(0)
    for at in paths(WHOLE):
        for name, value in VALUES.items():
            file, make = written(replaced(WHOLE, at, value), draw.random() < 0.1)
            more = ("--json",) if draw.random() < 0.2 else ()
            yield Case(f"compile {'.'.join(map(str, at))} = {name}", ("compile", file, *more), make, cpu=5.0)


def removed() -> Iterator[Case]:
    """Every place taken away, and every key doubled in its case."""
    for at in paths(WHOLE):
        if not at:
            continue
        changed = copy.deepcopy(WHOLE)
        inner = changed
        for key in at[:-1]:
            inner = inner[key]
        del inner[at[-1]]
        file, make = written(changed, False)
        yield Case(f"compile without {'.'.join(map(str, at))}", ("compile", file), make, cpu=5.0)


def worked() -> Iterator[Case]:
    """Values of [data], [train], [tune], [export] through the command that takes them: what compile lets pass."""
    commands = {"data": ("train", "--run", "r"), "train": ("train", "--run", "r"), "tune": ("tune", "--run", "r"),
                "export": ("export", "-o", "e"), "vars": ("export", "-o", "e"), "layers": ("train", "--run", "r")}  # fmt: skip
    for at in paths(WHOLE):
        if at and at[0] in commands:
            command, *more = commands[at[0]]
            for name, value in VALUES.items():
                file, make = written(replaced(WHOLE, at, value), False)
                yield Case(f"{command} {'.'.join(map(str, at))} = {name}", (command, file, *more), make)


def emitted() -> Iterator[Case]:
    """Names and values that reach other languages: Python, Mermaid, SVG, TOML."""
    for kind in ("spec", "graph", "shapes", "python", "mermaid", "svg"):
        for name, value in {"quotes": "a\"'`</script>", "escape": "\x1b[2J", "bidi": "\u202e", "csi": "\x9b"}.items():
            document = replaced(WHOLE, ("name",), value) | {"vars": {"width": 8, "kinds": [value]}}
            file, make = written(document, False)
            yield Case(f"emit {kind} {name}", ("compile", file, "--emit", kind), make)


TEXTS: dict[str, bytes | str] = {
    "duplicate.json": '{"graphspec":1,"graphspec":1,"inputs":{"x":["N",4]},"layers":{"a":"ReLU"}}',
    "nan.json": '{"graphspec":1,"inputs":{"x":["N",4]},"layers":{"a":{"type":"Dropout","p":NaN}}}',
    "inf.json": '{"graphspec":1,"inputs":{"x":["N",4]},"layers":{"a":{"type":"Dropout","p":-Infinity}}}',
    "float.json": '{"graphspec":1,"inputs":{"x":["N",4]},"layers":{"a":{"type":"Dropout","p":1e999}}}',
    "minus.json": '{"graphspec":1,"inputs":{"x":["N",-' + "9" * 5000 + ']},"layers":{"a":"ReLU"}}',
    "digits.json": '{"graphspec":' + "1" * 4301 + "}", "exponent.json": '{"graphspec":1e' + "9" * 900_000 + "}",
    "deep.json": "[" * 200_000, "deepkeys.json": '{"a":' * 100_000, "bom16.json": "{}".encode("utf-16"),
    "nul.json": "\0", "latin.json": b'{"n\xe4me": 1}', "twice.json": "{}{}", "bare.json": "nul", "escape.json": '{"\\u001b[2J": 1}',
    "surrogate.json": '{"\\ud800": "\\udfff"}', "string.json": '"' + "a" * 900_000, "empty.json": "", "list.json": "[]",
    "comment.json": "{/*" + "*" * 100_000, "esc.json": "{\x1b[2J", "csi.json": "{\u009b31m",
    "esc.toml": "a = \x1b[2J", "csi.toml": 'a = "\u009b31m', "bidi.toml": "\u202e = 1", "hex.toml": "a = 0x" + "f" * 900_000,
    "binary.toml": "a = 0b" + "1" * 100_000, "dots.toml": "a." * 100_000 + "a = 1", "dates.toml": "graphspec = 1979-05-27T07:32:00Z",
    "time.toml": "graphspec = 1\nname = 07:32:00", "deep.toml": "a = " + "[" * 100_000, "inline.toml": "a = " + "{a=" * 50_000,
    "tables.toml": "".join(f"[a{n}]\n" for n in range(90_000)), "aot.toml": "[[layers]]\n" * 50_000, "nan.toml": "graphspec = nan",
    "duplicate.toml": "graphspec = 1\ngraphspec = 1", "redefined.toml": "a = 1\n[a]\nb = 1", "multi.toml": 'a = """' + "\n" * 900_000,
    "latin.toml": b'n\xe4me = 1', "nul.toml": b"\0\0\0\0", "cr.toml": "graphspec = 1\rname = 'a'", "utf16.toml": "a = 1".encode("utf-16"),
    "float.toml": "graphspec = 1." + "0" * 900_000, "under.toml": "a = " + "1_" * 400_000 + "1", "quotes.toml": '"' * 900_000,
    "octal.toml": "graphspec = 0o" + "7" * 300_000, "date.toml": "a = 9999-99-99", "year.toml": "a = 0000-00-00T00:00:00+99:99",
}  # fmt: skip


def texts() -> Iterator[Case]:
    """Files that are no document."""
    for name, text in TEXTS.items():
        content = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
        for more in ((), ("--json",)):
            yield Case(f"compile {name} {' '.join(more)}", ("compile", name, *more),
                       lambda name=name, content=content: Path(name).write_bytes(content), (1,), cpu=4.0)  # fmt: skip


SETTINGS = (
    "", "=", "a", "a=", "=1", ".=1", "..a=1", "layers=1", "layers.=1", "layers.o.out_features=", "layers.o.out_features=[", "train.seed=nan",
    "layers.o.out_features=" + "9" * 5000, "layers.o.out_features=1\nb=2", "name='\x1b[2J'", "\x1b[2J=1", "\u202e=1", "layers.o=null",
    "layers.zz.type=ReLU", "inputs.x=[]", "inputs.x.0=1", "inputs.x[0]=1", "graphspec=2", "vars={}", "blocks.B.layers={}", "a." * 5000 + "b=1",
    "layers.o.out_features=" + "[" * 50_000, "name=" + "a" * 1_000_000, "train.optimizer.lr=1e400", "data.dataset.type=../x", "tune.space=1",
    "layers.o.out_features=1979-05-27", "train.metrics.99999999999=1", "train.metrics.-1=1", "train.metrics.x=1", 'layers."o".out_features=5',
    "layers.'o=5", "variants.small.width=1e5", "train.loss.weight.0=x", "\0=1", "layers.o.out_features='${'", "layers.o.from.0.a=1",
)  # fmt: skip


def settings() -> Iterator[Case]:
    """--set and --variant."""
    file, make = written(WHOLE, True)
    for text in SETTINGS:
        if "\0" not in text:
            yield Case(f"--set {text[:30]!a}", ("compile", file, "--set", text), make, (0, 1, 2), cpu=5.0)
    for name in ("", "small", "\x1b[2J", "../a", "a" * 100_000, "\u202e", "__class__"):
        yield Case(f"--variant {name[:30]!a}", ("compile", file, "--variant", name), make, (0, 1, 2), cpu=5.0)
