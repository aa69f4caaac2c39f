"""How exactly each runtime computes each spec of specs/: the greatest error in units of float32's own noise.

    python benchmarks/fidelity.py [SPEC …] [--write FOLDER] [--minutes 5] [--gib 12] [--variant V] [--aoti] [--again]

Each spec is exported with its seeded initial weights in every format and judged as ``graphspec verify`` judges it. 1 is
as far from float64 as the float32 module itself is (where that is next to nothing: as a few ulp of the greatest element
allow), over magnitudes, sizes and zeros; more than 16 is refused, and the first layer over it named. A spec is
one process with bounds of time and memory, and in it each runtime another one; where the bounds end it, the runtime
that it was at has that as its reason, and the others go on in a new one. ``--write`` keeps ``fidelity.md``
and ``fidelity.json`` in FOLDER; what stands there in the same versions is not run again without ``--again``: a runtime
that was installed since is a column more, and one that is not installed here keeps what it has.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import write_bundle
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.exporting.bundle.manifest import versions
from graphspec.exporting.tolerance import NOISE_FACTOR
from graphspec.verifying.rule import Status
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.needs import BROWSER, ORT_NODE, ORT_WEB
from graphspec.verifying.runtimes.runtime import RUNTIMES, Runtime
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.verify import Judge
from graphspec.verifying.verify_report import RuntimeReport

SPECS = Path(__file__).parents[1] / "specs"
#: Greatest length of a reason in the notes.
MOST = 160
PACKAGES = (
    "graphspec", "torch", "onnx", "onnxscript", "onnxruntime", "openvino", "opencv-python-headless", "tract", "MNN",
    "ncnn", "pnnx", "executorch", "litert-torch", "ai-edge-litert",
)  # fmt: skip
Cell = dict[str, Any]
HEAD = """# Fidelity

Made by `make fidelity` {days} with {versions}.

Each spec of `specs/` with its seeded weights, in each runtime that `graphspec verify --runtime all` knows: the greatest
error against float64 in units of float32's own noise. 1 is as far off as the float32 module itself; more than {most} is
refused. The unit is a few ulp of the greatest element at least, and a sixteenth of 1e-5 of it at most: a network that
rounds more coarsely has figures above 1 in torch, too. A figure alone is equal on everything that was tried; "in part"
did not run some sizes; "—" did not run; "?" cannot be told from a constant; what is empty was not tried yet.
`fidelity.json` has the same as data.

"Other order of sums": `graphspec verify` refuses the file, for it is further off than torch's kernels are, and nothing
else is wrong with it. XNNPACK, which ExecuTorch and LiteRT call, begins a sum at its bias and adds one product after
another; computed so in float32 by `benchmarks/order_of_sums.py`, the network is as far off.

Found of the others that are wrong: MNN computes the exact GELU by tanh, off by up to 4.7e-4, and does not read axes of
ReduceL2 that are an input, as they are from opset 18 on: `normalize` divides by the length of the whole batch. WebGPU,
on a software adapter here, is wrong in convolutions whose channels that come in are a multiple of 3 above 3 and none
of 4, where those that go out are one of 4 (6 to 16 are; from 4, 5, 7, 8, 10 or 14 it is right).
"""
#: What computes by XNNPACK.
XNNPACK = ("executorch", "litert")
#: How much further off than the network computed in XNNPACK's order a runtime may be to be no more than that.
ALIKE = 1.25


def paths() -> list[Path]:
    return [*sorted(SPECS.glob("*.toml")), *sorted((SPECS / "zoo").glob("*.toml"))]


def installed() -> dict[str, str]:
    """The versions of what is here, npm's packages and the browser among it."""
    found = versions(PACKAGES)
    for package in (ORT_NODE, ORT_WEB):
        if not package.missing:
            found[package.name] = json.loads((package.path / "package.json").read_text(encoding="utf-8"))["version"]
    if BROWSER.path:
        said = subprocess.run([BROWSER.path, "--version"], capture_output=True, text=True, timeout=60, check=False)
        found["Chromium"] = next((word for word in said.stdout.split() if word[0].isdigit()), "?")
    return found


