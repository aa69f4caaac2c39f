"""Attacks on the promises of SECURITY.md: commands on what a stranger handed over, and whether their answers are right.

*refused* is one diagnostic with its place and exit code 1 (3 for an export that is wrong or was tampered with), *served*
is exit code 0. Whatever the answer: no traceback, no raw control character, no more than 2 GB, no program started,
nothing waited for, no process left behind. Prints a table; exit code 1 where a promise is broken.

    python benchmarks/campaigns/attacks/run.py [S3 S8 …]          # Linux; about half an hour on two cores

With ``--forked`` commands are forks of one process that has imported everything, which takes a quarter of that; S0 and
S12, which are about starting, are not.
"""

# ruff: noqa: E501 - a table
from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import forked
import hostile_files as made
from many import preload

ROOT = Path(__file__).parents[3]
SECONDS = 90
LATE = -1000
MOST_KIB = 2 << 20  # what imports alone take is about 0.6 GB
#: What ``graphspec`` is in a line of shell.
OWN = f'graphspec() {{ {shlex.quote(sys.executable)} -m graphspec "$@"; }};'
starter = [OWN]
LIMIT = "ulimit -v 9000000; ulimit -c 0;"


@dataclass
class Answer:
    """How a command ended: its exit code, all that it printed, its seconds and the greatest memory of a process."""

    code: int
    text: str
    seconds: float
    kib: int


Check = Callable[[list[Answer]], str]


@dataclass
class Attack:
    """`commands` on what `makers` make; `right` gives what is wrong about the answers, empty where they are right."""

    name: str
    makers: tuple[str, ...]
    commands: tuple[str, ...]
    right: Check
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def run(command: str, environment: dict[str, str]) -> Answer:
    """A line of shell, in which ``graphspec`` is this interpreter's."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as printed, tempfile.NamedTemporaryFile("r") as peaks:
        process = subprocess.Popen(
            ["bash", "-c", f"{LIMIT} {starter[-1]} {command}"],
            stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "120",
                 "GS_PEAK": peaks.name, **environment},
        )  # fmt: skip
        late = False
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            if time.perf_counter() - start > SECONDS and not late:
                os.killpg(process.pid, signal.SIGKILL)
                late = True
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        printed.seek(0)
        text = printed.read(1 << 20).decode(errors="replace")
        peak = max([ended[2].ru_maxrss, *map(int, peaks.read().split())])
    code = LATE if late else process.returncode
    return Answer(code, text, time.perf_counter() - start, peak)


def faults(answer: Answer, codes: tuple[int, ...]) -> Iterator[str]:
    """What is wrong about one answer."""
    if answer.code == LATE:
        yield f"no end within {SECONDS} s"
    elif answer.code not in codes:
        yield f"exit code {answer.code}: {answer.text.strip().splitlines()[-1][:100] if answer.text.strip() else ''}"
    if "Traceback" in answer.text:
        yield f"traceback: {answer.text.strip().splitlines()[-1][:100]}"
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", answer.text):
        yield "a raw control character"
    if answer.kib > MOST_KIB:
        yield f"{answer.kib / 2**20:.1f} GB"


def ends(*codes: int, says: str = "", nothing: str = "") -> Check:
    """Every command ends with one of `codes`, prints `says`, and there is no file `nothing` afterwards."""

    def check(answers: list[Answer]) -> str:
        found = [fault for answer in answers for fault in faults(answer, codes)]
        if says and not all(re.search(says, answer.text) for answer in answers):
            found.append(f"says nothing of {says!r}")
        if nothing and Path(nothing).exists():
            found.append(f"{nothing} was made")
        return "; ".join(dict.fromkeys(found))

    return check


def last(*codes: int, says: str = "") -> Check:
    """The last command ends so; those before it succeed."""

    def check(answers: list[Answer]) -> str:
        before = [fault for answer in answers[:-1] for fault in faults(answer, (0,))]
        return "; ".join(filter(None, [*before, ends(*codes, says=says)(answers[-1:])]))

    return check


REFUSED, SERVED, EITHER = ends(1), ends(0), ends(0, 1)
WRONG_EXPORT = ends(1, 3)


def spec(fragment: str, base: str = made.BASE) -> dict[str, str]:
    """x.toml: `base` with its first value of the fragment's key replaced, or the line appended."""
    key = fragment.split("=")[0].strip()
    changed, count = re.subn(
        rf"{re.escape(key)} = [^\n,}}]+( \}})?", lambda found: fragment + (found[1] or ""), base, count=1
    )
    return {"x.toml": changed if count else f"{base}{fragment}\n"}


