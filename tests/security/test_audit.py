"""A hostile text in every field, through every command, with CPython's own audit hook watching what is done.

The commands run in forks of this process, which has imported what they need. The hook reports whatever a spec
must never cause: code that holds the text, a file outside what the user named, a socket, a process that is not the
verification worker.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
import tomllib
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import graphspec
from graphspec import pipeline
from graphspec.cli.app import app
from graphspec.exporting.bundle import manifest as manifests
from graphspec.training.run.reporter import Silent

MARK = "hostile_7f3a"
TEXTS = {
    "code": f'{MARK}"), __import__("os").system("touch pwned"), ("',
    "expression": f'${{__import__("os").system("touch pwned # {MARK}")}}',
    "path": f"../../../../../../../../../tmp/../etc/{MARK}",
}
SPEC = """
graphspec = 1
name = "net"
[vars]
width = 8
[inputs]
image = ["N", 1, 8, 8]
[layers]
flatten = { type = "Flatten" }
fc      = { type = "Linear", out_features = "${width}", from = "flatten", init = "xavier_uniform_", freeze = false }
more    = { type = "Body", width = 8, repeat = 1, if = true }
gelu    = { type = "GELU", approximate = "none" }
logits  = { type = "Linear", out_features = 10 }
[outputs]
scores = "logits"
[blocks.Body]
vars   = { width = 8 }
inputs = ["x"]
outputs = { y = "act" }
[blocks.Body.layers]
lin = { type = "Linear", out_features = "${width}" }
act = "ReLU"
[variants.small]
width = 4
[data]
dataset    = { type = "digits" }
root       = "data"
batch_size = 512
transforms = [{ type = "Normalize", mean = [0.5], std = [0.5] }]
augment    = [{ type = "RandomCrop", size = 8, padding = 1, padding_mode = "constant" }]
[train]
epochs    = 1
loss      = { type = "CrossEntropyLoss", reduction = "mean" }
optimizer = { type = "SGD", lr = 0.1 }
scheduler = { type = "StepLR", step_size = 1 }
metrics   = ["accuracy"]
monitor   = "accuracy"
[export]
formats = ["onnx"]
[tune]
metric = "accuracy"
trials = 1
space  = { "train.optimizer.lr" = { choices = [0.1] } }
"""
#: The command lines that take a spec; each stops at what is wrong with it.
OF_SPEC = {
    "compile": ["compile", "net.json"],
    "compile --emit python": ["compile", "net.json", "--emit", "python", "-o", "net.py"],
    "compile --emit svg": ["compile", "net.json", "--emit", "svg", "--expand"],
    "compile --emit spec": ["compile", "net.json", "--emit", "spec", "--variant", "small"],
    "train": ["train", "net.json", "--run", "out", "--device", "cpu", "--quiet"],
    "tune": ["tune", "net.json", "--run", "out", "--device", "cpu", "--quiet"],
    "export": ["export", "net.json", "-o", "out"],
    "data": ["data", "net.json", "--show", "out.png"],
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Every text of the document: its path, and whether it is a key."""
    if isinstance(value, dict):
        for key in value:
            yield (*at, key), True
            yield from places(value[key], (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*at, index))
    elif isinstance(value, str):
        yield at, False


def replaced(document: Any, at: tuple[Any, ...], is_key: bool, text: str) -> Any:
    """`document` with the text at `at` replaced."""
    changed = copy.deepcopy(document)
    container = changed
    for part in at[:-1]:
        container = container[part]
    if is_key:
        renamed = {text if key == at[-1] else key: item for key, item in container.items()}
        container.clear()
        container.update(renamed)
    else:
        container[at[-1]] = text
    return changed


DOCUMENT = tomllib.loads(SPEC)
FIELDS = {"/".join(map(str, at)) + (" (key)" if key else ""): (at, key) for at, key in places(DOCUMENT)}


