"""Hundreds of hostile inputs for every command and every kind of file, each answered by one clear error or served.

    python benchmarks/campaigns/attacks/many.py [KIND…] [--most N] [--part I/N]      # Linux

KIND is a generator's name (``compiled``, ``exports``, …), all without it; ``--most`` draws that many cases of each, seeded.
Prints what is wrong by root, then a table of kinds; exit code 1 where something is.
"""

# ruff: noqa: E501 - tables, and files that stay open
from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import os
import pkgutil
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import drive
import hostile_arrays
import hostile_files
import hostile_folders
import hostile_imports
import hostile_new
import hostile_onnx
import hostile_promises
import hostile_specs

KINDS: dict[str, Callable[[], Iterable[drive.Case]]] = {
    generator.__name__: generator
    for generator in (
        hostile_specs.texts, hostile_specs.settings, hostile_specs.removed, hostile_specs.emitted, hostile_specs.compiled,
        hostile_specs.worked, hostile_arrays.tables, hostile_arrays.archives, hostile_arrays.weights, hostile_arrays.pictures,
        hostile_folders.runs, hostile_folders.exports, hostile_folders.studies, hostile_folders.learned, hostile_onnx.models,
        hostile_imports.imports, hostile_promises.promises, hostile_new.signatures, hostile_new.served, hostile_new.spoken,
        hostile_new.parts, hostile_new.series,
    )
}  # fmt: skip


def preload() -> None:
    """Import all that a command may, so that a forked process has it."""
    import graphspec

    for module in pkgutil.walk_packages(graphspec.__path__, "graphspec."):
        if not module.name.endswith(("__main__", "launch", "worker")):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    importlib.import_module(module.name)
                except ImportError:
                    continue
    for name in (
        "sklearn.datasets",
        "matplotlib.pyplot",
        "torchvision",
        "optuna",
        "onnx",
        "torch.export",
        "scipy.stats",
        "torch._dynamo",
    ):
        importlib.import_module(name)


def make_base(folder: Path) -> None:
    """The runs and exports that others are forged from, where they are not there yet."""
    if folder.is_dir():
        return
    made = Path(tempfile.mkdtemp(dir=folder.parent))
    os.chdir(made)
    hostile_files.base()
    hostile_files.pictures("eps")
    hostile_files.table()
    hostile_files.texts()
    hostile_files.signed()
    os.chdir(folder.parent)
    with contextlib.suppress(OSError):  # another process was faster
        made.rename(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--most", type=int, default=sys.maxsize)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--match", default="", help="a pattern of cases' names")
    parser.add_argument(
        "--base", type=Path, help="a folder where the runs and exports that others are forged from are kept"
    )
    parser.add_argument("-v", action="store_true")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    preload()
    rows, faults = [], collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="gs-") as folder:
        place = (given.base or Path(folder)).resolve()
        place.mkdir(parents=True, exist_ok=True)
        os.environ.update(HOME=folder, GRAPHSPEC_ATTACKS=str(place))
        make_base(place / "base")
        for kind in given.kinds or KINDS:
            cases = [case for case in KINDS[kind]() if re.search(given.match, case.name)]
            drawn = sorted(random.Random(0).sample(range(len(cases)), min(given.most, len(cases))))[part::parts]
            started, codes, wrong = time.monotonic(), collections.Counter(), 0
            for answer in drive.run([cases[n] for n in drawn], Path(folder)):
                codes[answer.code] += 1
                wrong += bool(answer.wrong)
                if answer.wrong:
                    print(f"! {answer.case!a}: {answer.wrong!a}"[:400], flush=True)
                    faults[re.sub(r"0x[0-9a-f]+|\d+", "#", answer.wrong)[:160]].append((answer.case, answer.wrong))
                if given.v:
                    print(
                        f"{answer.case}: {answer.code} {answer.cpu:.1f} s {answer.mib:.0f} MiB {answer.last!a} {answer.wrong}",
                        flush=True,
                    )
            rows.append((kind, len(drawn), wrong, dict(sorted(codes.items())), time.monotonic() - started))
            print(*rows[-1], flush=True)
    for _, found in sorted(faults.items(), key=lambda item: -len(item[1])):
        print(f"{len(found):4} {found[0][1]!a}\n" + "\n".join(f"       {name}" for name, _ in found[:4]))
    print("| kind | cases | wrong | seconds |\n|---|---|---|---|")
    for kind, count, wrong, _, seconds in rows:
        print(f"| {kind} | {count} | {wrong} | {seconds:.0f} |")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
