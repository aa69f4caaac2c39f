"""Runs hundreds of hostile inputs through the command in forked processes, so that torch is imported once.

Each case gets an empty folder. What is wrong about an answer: another exit code than 0 to 3, a traceback, a raw
control character, too much time or memory, a file written or removed outside, a socket, a program that is neither
this interpreter nor a compiler, something left running.
"""

# ruff: noqa: SIM115 - tables, and files that stay open
from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_SECONDS = 60.0
#: Of processor time; the machine may be a slow one.
MOST_CPU = 20.0
MOST_BYTES = 1 << 30
MOST_PRINTED = 1 << 16
#: A batch shares a process; what one case leaves in memory, the next one finds.
BATCH = 40
_COMPILERS = re.compile(r"(gcc|g\+\+|cc|c\+\+|clang|ld|as|uname|ldconfig)[-.\d]*$")
#: Temporary files, and the user's cache.
_ELSEWHERE = re.compile(r"/tmp(/(tmp|pymp|torchinductor|graphspec|gs-)[^/]*(/.*)?)?$|.*/\.cache/graphspec(/|$)")
_RAW = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Case:
    """`make` writes the input into the working directory; `command` is given to graphspec; `after` then says what is
    wrong there.
    """

    name: str
    command: tuple[str, ...]
    make: Callable[[], object]
    right: tuple[int, ...] = (0, 1, 3)
    cpu: float = MOST_CPU
    after: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Answer:
    """What is wrong with the answer to a case, empty where nothing is, and how it ended."""

    case: str
    wrong: str
    code: int
    last: str
    cpu: float
    mib: float


def run(cases: Sequence[Case], work: Path) -> Iterator[Answer]:
    """The answers to `cases`, in order."""
    left = list(cases)
    while left:
        batch, count = left[:BATCH], 0
        for answer in _batch(batch, work):
            count += 1
            yield answer
        left = left[count:]


def _batch(batch: list[Case], work: Path) -> Iterator[Answer]:
    """As many answers as one process gives: it is ended by a case that hangs or that ends it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        os.close(reading)
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as answers:  # nothing goes on in the parent's
            for case in batch:
                answers.write(json.dumps(_answer(case, work).__dict__) + "\n")
                answers.flush()
        os._exit(0)
    os.close(writing)
    buffer, given = b"", 0
    with os.fdopen(reading, "rb", buffering=0) as answers:
        while given < len(batch):
            ready, _, _ = select.select([answers], [], [], MOST_SECONDS)
            more = answers.read(1 << 16) if ready else b""
            if not more:
                break
            buffer += more
            while b"\n" in buffer:
                row, buffer = buffer.split(b"\n", 1)
                given += 1
                yield Answer(**json.loads(row))
    _kill_group(child)
    _, status = os.waitpid(child, 0)
    if given < len(batch):
        how = f"ended by signal {status & 127}" if ready else f"no end within {MOST_SECONDS:.0f} s"
        yield Answer(batch[given].name, how, -1, "", 0.0, 0.0)


def _kill_group(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


class Watch:
    """Python's audit events of what no case may do; one hook for the process, as hooks cannot be removed."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.inside = ""
        sys.addaudithook(self._event)

    def _event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.inside:
            return
        if event.startswith("socket.") and event not in ("socket.gethostname", "socket.__new__"):
            self.seen.append(f"{event} {arguments[1:]}")
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            program = os.fsdecode(arguments[0] or "") if arguments else ""
            if program != sys.executable and not _COMPILERS.search(program):
                self.seen.append(f"{event} {program}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            if (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._written(arguments[0])
        elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir"):
            self._written(arguments[0])

    def _written(self, path: Any) -> None:
        if isinstance(path, int):
            return
        whole = os.path.abspath(os.fsdecode(path))
        place = os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole))
        if not place.startswith((self.inside, "/dev/")) and not _ELSEWHERE.match(place):
            self.seen.append(f"writes {os.fsdecode(path)}")


_watch: list[Watch] = []


def _answer(case: Case, work: Path) -> Answer:
    """One case, in this process."""
    from graphspec.cli.app import app

    if not _watch:
        _watch.append(Watch())
    watch = _watch[0]
    folder = Path(tempfile.mkdtemp(dir=work))
    os.chdir(folder)
    case.make()
    watch.seen.clear()
    with open(work / "printed", "w+b") as printed:
        kept = [os.dup(number) for number in (0, 1, 2)]
        _peak_anew()
        before, started = _memory("VmRSS"), _cpu()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0), os.dup2(printed.fileno(), 1), os.dup2(printed.fileno(), 2)
        sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))
        sys.stdout = io.TextIOWrapper(open(1, "wb", 0, closefd=False), write_through=True)
        sys.stderr = io.TextIOWrapper(open(2, "wb", 0, closefd=False), write_through=True)
        watch.inside = str(folder)
        code, stack = 0, ""
        try:
            app(list(case.command))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            stack = traceback.format_exc()
        finally:
            watch.inside = ""
            for number, name in enumerate(("stdin", "stdout", "stderr")):
                os.dup2(kept[number], number), os.close(kept[number])
                setattr(sys, name, getattr(sys, f"__{name}__"))
            os.close(null)
        taken, cpu = _memory("VmHWM") - before, _cpu() - started
        printed.seek(0)
        text = printed.read(1 << 20).decode(errors="replace")
    left = case.after()
    os.chdir(work)
    _remove(folder)
    words = text.strip().splitlines()
    wrong = "; ".join(filter(None, [*_faults(case, code, text, stack, cpu, taken, watch.seen), left]))
    return Answer(case.name, wrong, code, " ".join(words)[:1_000], cpu, taken / 2**20)


def _faults(case: Case, code: int, text: str, stack: str, cpu: float, taken: int, seen: list[str]) -> Iterator[str]:
    if stack:
        rows = [row.strip() for row in stack.strip().splitlines() if "graphspec/" in row and "drive.py" not in row]
        yield f"traceback {stack.strip().splitlines()[-1][:120]} at {rows[-1][-90:] if rows else ''}"
    elif code not in case.right:
        yield f"exit code {code}: {text.strip()[:150]}"
    if "Traceback (most recent" in text:
        yield f"a traceback printed: {text.strip().splitlines()[-1][:120]}"
    if found := _RAW.search(text):
        yield f"a raw control character {found[0]!a} in {text[max(0, found.start() - 40) : found.end() + 20]!a}"
    if code in (1, 3) and not stack and not re.search(r"error\[[a-z-]+\]|\"severity\": \"error\"", text):
        yield f"no diagnostic: {text.strip()[:120]}"
    if len(text) > MOST_PRINTED:
        yield f"{len(text)} characters printed"
    if cpu > case.cpu:
        yield f"{cpu:.0f} s"
    if taken > MOST_BYTES:
        yield f"{taken / 2**30:.1f} GB"
    yield from dict.fromkeys(seen[:3])


def _cpu() -> float:
    return sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _memory(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def _peak_anew() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _remove(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