class Watch:
    """The audit hook: what it sees that must not be is written to `report`, one line each."""

    READS = ("/proc", "/sys", "/dev", "/etc/localtime", "/usr/share", "/usr/lib", "/lib", "/etc/ssl", "/etc/mime.types")
    WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree")
    PROCESSES = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.spawn")

    def __init__(self, report: int, named: Path) -> None:
        installed = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, *sys.path}
        sources = [Path(graphspec.__file__).parent, Path(tempfile.gettempdir()) / "torchinductor_root"]
        self.readable = tuple(os.path.realpath(each) for each in (*installed, *sources, *self.READS, named) if each)
        temporary = os.path.realpath(tempfile.gettempdir())
        self.writable = (os.path.realpath(named), temporary + "/tmp", temporary + "/graphspec-", "/dev/null")
        self.report = report
        self.busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.busy:
            return
        self.busy = True
        try:
            if fault := self.fault(event, arguments):
                self.tell(fault)
        finally:
            self.busy = False

    def tell(self, text: str) -> None:
        """One line for the test."""
        os.write(self.report, f"{text}\n".encode(errors="replace"))

    def fault(self, event: str, arguments: tuple[Any, ...]) -> str:
        """What is wrong with one event, or an empty string."""
        if event in ("compile", "exec", "import", "pickle.find_class", "ctypes.dlopen", "cpython.run_command"):
            if event == "compile" and arguments[1] == "<unknown>":
                return ""  # ast.parse, which makes a tree; what is run is seen as exec
            texts = [arguments[0].co_consts, arguments[0].co_names] if event == "exec" else arguments
            return f"{event} of {arguments!r:.200}" if MARK in repr(texts) else ""
        if event.startswith("socket.") and event != "socket.gethostname":
            return f"{event} {arguments!r:.100}"
        if event == "subprocess.Popen":
            line = [str(word) for word in arguments[1]]
            scripts = [Path(word).name for word in line if word.endswith(".py")]
            # the launcher sets limits, and becomes the worker
            ours = arguments[0] == sys.executable and scripts in (["worker.py"], ["launch.py", "worker.py"])
            ours = ours and {word for word in line if "python" in Path(word).name} == {sys.executable}
            return "" if ours else f"process {arguments[1]!r:.200}"
        if event in self.PROCESSES:
            return f"{event} {arguments!r:.100}"
        if event == "open" and isinstance(arguments[0], str | bytes):
            if arguments[0] == tempfile.gettempdir():
                return ""  # a folder: it can be opened only for a temporary file without a name
            writes = bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
            return self.outside(arguments[0], writes)
        if event in self.WRITES:
            paths = [each for each in arguments if isinstance(each, str | bytes | os.PathLike)]
            return next((found for each in paths if (found := self.outside(each, True))), "")
        return ""

    def outside(self, path: Any, writes: bool) -> str:
        whole = os.path.realpath(os.fsdecode(path))
        allowed = self.writable if writes else (*self.readable, *self.writable)
        inside = any(whole == each or whole.startswith(each.rstrip("/") + "/") for each in allowed)
        inside = inside or whole.startswith(self.writable[1:3])  # folders of their own names
        return "" if inside else f"{'write' if writes else 'read'} {whole}"


#: A fork that hangs ends after this.
MOST_SECONDS = 600


class Case(NamedTuple):
    """One command line, after `prepare` has changed the working directory."""

    name: str
    arguments: list[str]
    prepare: Callable[[], object] = lambda: None


def watched(folder: Path, cases: Iterable[Case]) -> dict[str, tuple[int, list[str]]]:
    """Run command lines in one fork, in `folder`, under the hook; by name, exit codes and what the hook reported.

    An exception that is no user's mistake counts as a report. A fork for each would be cleaner, and takes 0.1 s.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(MOST_SECONDS)
        os.chdir(folder)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the fork lives
        watch = Watch(write, folder)
        sys.addaudithook(watch)
        for case in cases:
            watch.busy = True  # what the test itself does is not looked at
            shutil.rmtree("out", ignore_errors=True)
            case.prepare()
            watch.busy = False
            watch.tell(f"case {case.name}")
            watch.tell(f"code {code_of(case.arguments, watch)}")
        os._exit(0)
    os.close(write)
    found: dict[str, tuple[int, list[str]]] = {}
    name = ""
    with open(read, errors="replace") as lines:
        for line in lines.read().splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "case":
                name = rest
                found[name] = (-1, [])
            elif kind == "code":
                found[name] = (int(rest), sorted(set(found[name][1])))
            else:
                found[name][1].append(line)
    os.waitpid(child, 0)
    return found


def code_of(arguments: list[str], watch: Watch) -> int:
    """The exit code of a command line; 99 where it ends in an exception."""
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    try:
        app(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        watch.tell("exception: " + traceback.format_exc()[-600:].replace("\n", " | "))
    return 99


def faults_of(found: dict[str, tuple[int, list[str]]], codes: Iterable[int] = (0, 1)) -> list[Any]:
    """The cases that ended otherwise than with `codes`, or with something to report."""
    return [(name, code, seen) for name, (code, seen) in found.items() if code not in codes or seen]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and an export of SPEC; what making them imports, every fork has."""
    folder = tmp_path_factory.mktemp("warm")
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.train(SPEC, run=folder / "run", device="cpu", reporter=Silent())
        pipeline.export(folder / "run", folder / "export")
    (folder / "net.json").write_text(json.dumps(DOCUMENT))
    return folder