def width(text: str) -> dict[str, str]:
    """x.toml with an expression as the number of features."""
    return spec(f'out_features = "${{{text}}}"')


def trained(line: str, base: str = made.IRIS) -> dict[str, str]:
    """x.toml with one more line of [train]."""
    return {"x.toml": f"{base}{line}\n"}


def served_without_home(answers: list[Answer]) -> str:
    other = [path for path in Path("home").rglob("*") if path.is_file() and "graphspec" not in str(path)]
    return ends(0)(answers) or (f"in HOME: {other[0]}" if other else "")


def no_internet(answers: list[Answer]) -> str:
    """No AF_INET socket in the traces that strace wrote."""
    traces = "".join(path.read_text(errors="replace") for path in Path().glob("trace*"))
    return "an AF_INET socket" if re.search(r"AF_INET6?\b", traces) else ""


def no_worker_left(answers: list[Answer]) -> str:
    time.sleep(5)
    here = os.getcwd()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                process.joinpath("cwd").resolve() == Path(here)
                and b"worker" in process.joinpath("cmdline").read_bytes()
            ):
                return f"process {process.name} goes on"
        except OSError:
            continue
    return ""


HOME = {"HOME": "home"}
VERIFY, PREDICT = "graphspec verify ", "graphspec predict "
RESUME = "graphspec train iris.toml --resume --epochs 3 --run "


