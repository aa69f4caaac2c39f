"""Mutated specs through the readers and the expander: each must compile or end in a diagnostic, within two seconds.

    pip install '.[fuzz]' && python benchmarks/campaigns/fuzz.py [--inputs 1000000] [--finds FOLDER]

Coverage of graphspec.spec and graphspec.graph leads libFuzzer (atheris). Three in ten mutations are of bytes, the
others of the structure: a value is replaced, removed, renamed, or exchanged for one of another spec. A find is an
exception that is no ``GraphspecError``, a message over 64 KB, or an input that takes more than two seconds; it is
written to FOLDER.
"""

from __future__ import annotations

import argparse
import collections
import copy
import hashlib
import json
import os
import random
import resource
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["graphspec.spec", "graphspec.graph"]):
    from graphspec import graph, spec
    from graphspec.diagnostics import GraphspecError
    from graphspec.spec import limits
    from graphspec.spec.text import decode

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 2.0
MOST_PRINTED = 1 << 16
#: Short inputs are run at a greater rate, and say the same.
MOST_BYTES = 1500
#: Nor does a network become another by more copies of its layers.
MOST_LAYERS = 200
#: Values that stand for others: edges of every kind of field.
EDGES: list[Any] = [
    0, 1, -1, 2, 3, 32, 33, 64, 65, 10**6, 2**31, 2**63 - 1, 2**63, -(2**63), 0.0, -0.0, 0.5, 1e308, 3.0, True, False,
    None, "", "0", "x", "N", "${i}", "${x.shape[1]}", "${width * 2}", "${", "}", "${1 // 0}", "${2 ** 99999}", "ReLU",
    "add", "a.b", "x.0", "../../etc/passwd", "__class__", "forward", "\u202e", "\x00", "\ud800", "a" * 200, [], {},
    [[]], [None], {"type": "ReLU"}, {"type": "ReLU", "from": "x"}, {"type": "cat", "from": ["x", "x"]}, {"reuse": "x"},
    {"if": "${1}"}, {"repeat": 3}, {"from": {"input": "x"}}, ["N", 3, 8, 8], {"shape": ["N", "T"], "dtype": "int64"},
]  # fmt: skip
KEYS = (
    "type from repeat if reuse tie init freeze name vars inputs layers outputs blocks variants data train export tune "
    "graphspec shape dtype dataset epochs optimizer in_features out_features x N 0 ${i} a${i}"
).split()


def seeds() -> list[bytes]:
    """The specs of the repository that are short enough: good ones, and the bad ones of the tests."""
    folders = (ROOT / "specs", ROOT / "specs" / "zoo", ROOT / "tests" / "invalid")
    found = [path for folder in folders for path in sorted(folder.glob("*.toml")) + sorted(folder.glob("*.json"))]
    texts = [path.read_bytes() for path in found]
    return [text for text in texts if len(text) <= MOST_BYTES]


def parsed(data: bytes) -> Any:
    """The document in `data`; None where it is none."""
    try:
        text = data.decode()
        return json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found, left = [], [value]
    while left:
        here = left.pop()
        for key in list(here) if isinstance(here, dict) else range(len(here)):
            found.append((here, key))
            if isinstance(here[key], dict | list):
                left.append(here[key])
    return found


class Mutator:
    """Changes one to four places of a document, with pieces of the seeds."""

    def __init__(self, pieces: list[Any]) -> None:
        self.pieces = pieces

    def __call__(self, data: bytes, size: int, seed: int) -> bytes:
        draw = random.Random(seed)
        document = parsed(data) if draw.random() < 0.7 else None
        if not isinstance(document, dict) or not document:
            return bytes(atheris.Mutate(data, size))
        for _ in range(draw.randint(1, 4)):
            self._change(document, draw)
        try:
            changed = json.dumps(document, default=str).encode()
        except (ValueError, RecursionError):
            return data
        return changed if len(changed) <= size else data

    def _change(self, document: Any, draw: random.Random) -> None:
        container, key = draw.choice(places(document) or [(document, "x")])
        kind = draw.randrange(5)
        if kind == 0 or key not in (container if isinstance(container, dict) else range(len(container))):
            container[key] = copy.deepcopy(draw.choice(EDGES))
        elif kind == 1:
            container[key] = copy.deepcopy(draw.choice(self.pieces))
        elif kind == 2:
            del container[key]
        elif isinstance(container, dict):
            container[draw.choice(KEYS)] = container[key] if kind == 3 else container.pop(key)
        else:
            container.append(copy.deepcopy(container[key]))


class Campaign:
    """Runs inputs, counts what becomes of them, and keeps the finds."""

    def __init__(self, most: int, finds: Path) -> None:
        self.most, self.finds, self.started = most, finds, time.monotonic()
        self.ended: collections.Counter[str] = collections.Counter()
        self.slowest, self.count, self.found = 0.0, 0, 0
        self.kinds: set[str] = set()
        finds.mkdir(parents=True, exist_ok=True)

    def __call__(self, data: bytes) -> None:
        before = time.process_time()
        try:
            self.ended[self._outcome(data)] += 1
        except Exception:
            self._keep(data, traceback.format_exc())
        seconds = time.process_time() - before
        self.slowest = max(self.slowest, seconds)
        if seconds > MOST_SECONDS:
            self._keep(data, f"slow: {seconds:.1f} s")
        self.count += 1
        if self.count % 50_000 == 0 or self.count == self.most:
            self.report()
        if self.count == self.most:
            os._exit(0)

    def _outcome(self, data: bytes) -> str:
        """``compiled``, or the code of the first diagnostic."""
        try:
            text = decode(data) + "\n"
            with limits.raised(MOST_LAYERS):
                graph.build(spec.load(text))
        except GraphspecError as error:
            printed = str(error)
            assert len(printed.encode()) <= MOST_PRINTED, f"a message of {len(printed)} characters"
            json.dumps([row.as_dict() for row in error.diagnostics])
            return error.diagnostics[0].code
        return "compiled"

    def _keep(self, data: bytes, why: str) -> None:
        self.found += 1
        where = [line for line in why.splitlines() if line.startswith("  File")]
        kind = (where[-1] if where else "slow") + why.splitlines()[-1][:80]
        if kind not in self.kinds:
            self.kinds.add(kind)
            name = hashlib.sha256(data).hexdigest()[:12]
            (self.finds / f"{name}.spec").write_bytes(data)
            (self.finds / f"{name}.txt").write_text(why)
            print(f"FIND {name}: {kind}", flush=True)

    def report(self) -> None:
        """The table so far."""
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\n{self.count:,} inputs in {time.monotonic() - self.started:,.0f} s")
        print(f"  {'graphs built':24}{self.ended['compiled']:>10,}")
        for code, times in self.ended.most_common():
            if code != "compiled":
                print(f"  {code:24}{times:>10,}")
        finds = f"{self.found} finds of {len(self.kinds)} kinds"
        print(f"  {finds}; slowest {self.slowest:.2f} s; peak {memory:,.0f} MB", flush=True)


def main() -> None:
    """Run the campaign with the arguments of this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--finds", type=Path, default=Path(tempfile.gettempdir()) / "graphspec-finds")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    pieces = [container[key] for data in seeds() for container, key in places(parsed(data) or {})]
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(data)
        flags = [f"-seed={chosen.seed}", f"-max_len={MOST_BYTES}", "-timeout=600", "-rss_limit_mb=4096", "-verbosity=0"]
        campaign = Campaign(chosen.inputs, chosen.finds)
        atheris.Setup([sys.argv[0], *flags, corpus], campaign, custom_mutator=Mutator(pieces))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