@pytest.fixture
def place(warm: Path, tmp_path: Path) -> Path:
    """A copy of :func:`warm`, the working directory of a command."""
    return Path(shutil.copytree(warm, tmp_path / "work"))


LONGER = ("train", "tune", "export")


def test_a_harmless_spec_gives_no_report(place: Path) -> None:
    cases = [Case(name, arguments) for name, arguments in OF_SPEC.items() if name not in LONGER]
    assert faults_of(watched(place, cases), codes=[0]) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", LONGER)
def test_a_harmless_spec_gives_no_report_in_the_longer_commands(command: str, place: Path) -> None:
    assert faults_of(watched(place, [Case(command, OF_SPEC[command])]), codes=[0]) == []


def cases_of(place: Path, command: str, text: str) -> Iterator[Case]:
    """The command on a spec with `text` in one field, for each field in turn."""
    for field, (at, is_key) in FIELDS.items():
        content = json.dumps(replaced(DOCUMENT, at, is_key, TEXTS[text]))
        yield Case(field, OF_SPEC[command], functools.partial((place / "net.json").write_text, content))


@pytest.mark.parametrize("command", ["compile", "train"])
def test_code_in_every_field(command: str, place: Path) -> None:
    found = watched(place, cases_of(place, command, "code"))
    assert faults_of(found) == []
    assert len(found) == len(FIELDS) > 100
    assert not list(place.rglob("pwned"))


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("command", OF_SPEC)
def test_every_text_in_every_field_through_every_command(command: str, text: str, place: Path) -> None:
    found = watched(place, cases_of(place, command, text))
    assert faults_of(found) == []
    assert len(found) == len(FIELDS)
    assert not list(place.rglob("pwned"))


OF_FOLDERS = {
    "evaluate": ["evaluate", "run"],
    "predict a run": ["predict", "run", "--count", "2"],
    "export a run": ["export", "run", "-o", "out"],
    "train --resume": ["train", "run/spec.toml", "--run", "run", "--resume", "--epochs", "1"],
}


def spec_of_a_run(place: Path, at: tuple[Any, ...], is_key: bool, text: str) -> bool:
    """Put `text` into the spec of the run and of the export, whose manifest gets the right hashes."""
    document = tomllib.loads((place / "run" / "spec.toml").read_text())
    try:
        changed = replaced(document, at, is_key, text)
    except (KeyError, TypeError, IndexError, AttributeError):
        return False  # the resolved spec writes this field in another way
    (place / "run" / "spec.toml").write_text(json_as_toml(changed))
    return True