def cells(path: Path, variant: str | None, names: tuple[str, ...], seconds: float) -> Iterator[tuple[str, Cell | None]]:
    """What each runtime of `names` gives for the spec at `path`; its name alone before it begins."""
    wanted = sorted((runtime for runtime in RUNTIMES if runtime.name in names), key=lambda runtime: runtime.format)
    variants = tomllib.loads(path.read_text(encoding="utf-8")).get("variants", {})
    network = compiler.load(path, variant=variant if variant in variants else None)
    opset = network.spec.export.opset_version
    runner = Runner(network.shaped, Workers(()), seconds)
    bundles: dict[str, Bundle | str] = {}
    with tempfile.TemporaryDirectory() as name, Judge(network, runner) as judge:
        for runtime in wanted:
            format = runtime.format
            yield runtime.name, None
            if format not in bundles:
                try:
                    bundles[format] = write_bundle(network, Path(name) / format, formats=[format], opset_version=opset)
                except GraphspecError as error:
                    bundles[format] = error.diagnostics[0].message
            bundle = bundles[format]
            refused = {"verdict": "—", "reason": bundle}
            yield runtime.name, refused if isinstance(bundle, str) else cell(judge, runtime, bundle.path(format))


def cell(judge: Judge, runtime: Runtime, path: Path) -> Cell:
    """One runtime's verdict, its greatest error in units of noise, and why it is not equal; ``layer`` is the first at
    fault, where a runtime's layers can be seen."""
    report = judge.run(runtime, path)
    told = [c.judgement for c in report.comparisons if c.judgement.status is not Status.INCONCLUSIVE]
    allowed = [judgement for judgement in told if judgement.allowed and not judgement.refused]
    made: Cell = {"noise": max((j.error / j.allowed for j in allowed), default=0.0) * NOISE_FACTOR} if allowed else {}
    made["verdict"], made["reason"] = verdict(report)
    if made["verdict"] == "WRONG" and runtime.blame:
        made["layer"] = judge.files({runtime: path}, None).first_divergent_layer
    return made


def verdict(report: RuntimeReport) -> tuple[str, str]:
    """In a word, and why it is not ``equal``."""
    if report.passed:
        return "equal", ""
    if report.failure:
        return "—", report.failure
    if report.faults and not all(c.judgement.refused for c in report.comparisons if c.judgement.status == "fail"):
        return "WRONG", report.faults[0]
    refused = [f"{c.case}: {c.judgement.reason}" for c in report.comparisons if c.judgement.refused]
    if refused:
        ran = any(not c.judgement.refused for c in report.comparisons)
        return "in part" if ran else "—", refused[0]
    return "?", "; ".join(f"output {output}: {reason}" for output, reason in report.inconclusive.items())