def each(command: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{command}{name}" for name in names)


GOLDEN = "missing no-zip npy object text bytes datetime void scalar extra"
EVALUATIONS = "null garbage list no-classes number nested deep latin"
PATH_OF_GS = {"PATH": "bin:" + os.environ.get("PATH", "")}

ATTACKS = [
    Attack("S0.1 verify leaves HOME alone", (), ("mkdir -p home; graphspec verify exp",), served_without_home, {}, HOME),
    Attack("S0.2 predict leaves HOME alone", (), ("mkdir -p home; graphspec predict exp",), served_without_home, {}, HOME),
    Attack("S0.3 export leaves HOME alone", (),
           ("mkdir -p home; graphspec export run-digits -o new --precision fp16 --precision int8",),
           served_without_home, {}, HOME),
    Attack("S0.4 verify opens no socket", ("loop",),
           ("timeout 60 strace -f -o trace -e trace=socket,connect bash -c "
            f"'{shlex.quote(sys.executable)} -m graphspec verify loop'",), no_internet),
    Attack("S1.6 a picture starts no program", ("eps",), ("graphspec train eps.toml --run again",),
           ends(1, says=r"0\.png", nothing="bin/started"), {}, PATH_OF_GS),
    Attack("S1.7 nor for data and predict", ("eps",), ("graphspec data eps.toml", "graphspec predict run-iris eps/a/0.png"),
           ends(1, nothing="bin/started"), {}, PATH_OF_GS),
    Attack("S1.8 nor one that fails", ("gs_fails",), ("graphspec train eps.toml --run again",), REFUSED, {}, PATH_OF_GS),
    Attack("S2.9 order inside a block", ("block_order",),
           ("graphspec train first.toml --run r", "graphspec train second.toml --run r --resume --epochs 4"),
           last(1, says=r"second\.toml:\d+")),
    Attack("S2.10 order of inputs", ("input_order",),
           ("graphspec train p-q.toml --run r", "graphspec train q-p.toml --run r --resume --epochs 4"),
           last(1, says=r"q-p\.toml:\d+")),
    *(Attack(f"S3.11 {text[:24]}", (), ("graphspec compile x.toml",), REFUSED, width(text))
      for text in ("'%4000000000s' % 'x'", "'%99999999999s' % 'x'", "'x' * 4000000000", "[1] * 4000000000",
                   "'ab'.zfill(9)", "9 ** 9 ** 9", "2 ** 100000000", "(0, 1) * 999999999")),
    Attack("S3.13 a schedule's text", (), ("graphspec train x.toml --run again",), REFUSED, trained(
        'scheduler = { type = "LambdaLR", lr_lambda = "1 if epoch < 2 else \'%999999999s\' % \'a\'" }')),
    Attack("S3.14 a width in an export", ("width_in_export",), ("graphspec verify width", "graphspec predict width"),
           WRONG_EXPORT),
    Attack("S3.15 texts that join texts", ("joined",), ("graphspec compile joined.toml",), REFUSED),
    Attack("S3.16 Parquet's dictionary", ("parquet_bomb",), ("graphspec train bomb.toml --run again",), EITHER),
    Attack("S3.17 one-hot columns", ("csv_bomb",), ("graphspec train onehot.toml --run again",), REFUSED),
    Attack("S3.18 a grid", ("grid",), ("graphspec tune grid.toml --run again",), REFUSED),
    Attack("S3.19 Resize", ("resize",), ("graphspec train resize.toml --run again",), REFUSED),
    Attack("S3.20 samples", ("lines",), ("graphspec train lines.toml --run again",), REFUSED),
    Attack("S3.21 golden.npz", ("golden_bomb",), ("graphspec verify golden-bomb",), WRONG_EXPORT),
    Attack("S3.22 ConstantOfShape", ("constant_of_shape",), ("graphspec predict constant",), WRONG_EXPORT),
    Attack("S3.23 folded while loading", ("constant_cut",), ("graphspec verify constant-cut",), WRONG_EXPORT),
    Attack("S3.24 a checkpoint of /dev/zero", ("zero_checkpoint",), each(RESUME, "zero-checkpoint"), EITHER),
    Attack("S4.25 a loop in predict", ("loop",), each(PREDICT, "loop"), WRONG_EXPORT),
    Attack("S4.26 no ONNX at all", ("refused_onnx",),
           each(PREDICT, "onnx-garbage", "onnx-empty", "onnx-custom", "onnx-dims", "onnx-folder", "onnx-external"),
           WRONG_EXPORT),
    Attack("S4.27 odd outputs", ("odd_outputs",),
           each(PREDICT, "out-string", "out-sequence", "out-scalar", "out-one-row", "out-no-columns", "two-inputs"),
           WRONG_EXPORT),
    Attack("S4.28 a sequence in verify", ("odd_outputs",), each(VERIFY, "out-sequence"), ends(3)),
    Attack("S4.29 external data", ("refused_onnx",), each(VERIFY, "onnx-hard", "onnx-dims"), ends(3)),
    Attack("S4.30 escape codes of a file", ("onnx_escape",), each(PREDICT, "onnx-escape"), ends(0, 1, 3)),
    Attack("S4.31 a worker dies with its parent", ("loop",),
           (f"{shlex.quote(sys.executable)} -m graphspec verify loop & sleep 8; kill -9 $!; wait",), no_worker_left),
    Attack("S5 manifests that read elsewhere", ("manifests",),
           (*each(VERIFY, "man-right", "man-wrong", "man-absolute", "man-device"),
            *each(PREDICT, "man-right", "man-wrong", "man-absolute", "man-device")), ends(3)),
    Attack("S6.35 a lock", ("fifos",), each(RESUME, "fifo-lock"), REFUSED),
    Attack("S6.36 checkpoints", ("fifos",), each(RESUME, "fifo-json", "fifo-tensors"), SERVED),
    Attack("S6.38 weights of a run", ("fifos",), ("graphspec evaluate fifo-best", "graphspec predict fifo-best"), REFUSED),
    Attack("S6.39 files of an export", ("fifos",), (*each(VERIFY, "fifo-onnx", "fifo-weights"), "graphspec predict fifo-onnx"),
           ends(3)),
    Attack("S6.41 a table", ("fifos",), ("graphspec train fifo-csv.toml --run again",), REFUSED),
    Attack("S6.42 a cache's lock", ("fifo_cache",), ("graphspec train cached.toml --run again --cache kept-fifo",), EITHER),
    *(Attack(f"S7.43 {text[:24]}", (), ("graphspec compile x.toml",), REFUSED, width(text))
      for text in ("'%q' % 'x'", "'abc%' % 'x'", "'%99999999999999999999s' % 'x'", "-'x'", "-[1]", "-x.shape")),
    *(Attack(f"S7.49 {text}", (), ("graphspec train x.toml --run again",), REFUSED,
             trained(f'scheduler = {{ type = "LambdaLR", lr_lambda = "{text}" }}')) for text in ("'%q' % 'x'", "-'a'")),
    *(Attack(f"S7.50 {init}", (), ("graphspec compile x.toml",), REFUSED,
             {"x.toml": made.BASE.replace("out_features = 3", f"out_features = 3, init = {init}")})
      for init in ('{ type = "normal_", std = -1.0 }', '{ type = "uniform_", a = 5.0, b = 1.0 }', '"dirac_"',
                   '{ type = "trunc_normal_", a = 2.0, b = -2.0 }', '{ type = "sparse_", sparsity = 7.0 }')),
    *(Attack(f"S7.53 {name}", (), ("graphspec train x.toml --run again",), REFUSED, trained(f"scheduler = {{ type = {name} }}"))
      for name in ('"StepLR", step_size = 0', '"CyclicLR", base_lr = 0.1, max_lr = 0.2, step_size_up = 0',
                   '"OneCycleLR", max_lr = 0.1, pct_start = 1.0', '"CosineAnnealingLR", T_max = 0',
                   '"CosineAnnealingWarmRestarts", T_0 = 0', '"LinearLR", start_factor = 0.0',
                   '"ConstantLR", factor = -1.0')),
    Attack("S7.56 class names of formulas", ("class_names",),
           (*(f"graphspec train math-{k}.toml --run m{k}" for k in (1, 2, 3)), *each("graphspec evaluate ", "m1", "m2", "m3")),
           SERVED),
    Attack("S7.58 a class name that is no UTF-8", ("class_names",), ("graphspec train utf.toml --run again",), EITHER),
    *(Attack(f"S7.59 an input {name}", (), (f"graphspec compile x.toml && graphspec export x.toml -o {name}-out "
             "--format onnx --format torchscript --format pt2",), EITHER,
             {"x.toml": made.BASE.replace('x = ["N"', f'{name} = ["N"')})
      for name in ("self", "torch", "output", "forward", "None", "lambda", "print", "nn", "getitem", "_", "__class__")),
    Attack("S7.61 a long number", ("long_number",), ("graphspec compile digits.json",), REFUSED),
    Attack("S7.62 a long number in --set", (), (f"graphspec compile iris.toml --set train.seed={'9' * 5000}",), REFUSED),
    Attack("S7.63 MixUp", ("resize",), ("graphspec train x.toml --run again",), EITHER,
           {"x.toml": made.IMAGES.replace("FOLDER", "resize").replace(
               'root = "."', 'root = "."\naugment = [{ type = "MixUp", alpha = 1e-300 }]')}),
    Attack("S7.64 a step of a search", (), ("graphspec tune x.toml --run again",), REFUSED,
           {"x.toml": made.TUNE.replace("low = 0.001, high = 0.1", "low = 0.0, high = 1e308, step = 1e-300")}),
    Attack("S8.65 golden.npz", ("golden",), each(VERIFY, *(f"golden-{name}" for name in GOLDEN.split())), ends(3)),
    Attack("S8.65 golden.npz, big-endian", ("golden",), each(VERIFY, "golden-big-endian"), ends(0, 3)),
    Attack("S8.66 a deep manifest", ("deep_manifest",), (*each(VERIFY, "deep"), *each(PREDICT, "deep")), ends(3)),
    Attack("S8.67 evaluations", ("evaluations",),
           tuple(f"graphspec predict eval-{name} one.npy" for name in EVALUATIONS.split()), EITHER),
    Attack("S8.68 optimisers", ("optimisers",),
           each(RESUME, *(f"opt-{n}" for n in "eps-text betas-text betas-number betas-null betas-large".split())), REFUSED),
    Attack("S8.69 options that differ", ("optimisers",), each(RESUME, "opt-eps-negative", "opt-eps-huge"), REFUSED),
    Attack("S8.70 journals", ("journals",),
           tuple(f"graphspec tune tune.toml --run {name} --resume --trials 3" for name in ("journal-deep", "journal-other")),
           REFUSED),
    Attack("S8.71 a cache's entry", ("cache_json",), ("graphspec train deeply.toml --run again --cache kept-deep",), SERVED),
    *(Attack(f"S9.72 {name}", ("kernels",), (f"XDG_CACHE_HOME=$PWD/{name} graphspec train long.toml --run {name}-run",),
             ends(0, nothing="planted")) for name in ("so-empty", "so-text", "so-half", "so-foreign", "so-planted")),
    Attack("S9.76 a compiler that hangs", ("slow_compiler",),
           ("CC=$PWD/bin/slowcc XDG_CACHE_HOME=$PWD/empty graphspec train long.toml --run again",), SERVED),
    Attack("S10.77 dtypes of a run", ("dtypes",),
           tuple(f"graphspec {c} dtype-{d}" for c in ("evaluate", "predict", "export -o out-dtype")
                 for d in ("bool", "complex64", "float8_e4m3fn")), ends(1, says="bool|complex64|float8")),
    Attack("S10.79 dtypes of an export", ("dtypes",), each(VERIFY, "exp-bool", "exp-complex64", "exp-float8_e4m3fn"),
           ends(3, says="bool|complex64|float8")),
    Attack("S11 control characters", ("escapes",),
           ("graphspec train escape.toml --run e1", "graphspec train newline.toml --run e2", "graphspec evaluate e1"), SERVED),
    Attack("S12.82 closed and full files", (),
           ("graphspec compile base.toml >&-", "graphspec compile - <&-", "graphspec compile base.toml >/dev/full"),
           ends(0, 1)),
    Attack("S12.85 no working directory", (), ("mkdir -p gone; cd gone; rmdir ../gone; graphspec export",), ends(1, 2)),
    Attack("S12.86 a long path", (), (f"graphspec train iris.toml --run {'a' * 5000}",), REFUSED),
    Attack("S12.87 few files", (), ("ulimit -n 8; graphspec compile base.toml",), ends(0, 1)),
    Attack("S12.88 a search without an optimizer", (), ("graphspec tune x.toml --run again",), EITHER,
           {"x.toml": made.TUNE.replace('optimizer = { type = "Adam", lr = 0.01 }\n', "")}),
    Attack("S12.89 a study without a journal", ("journals",), ("graphspec tune tune.toml --run journal-empty --resume",),
           REFUSED),
    Attack("S12.90 1,001 dims", (), ("timeout 45 bash -c 'true'; graphspec compile x.toml",), REFUSED,
           {"x.toml": made.HEAD + f'[layers]\np = {{ type = "Parameter", shape = {[1] * 1001} }}\n'
                      'a = { type = "add", from = ["x", "p"], broadcast = true }\n'}),
    Attack("S12.91 Flatten of 24 open dims", (), ("graphspec compile x.toml",), EITHER,
           {"x.toml": made.BASE.replace('["N", 4]', str([f"D{k}" for k in range(24)]).replace("'", '"'))
                      .replace("[layers]", '[layers]\nflat = "Flatten"').replace("fc =", "# fc =")}),
    Attack("S12.92 a long list of expressions", (), ("graphspec compile x.toml",), REFUSED,
           {"x.toml": f"graphspec = 1\n[vars]\na = {[1] * 990}\n" + made.HEAD.split("\n", 1)[1]
                      + f'[layers]\nb = {{ type = "Buffer", data = {["${a}"] * 120000} }}\n'.replace("'", '"')}),
    Attack("S12.93 RandAugment", ("resize",), ("graphspec train x.toml --run again",), REFUSED,
           {"x.toml": made.IMAGES.replace("FOLDER", "resize").replace(
               'root = "."', 'root = "."\naugment = [{ type = "RandAugment", num_ops = 100000000 }]')}),
]  # fmt: skip


def attempt(attack: Attack, base: Path) -> tuple[str, float, float]:
    """What is wrong about the answers to `attack`, the seconds of the slowest and the GB of the largest."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        shutil.copytree(base, work, symlinks=True)
        os.chdir(work)
        try:
            for maker in attack.makers:
                made.MAKERS[maker]()
            for name, text in attack.files.items():
                Path(name).write_text(text)
            answers = [run(command, attack.environment) for command in attack.commands]
            wrong = attack.right(answers)
        finally:
            os.chdir(base)
    return wrong, max(answer.seconds for answer in answers), max(answer.kib for answer in answers) / 2**20


@contextlib.contextmanager
def started_whole(attack: Attack) -> Iterator[None]:
    """Inside, an attack on what a command does as it starts is no fork."""
    starter.append(OWN if attack.name.startswith(("S0", "S12")) else starter[-1])
    yield
    starter.pop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="how the attacks' names begin")
    parser.add_argument("--forked", action="store_true")
    given = parser.parse_args()
    wanted = given.only
    os.environ.update(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    broken, count = 0, 0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as server:
        os.chdir(folder)
        if given.forked:
            preload()
            starter.append(forked.start(Path(server)))
        made.MAKERS["base"]()
        print("| attack | held | seconds | GB | what is wrong |\n|---|---|---|---|---|")
        for attack in ATTACKS:
            if wanted and not attack.name.startswith(tuple(wanted)):
                continue
            with started_whole(attack):
                wrong, seconds, size = attempt(attack, Path(folder))
            count, broken = count + 1, broken + bool(wrong)
            print(f"| {attack.name} | {'no' if wrong else 'yes'} | {seconds:.1f} | {size:.1f} | {wrong} |", flush=True)
        os.chdir("/")
    print(f"\n{count - broken} of {count} held")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