def json_as_toml(value: Any, top: bool = True) -> str:
    """A document as TOML, every table below the first level written inline."""
    if top:
        return "".join(f"{json.dumps(key)} = {json_as_toml(item, False)}\n" for key, item in value.items())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {json_as_toml(item, False)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(json_as_toml(item, False) for item in value) + "]"
    return json.dumps(value)


@pytest.mark.slow
@pytest.mark.parametrize("command", OF_FOLDERS)
def test_a_stranger_s_run(command: str, warm: Path, tmp_path: Path) -> None:
    """Their spec.toml holds the text; everything else of the run is as graphspec wrote it."""
    place = tmp_path / "work"

    def prepare(at: tuple[Any, ...], is_key: bool) -> None:
        shutil.rmtree(place / "run", ignore_errors=True)
        shutil.copytree(warm / "run", place / "run")
        spec_of_a_run(place, at, is_key, TEXTS["code"])

    shutil.copytree(warm, place)
    cases = [Case(field, OF_FOLDERS[command], functools.partial(prepare, *where)) for field, where in FIELDS.items()]
    assert faults_of(watched(place, cases)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("command", ["verify", "predict"])
def test_a_stranger_s_export(command: str, part: int, warm: Path, tmp_path: Path) -> None:
    """Their manifest holds the text, and the right hashes: a name of a file, a label, a format, a dtype …"""
    place = Path(shutil.copytree(warm, tmp_path / "work"))
    written = json.loads((warm / "export" / manifests.NAME).read_text())
    cases = [
        Case(f"{at} {is_key} {text}", [command, "export"], functools.partial(
            manifests.write_manifest, place / "export", replaced(written, at, is_key, TEXTS[text])
        ))
        for at, is_key in places(written) if at[0] not in ("verification", "layers") for text in ("code", "path")
    ]  # fmt: skip
    assert faults_of(watched(place, cases[part::4]), codes=[0, 1, 3]) == []


LINES = (
    "ops", "init", "schema -o", "compile", "evaluate", "verify", "export", "data", "predict", "tune",
    "compile net.json --set", "compile net.json --variant", "train net.json --device", "verify export --against",
    "verify export --runtime", "export net.json --format", "predict run",
)  # fmt: skip


def test_the_command_line_itself(place: Path) -> None:
    """The user types the text: it is a name of a file at most, and that file may be looked for."""
    cases = [Case(f"{line} {text}", [*line.split(), TEXTS[text]]) for line in LINES for text in TEXTS]
    found = watched(place, [case for case in cases if case.name != "schema -o path"])
    named = {name: (code, [line for line in seen if not _is_named(line)]) for name, (code, seen) in found.items()}
    assert faults_of(named, codes=[0, 1, 2]) == []
    assert not list(place.rglob("pwned"))


def _is_named(report: str) -> bool:
    return report.startswith("read ") and MARK in report


#: Names of classes and columns are data: whatever they are, the commands work.
LABELS = [
    TEXTS["code"].replace("/", "_"),
    "$\\frac{x",
    "<script>alert(1)</script>",
    "# | a |\n`b`",
    "\x1b[31mred",
    "\u202eabc",
]


@pytest.mark.slow
def test_hostile_labels_are_only_labels(place: Path) -> None:
    """Folders of images whose names are hostile: trained, drawn, exported, verified and predicted."""
    draw = np.random.default_rng(0)
    for label in LABELS:
        folder = place / "images" / label
        folder.mkdir(parents=True)
        for number in range(6):
            Image.fromarray(draw.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    document = {
        "graphspec": 1,
        "inputs": {"image": ["N", 3, 8, 8]},
        "layers": {"flatten": "Flatten", "logits": {"type": "Linear", "out_features": len(LABELS)}},
        "data": {"dataset": {"type": "ImageFolder", "folder": "images"}, "root": ".", "batch_size": 8},
        "train": {"epochs": 1},
        "export": {"formats": ["onnx"]},
    }
    (place / "net.json").write_text(json.dumps(document))
    lines = (
        ["data", "net.json", "--show", "out.png"],
        ["train", "net.json", "--run", "labels", "--device", "cpu"],
        ["evaluate", "labels"],
        ["predict", "labels", "--count", "2"],
        ["export", "labels", "-o", "made"],
        ["verify", "made"],
        ["predict", "made", f"images/{LABELS[0]}/0.png"],
    )
    cases = [Case(f"{number} {line[0]}", list(line)) for number, line in enumerate(lines)]
    assert faults_of(watched(place, cases), codes=[0]) == []
    assert not list(place.rglob("pwned"))


@pytest.mark.parametrize(
    ("deed", "report"),
    [
        (lambda: compile(f"x = {MARK!r}", "", "exec"), "compile of"),
        (lambda: Path("/etc/hostname").read_text(), "read /etc/hostname"),
        (lambda: Path("/var/tmp/graphspec-audit").write_text(""), "write /var/tmp/graphspec-audit"),
        (lambda: os.system("true"), "os.system"),
        (lambda: __import__("socket").socket(), "socket.__new__"),
        (lambda: __import__("subprocess").run(["true"], check=True), "process ['true']"),
    ],
    ids=["code", "read", "write", "shell", "socket", "process"],
)
def test_the_hook_sees(
    deed: Callable[[], object], report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the hook is there for is reported, each in the way in which the tests above would show it."""
    monkeypatch.setattr(sys.modules[__name__], "app", lambda arguments: deed())
    ((_, seen),) = watched(tmp_path, [Case("deed", [])]).values()
    assert any(line.startswith(report) for line in seen), seen
