"""Runs, exports and studies that came along: every file of them missing, of another kind, or saying other things."""

# ruff: noqa: E501 - tables, and files that stay open
from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drive import Case
from hostile_arrays import base, flip, odd_files
from hostile_files import entries, seal
from hostile_specs import paths, replaced

#: What stands in place of a value of a JSON file.
JSONS: dict[str, Any] = {
    "null": None, "true": True, "-1": -1, "2^70": 2**70, "1.5": 1.5, "nan": float("nan"), "inf": float("inf"), "empty": "", "text": "x",
    "escape": "\x1b[2J\u202e\x9b", "path": "../../etc/passwd", "surrogate": "\ud800", "long": "a" * 100_000, "[]": [], "{}": {}, "[null]": [None],
    "{x}": {"\x1b[2J": 1}, "deep": json.loads("[" * 400 + "]" * 400), "many": list(range(3000)), "bytes": "sha256:0",
}  # fmt: skip
DEEP = "[" * 100_000
TEXTS = {"deep": DEEP, "list": "[]", "null": "null", "number": "1", "text": '"\x1b[2J"', "half": '{"a": ', "nan": "NaN", "latin": b"\xe4", "nul": "\0" * 100, "twice": "{}{}", "bom": "\ufeff{}", "long": '{"a": ' + "9" * 5000 + "}", "big": " " * (40 << 20)}  # fmt: skip


