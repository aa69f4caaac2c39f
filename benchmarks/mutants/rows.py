"""The figures of a campaign, kept network by network, so that a stop loses one network and no more.

    python benchmarks/mutants/rows.py FOLDER [--write]

prints the tables of all campaigns whose rows are in FOLDER; ``--write`` puts them into the README beside this file.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

README = Path(__file__).with_name("README.md")
Row = dict[str, Any]


class Rows:
    """One JSON file for each network in `folder`; none are kept where there is no folder."""

    def __init__(self, campaign: str, folder: Path | None) -> None:
        self.campaign, self.folder = campaign, folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def has(self, network: str) -> bool:
        """Whether that network was judged before."""
        return bool(self.folder) and self._path(network).exists()

    def keep(self, network: str, row: Row) -> None:
        """Write the figures of `network`, whole or not at all."""
        if self.folder:
            path = self._path(network)
            path.with_suffix(".new").write_text(json.dumps(row, indent=1))
            path.with_suffix(".new").rename(path)

    def _path(self, network: str) -> Path:
        assert self.folder
        return self.folder / f"{self.campaign}-{network.replace(' ', '_')}.json"


def kept(folder: Path, campaign: str) -> list[Row]:
    """The rows of one campaign."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{campaign}-*.json"))]


def added(tables: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Tables of counts, added up."""
    total: dict[str, Counter[str]] = defaultdict(Counter)
    for table in tables:
        for name, counts in table.items():
            total[name].update(counts)
    return dict(total)


def markdown(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table whose columns but the first hold numbers."""
    lines = [list(head), *([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([text[0], "|---" + "|---:" * (len(lines[0]) - 1) + "|", *text[1:]])


def run_tables(rows: list[Row]) -> str:
    """What ``run.py`` found: rules, faults, and how often the layer was named."""
    rules = list(rows[0]["missed"])
    missed, alarms = (Counter[str]() for _ in range(2))
    for row in rows:
        missed.update(row["missed"])
        alarms.update(row["alarms"])
    damaged, clean, same, named = (sum(row[key] for row in rows) for key in ("damaged", "clean", "equivalent", "named"))
    seconds = sorted(value for row in rows for value in row["blame_seconds"])
    by_rule = [
        (rule, f"{damaged - missed[rule]} of {damaged}", f"{alarms[rule]} of {clean if k == 0 else clean // 3}")
        for k, rule in enumerate(rules)
    ]
    kinds = added(row["kinds"] for row in rows)
    by_kind = [(kind, counts["cases"], *(counts[rule] for rule in rules)) for kind, counts in sorted(kinds.items())]
    middle, most = seconds[len(seconds) // 2], seconds[-1]
    parts = [
        f"{damaged} damaged files ({same} more mutants compute the same function), {clean} clean cases",
        markdown(("rule", "damaged files refused", "false alarms"), by_rule),
        markdown(("fault", "files", *rules), by_kind),
        f"Layer at fault named: {named} of {damaged} ({named / max(1, damaged):.1%}); "
        f"judged and named in {middle:.2f} s (median), {most:.2f} s (most).",
    ]
    return "\n\n".join(parts)


def pair_tables(rows: list[Row]) -> str:
    """What the other campaigns found: changes refused, and harmless files passed."""
    parts = []
    for key, head in (("changes", ("change", "files", "refused")), ("harmless", ("harmless", "files", "passed"))):
        table = added(row[key] for row in rows)
        lines = [(family, counts["files"], counts["right"]) for family, counts in table.items()]
        parts.append(markdown(head, [*lines, ("all", sum(line[1] for line in lines), sum(line[2] for line in lines))]))
    return "\n\n".join(parts)


def judged_each(campaign: str, about: str | None, networks: Iterable[str], judged: Callable[[str], Row]) -> int:
    """Run a campaign as its command line says: `judged` gives a network's figures, ``remarks`` among them.

    Prints the tables of what was run; exit code 1 where something was missed or refused wrongly.
    """
    known = list(networks)
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=known, choices=known)
    parser.add_argument("--rows", type=Path, help="a folder that keeps each network's figures; those it has stay")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, found = Rows(campaign, chosen.rows), []
    for name in chosen.networks:
        if rows.has(name):
            continue
        start = time.perf_counter()
        found.append(judged(name))
        rows.keep(name, found[-1])
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    remarks = [line for row in found for line in row["remarks"]]
    run = [f"run {sum(row['run'] for row in found)}"] if any("run" in row for row in found) else []
    print(pair_tables(found) if found else "", *run, *remarks, sep="\n")
    return 1 if remarks else 0


TABLES = {"run": run_tables, **dict.fromkeys(("hidden", "third", "fourth"), pair_tables)}


def main() -> None:
    """Print the tables, or write them between their marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    chosen = parser.parse_args()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnx", "onnxruntime"))
    text = README.read_text()
    for campaign, table in TABLES.items():
        if not (rows := kept(chosen.folder, campaign)):
            continue
        body = f"Measured with {libraries}: {len(rows)} networks.\n\n{table(rows)}"
        said = [line for row in rows for line in row["remarks"]]
        print(f"## {campaign}.py\n\n{body}\n", *said, sep="\n")
        mark = re.compile(rf"(<!-- {campaign} -->).*?(<!-- end -->)", re.DOTALL)
        text = mark.sub(lambda found, body=body: f"{found[1]}\n{body}\n{found[2]}", text)
    if chosen.write:
        README.write_text(text)


if __name__ == "__main__":
    main()