def bounded(path: Path, given: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The cells of a spec for the runtimes of `names`, from a process of its own; those that it did not come to are
    left out."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=one, args=(path, given.variant, names, given.minutes, given.gib, sender))
    start = time.perf_counter()
    process.start()
    sender.close()
    row: dict[str, Any] = {"cells": {}}
    at, reason = "", f"more than {given.minutes:g} minutes"
    try:
        while receiver.poll(max(0.0, start + 60 * given.minutes - time.perf_counter())):
            at, made = receiver.recv()
            if not at:
                row |= made
                break
            if made is not None:
                row["cells"][at] = made
    except EOFError:
        process.join(10)
        reason = f"it ended with exit code {process.exitcode}: memory, most likely"
    process.kill()
    process.join()
    row["seconds"] = round(time.perf_counter() - start)
    if at and at not in row["cells"]:
        row["cells"][at] = {"verdict": "—", "reason": reason}
    elif "gib" not in row and "error" not in row:
        row["error"] = reason
    today = datetime.date.today().isoformat()
    return {**row, "cells": {name: made | {"date": today} for name, made in row["cells"].items()}}


def one(path: Path, variant: str | None, names: tuple[str, ...], minutes: float, gib: int, sender: Any) -> None:
    """Send the cells one by one and, without a name, what the process used, or the error that ended it before them."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_DATA, (gib << 30, gib << 30))
    at = ""
    try:
        for at, made in cells(path, variant, names, 60 * minutes):
            sender.send((at, made))
    except Exception as error:  # a cell of the table, not an end
        text = f"{type(error).__name__}: {error}"
        sender.send((at, {"verdict": "—", "reason": text} if at else {"error": text}))
    sender.send(("", {"gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 1)}))


def markdown(said: Mapping[str, Any]) -> str:
    """The table, the notes to it, and what was run."""
    titles = [r.name for r in RUNTIMES if any(r.name in row.get("cells", {}) for row in said["rows"].values())]
    notes: dict[str, int] = {}

    def note(text: str) -> str:
        return f" [{notes.setdefault(' '.join(text.split())[:MOST], len(notes) + 1)}]" if text else ""

    def shown(title: str, row: Mapping[str, Any]) -> str:
        made = row["cells"].get(title)
        if made is None:
            return ""
        if made["verdict"] == "WRONG" and title in XNNPACK and made["noise"] <= ALIKE * row.get("in_order", 0.0):
            return f"{made['noise']:.2g} other order of sums{note(made['reason'])}"
        figure = f"{made['noise']:.2g}" if "noise" in made and made["verdict"] != "—" else ""
        word = "" if made["verdict"] == "equal" else made["verdict"]
        layer = f", from layer {made['layer']}" if made.get("layer") else ""
        return f"{figure} {word}{layer}".strip() + note(made["reason"])

    lines = [f"| spec | {' | '.join(titles)} |", "|---" + "|---" * len(titles) + "|"]
    for name, row in said["rows"].items():
        if "error" in row and not row["cells"]:
            lines.append(f"| {name} | not run{note(row['error'])} |" + " |" * (len(titles) - 1))
        else:
            lines.append(f"| {name} | " + " | ".join(shown(title, row) for title in titles) + " |")
    listed = ", ".join(f"{name} {version}" for name, version in said["versions"].items())
    made_on = {made["date"] for row in said["rows"].values() for made in row.get("cells", {}).values()}
    days = "on {}" if len(made_on) < 2 else "from {} to {}"
    head = HEAD.format(
        days=days.format(*sorted({min(made_on), max(made_on)})), versions=listed, most=f"{NOISE_FACTOR:g}"
    )
    left = [path.stem for path in paths() if path.stem not in said["rows"]]
    lines += ["", f"Not run yet: {', '.join(left)}."] if left else []
    return "\n".join([head, *lines, "", *(f"[{number}] {reason}  " for reason, number in notes.items()), ""])


def kept(file: Path, here: Mapping[str, str]) -> dict[str, Any]:
    """The rows that stand in `file` already, if nothing that made them is here in another version."""
    if not file.is_file():
        return {"versions": dict(here), "rows": {}}
    said = json.loads(file.read_text(encoding="utf-8"))
    same = all(here.get(name, version) == version for name, version in said["versions"].items())
    return {"versions": said["versions"] | here, "rows": said["rows"] if same else {}}


def joined(row: Mapping[str, Any] | None, found: Mapping[str, Any]) -> dict[str, Any]:
    """`row` with the cells that were `found` now; an error that ends it before the first leaves what is known."""
    if row is None or not row.get("cells"):
        return dict(found)
    most = {key: max(row.get(key, 0), found[key]) for key in ("gib",) if key in found}
    return {**row, **most, "cells": row["cells"] | found["cells"], "seconds": row["seconds"] + found["seconds"]}


def keep(said: dict[str, Any], folder: Path) -> None:
    """Write the table, its rows in the order of the specs."""
    folder.mkdir(parents=True, exist_ok=True)
    said["rows"] = {each.stem: said["rows"][each.stem] for each in paths() if each.stem in said["rows"]}
    (folder / "fidelity.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    (folder / "fidelity.md").write_text(markdown(said), encoding="utf-8")


def main() -> None:
    """Print the table when all rows are there, and keep it row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", help="names of specs; all without")
    parser.add_argument("--write", type=Path, help="the folder for fidelity.md and fidelity.json")
    parser.add_argument("--minutes", type=float, default=5.0, help="what a spec may take")
    parser.add_argument("--gib", type=int, default=12, help="the most memory that its process allocates")
    parser.add_argument("--variant", help="take this variant of a spec that has it")
    parser.add_argument("--aoti", action="store_true", help="AOTInductor too, which compiles for a minute or more")
    parser.add_argument("--again", action="store_true", help="run rows again that stand there")
    given = parser.parse_args()
    names = [r.name for r in RUNTIMES if r.installed and (given.aoti or not r.machine_code)]
    said = kept(given.write / "fidelity.json" if given.write else Path(), installed())
    for path in paths():
        if given.specs and path.stem not in given.specs:
            continue
        row: dict[str, Any] = {} if given.again else said["rows"].get(path.stem, {})
        while left := tuple(name for name in names if name not in row.get("cells", {})):
            found = bounded(path, given, left)
            said["rows"][path.stem] = row = joined(row, found)
            print(f"{path.stem}: {found['seconds']} s, {row.get('gib', '?')} GiB", file=sys.stderr, flush=True)
            if given.write:
                keep(said, given.write)
            if "error" in found:
                break
    print(markdown(said))


if __name__ == "__main__":
    main()