def replaced_file(source: str, name: str, make: Callable[[], object], sealed: bool = False) -> Callable[[], object]:
    """A copy of a folder as ``f`` without `name`, which `make` may make."""

    def run() -> None:
        shutil.copytree(base(source), "f")
        path = Path("f", name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make()
        if sealed and Path("f/manifest.json").is_file() and name != "manifest.json":
            seal(Path("f"))

    return run


def written(path: str, content: str | bytes) -> Callable[[], object]:
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    return lambda: Path(path).write_bytes(data)


def changed_json(path: str, at: tuple[Any, ...], value: Any) -> Callable[[], object]:
    def make() -> None:
        Path(path).write_text(json.dumps(replaced(json.loads(Path(path).read_text()), at, value)))

    return make


def files_of(source: str) -> list[str]:
    return sorted(
        str(path.relative_to(base(source)))
        for path in base(source).rglob("*")
        if path.is_file() and not path.name.endswith((".png", ".md", ".py"))
    )


COMMANDS = {
    "run": (("evaluate", "f"), ("predict", "f"), ("export", "f", "-o", "e", "--format", "torchscript"), ("train", "iris.toml", "--run", "f", "--resume", "--epochs", "3")),
    "export": (("predict", "f"), ("verify", "f")), "study": (("tune", "tune.toml", "--run", "f", "--resume", "--trials", "3"),),
}  # fmt: skip


def with_specs(make: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        for name in ("iris", "tune"):
            shutil.copy(base(f"{name}.toml"), f"{name}.toml")
        make()

    return run


def of_files(source: str, kind: str, every: int = 1) -> Iterator[Case]:
    """Each file of a folder as something else."""
    count = 0
    for name in files_of(source):
        others: dict[str, Callable[[], object]] = odd_files(f"f/{name}")
        if name.endswith((".json", ".log")):
            others |= {f"text {key}": written(f"f/{name}", text) for key, text in TEXTS.items()}
        whole = base(source).joinpath(name).read_bytes()
        others |= {f"cut {n}": written(f"f/{name}", whole[: len(whole) * n // 4]) for n in range(1, 4)} if whole else {}
        others |= {f"flip {n}": written(f"f/{name}", flip(whole, n, 6)) for n in range(6)} if whole else {}
        for odd, make in others.items():
            for command in COMMANDS[kind]:
                count += 1
                if count % every == 0:
                    yield Case(
                        f"{command[0]} {name} {odd}", command, with_specs(replaced_file(source, name, make, True))
                    )


def runs() -> Iterator[Case]:
    """Runs: files, the values of evaluation.json and environment.json, checkpoints sealed again, specs."""
    yield from of_files("run-iris", "run")
    for file in ("evaluation.json", "environment.json"):
        document = json.loads(base("run-iris").joinpath(file).read_text())
        for at in paths(document):
            for name, value in JSONS.items():
                make = written(f"f/{file}", json.dumps(replaced(document, at, value)))
                for command in (("predict", "f"), ("train", "iris.toml", "--run", "f", "--resume", "--epochs", "3"))[
                    : 1 if file[0] == "e" and file[1] == "v" else 2
                ]:
                    yield Case(
                        f"{command[0]} {file} {'.'.join(map(str, at))} = {name}",
                        command,
                        with_specs(replaced_file("run-iris", file, make)),
                    )
    state = sorted(base("run-iris").glob("checkpoints/*.json"))[-1]
    body = json.loads(json.loads(state.read_text())["body"])
    for at in paths(body):
        for name, value in JSONS.items():
            yield Case(
                f"resume checkpoint {'.'.join(map(str, at))} = {name}",
                COMMANDS["run"][3],
                with_specs(lambda at=at, value=value: checkpoint(replaced(body, at, value))),
            )
    for key in ("step", "lr", "betas", "exp_avg", "exp_avg_sq", "params", "rng", "seed", "epoch"):
        for name, value in JSONS.items():
            other = copy.deepcopy(body)
            for item in entries(other, key):
                item[1] = value
            yield Case(
                f"resume every {key} = {name}", COMMANDS["run"][3], with_specs(lambda other=other: checkpoint(other))
            )
    text = base("run-iris").joinpath("spec.toml").read_text()
    for name, (old, new) in {"width": ("out_features = 8", "out_features = 80000000"), "csv": ('"iris"', '{ type = "csv", file = "/etc/passwd", target = "x" }'), "folder": ('"iris"', '{ type = "ImageFolder", folder = "../.." }'), "init": ("out_features = 8", 'out_features = 8, init = { file = "/dev/zero" }'),
                             "other": ("out_features = 8", "out_features = 9"), "digits": ('"iris"', '"digits"'), "none": ("[data]", "[dataa]"), "epochs": ("epochs = 2", "epochs = 1000000000000"), "escape": ('"ReLU"', '"\\u001b[2J"'), "batch": ("batch_size = 16", "batch_size = 1000000")}.items():  # fmt: skip
        for command in COMMANDS["run"]:
            yield Case(
                f"{command[0]} spec {name}",
                command,
                with_specs(replaced_file("run-iris", "spec.toml", written("f/spec.toml", text.replace(old, new)))),
            )


def checkpoint(body: Any) -> None:
    """``f``: run-iris whose only checkpoint has another state, sealed again."""
    shutil.copytree(base("run-iris"), "f")
    *older, path = sorted(Path("f/checkpoints").glob("step-*.json"))
    for old in older:
        old.unlink()
        old.with_suffix(".safetensors").unlink()
    text = json.dumps(body, separators=(",", ":"))
    path.write_bytes(
        json.dumps({"sha256": hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest(), "body": text}).encode()
    )


def exports() -> Iterator[Case]:
    """Exports: files, the values of the manifest sealed again, names in it, goldens."""
    yield from of_files("exp", "export", 2)
    document = json.loads(base("exp").joinpath("manifest.json").read_text())
    count = 0
    for at in paths(document):
        for name, value in JSONS.items():
            count += 1
            command = COMMANDS["export"][count % 2]
            if at and at[0] not in ("manifest_sha256",):
                yield Case(
                    f"{command[0]} manifest {'.'.join(map(str, at))} = {name}",
                    command,
                    lambda at=at, value=value: manifest(at, value),
                )
    for n, name in enumerate(
        (
            "../run",
            "/etc/passwd",
            "/dev/zero",
            ".",
            "..",
            "",
            "a/b",
            "a\0b",
            "\x1b[2J",
            "manifest.json",
            "x" * 300,
            "link",
            "fifo",
            "sub",
            "./model.onnx",
            "\ud800",
        )
    ):
        yield Case(f"manifest names {name[:20]!a}", COMMANDS["export"][n % 2], lambda name=name: named(name), (1, 3))


def manifest(at: tuple[Any, ...], value: Any) -> None:
    """``f``: exp whose manifest has another value and the right hash of itself."""
    shutil.copytree(base("exp"), "f")
    path = Path("f/manifest.json")
    document = replaced(json.loads(path.read_text()), at, value)
    document.pop("manifest_sha256", None)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    own = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    whole = json.dumps(document | {"manifest_sha256": own}, indent=2, ensure_ascii=False) + "\n"
    path.write_bytes(whole.encode(errors="surrogatepass"))


def named(name: str) -> None:
    """``f``: exp whose manifest lists one more file."""
    shutil.copytree(base("exp"), "f")
    os.symlink("/etc/passwd", "f/link")
    os.mkfifo("f/fifo")
    Path("f/sub").mkdir()
    document = json.loads(Path("f/manifest.json").read_text())
    shutil.rmtree("g", ignore_errors=True)
    files = {**document["files"], name: {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0}}
    shutil.rmtree("f")
    manifest(("files",), files)
    os.symlink("/etc/passwd", "f/link")
    os.mkfifo("f/fifo")
    Path("f/sub").mkdir()


def learned() -> Iterator[Case]:
    """What a run of a table, and an export of it, have learned of the data: every value another."""
    commands = {
        "run-table": (("predict", "f"), ("predict", "f", "rows.csv"), ("export", "f", "-o", "e", "--format", "torchscript")),
        "exp-table": (("predict", "f", "rows.csv"), ("verify", "f")),
    }  # fmt: skip
    count = 0
    for source, lines in commands.items():
        document = json.loads(base(source).joinpath("learned.json").read_text())
        for at in paths(document):
            for name, value in JSONS.items():
                count += 1
                command = lines[count % len(lines)]
                make = written("f/learned.json", json.dumps(replaced(document, at, value)))

                def put(source: str = source, make: Callable[[], object] = make) -> None:
                    shutil.copy(base("table.csv"), "table.csv")
                    Path("rows.csv").write_text("a,t,y\n0.5,u,p\n0.1,w,q\n")
                    replaced_file(source, "learned.json", make, source == "exp-table")()

                yield Case(f"{command[0]} {source} {'.'.join(map(str, at))} = {name}", command, put)


def studies() -> Iterator[Case]:
    """Studies: files, and the journal's rows."""
    yield from of_files("study", "study", 4)
    rows = base("study").joinpath("journal.log").read_text().splitlines()
    for n, row in enumerate(rows):
        document = json.loads(row)
        for at in paths(document):
            for name, value in JSONS.items():
                if (n + len(name)) % 3 == 0:
                    changed = [*rows[:n], json.dumps(replaced(document, at, value)), *rows[n + 1 :]]
                    make = written("f/journal.log", "\n".join(changed) + "\n")
                    yield Case(
                        f"journal row {n} {'.'.join(map(str, at))} = {name}",
                        COMMANDS["study"][0],
                        with_specs(replaced_file("study", "journal.log", make)),
                    )
