"""More networks of the kinds of ``run.py``, with what each has to give said before it was tried.

A row is the sizes of its inputs, its layers in TOML, and either what plain torch gives in float64 or the words of a
refusal. Its range is where plain torch runs and gives a value with elements, found by trying: ``compile`` has to say
the same range, and every file must give torch's values at both ends of it and at sizes between.

    python benchmarks/campaigns/exports/further.py [--only REGEX] [--shard 0/2]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from further_functions import FUNCTIONS
from further_neighbours import NEIGHBOURS
from further_numbers import NUMBERS
from further_row import Row
from further_shapes import SHAPES
from further_sizes import SIZES as OTHER_SIZES
from run import LOADERS, differences
from torch import Tensor

import graphspec
from graphspec.exporting import check_formats, write_bundle
from graphspec.exporting.capture import eval_network

SIZES = (1, 2, 3, 7, 17, 33)
MOST = 80
ROWS = SHAPES | NUMBERS | FUNCTIONS | NEIGHBOURS | OTHER_SIZES
Sizes = dict[str, int]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument(
        "--unverified", action="store_true", help="write the files without graphspec's own verification"
    )
    options = parser.parse_args()
    shard, of = map(int, options.shard.split("/"))
    warnings.simplefilter("ignore")
    wrong = 0
    for k, (name, row) in enumerate(ROWS.items()):
        if k % of != shard or not re.search(options.only, name):
            continue
        torch.manual_seed(0)
        faults = list(judged(row, options.unverified))
        wrong += bool(faults)
        print(
            f"{'WRONG' if faults else 'right'}  {name}: {'; '.join(faults)[:500] or row.refused or 'equal'}", flush=True
        )
    print(f"{wrong} wrong")
    return int(wrong > 0)


def judged(row: Row, unverified: bool) -> Iterator[str]:
    """What is wrong about a row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.toml"
        path.write_text(row.text)
        try:
            network = graphspec.load(path)
            module = graphspec.compile(network).eval()
            write = unverified_export if unverified else graphspec.export
            bundle = write(network, Path(folder) / "out")
        except graphspec.GraphspecError as error:
            said = str(error).splitlines()[0].replace(str(path), "net.toml")
            if not row.refused:
                yield f"refused: {said}"
            elif not re.search(row.refused, str(error), re.DOTALL):
                yield f"refused in other words: {said}"
            if row.refused and not re.match(r"net.toml:\d+:\d+: error\[[\w-]+\]: layer ", said):
                yield f"no layer: {said}"
            return
        except Exception as error:
            yield f"{type(error).__name__}: {error}".splitlines()[0]
            return
        if row.refused:
            yield f"not refused ({row.refused})"
            return
        weights = {
            name: value.double() if value.is_floating_point() else value for name, value in module.state_dict().items()
        }
        ranges = ranges_of(row, weights)
        told = {name: tuple(network.shaped.dims[name]) for name in ranges}
        yield from (
            f"{name}: {told[name]} is said, torch runs {ranges[name]}" for name in ranges if told[name] != ranges[name]
        )
        answers = {"module": lambda values: module(*values.values())}
        for form in [form for form in bundle.formats if form in LOADERS]:
            try:
                answers[form] = LOADERS[form](bundle.path(form))
            except Exception as error:
                yield f"{form}: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        for sizes in combinations(ranges):
            values = row.values(sizes)
            try:
                want = reference(row, weights, values)
            except (RuntimeError, ValueError, IndexError) as error:
                yield f"torch refuses {sizes}, which compile does not say: {str(error)[:120]}"
                continue
            for form, answer in answers.items():
                where = f"{form} at {' '.join(f'{k}={v}' for k, v in sizes.items())}"
                try:
                    found = answer(values)
                except Exception as error:
                    yield f"{where}: {type(error).__name__}: {str(error).splitlines()[0][:120]}"
                    continue
                yield from (f"{where}: {fault}" for fault in differences(found, want))
                yield from (f"{where}: {fault}" for fault in dtypes(found, want))


def unverified_export(network: Any, folder: Path) -> Any:
    check_formats(network.shaped)
    asked = network.spec.export
    return write_bundle(eval_network(network), folder, formats=asked.formats, opset_version=asked.opset_version)


def reference(row: Row, weights: dict[str, Tensor], values: dict[str, Tensor]) -> Any:
    exact = {name: value.double() if value.dtype == torch.float32 else value for name, value in values.items()}
    with torch.no_grad():
        return row.reference(weights, **exact)


def dtypes(found: Any, want: Any) -> Iterator[str]:
    pairs = (
        list(zip(found.values(), want.values(), strict=True))
        if isinstance(want, dict)
        else [(found if isinstance(found, Tensor) else next(iter(found.values())), want)]
    )
    for one, other in pairs:
        wanted = torch.float32 if other.dtype == torch.float64 else other.dtype
        if one.dtype != wanted:
            yield f"is {one.dtype}, not {wanted}"


def ranges_of(row: Row, weights: dict[str, Tensor]) -> dict[str, tuple[int, int | None]]:
    """Where plain torch runs, dim by dim with the others at an ordinary size that fits; None is no end."""
    ordinary = next(
        sizes for size in (6, 12, 48, 7, 2, 1, 70) if runs(row, weights, sizes := dict.fromkeys(row.dims, size))
    )
    found = {}
    for name in row.dims:
        least, most = row.bounds.get(name, (1, None))
        good = [size for size in range(least, (most or MOST) + 1) if runs(row, weights, {**ordinary, name: size})]
        assert good == list(range(good[0], good[-1] + 1)), (name, good)
        found[name] = (good[0], None if most is None and good[-1] == MOST else good[-1])
    return found


def runs(row: Row, weights: dict[str, Tensor], sizes: Sizes) -> bool:
    try:
        found = reference(row, weights, row.values(sizes))
    except (RuntimeError, ValueError, IndexError, AssertionError):
        return False
    return all(value.numel() for value in (found.values() if isinstance(found, dict) else [found]))


def combinations(ranges: dict[str, tuple[int, int | None]]) -> Iterator[Sizes]:
    """Each size of :data:`SIZES` and each end for each dim, the others in turn; all that the range has."""
    able = {
        name: sorted({size for size in (*SIZES, least, most or 40) if least <= size <= (most or size)})
        for name, (least, most) in ranges.items()
    }
    seen = set()
    for k in range(max(map(len, able.values()), default=1)):
        for shift in range(3):
            sizes = {name: own[(k + shift * (j + 1)) % len(own)] for j, (name, own) in enumerate(able.items())}
            if (key := tuple(sizes.values())) not in seen:
                seen.add(key)
                yield sizes


if __name__ == "__main__":
    sys.exit(main())
