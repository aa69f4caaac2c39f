"""Single-bit flips and truncations of a checkpoint: none loads silently, the one before it is used, and that is said.

    python benchmarks/campaigns/damage.py [--flips 2000]

The checkpoint is a real one, of a run with BatchNorm, Adam and a schedule. Flips are drawn over both of its files by
size; truncations are every length from 0 to one byte less than whole.
"""

from __future__ import annotations

import argparse
import collections
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from networks import NETWORKS, digest, fit

from graphspec.diagnostics import GraphspecWarning
from graphspec.training.run import checkpoint


def flipped(files: list[Path], count: int) -> Iterator[tuple[Path, bytes]]:
    """`count` files with one bit changed, the bit drawn among all bits."""
    draw = random.Random(0)
    whole = {path: path.read_bytes() for path in files}
    for _ in range(count):
        path = draw.choices(files, [len(whole[each]) for each in files])[0]
        content = bytearray(whole[path])
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        yield path, bytes(content)


def truncated(files: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Every shorter version of each file."""
    for path in files:
        whole = path.read_bytes()
        yield from ((path, whole[:length]) for length in range(len(whole)))


def loaded(folder: Path, step: int) -> tuple[str, bool]:
    """The digest of what loads from `folder`, and whether it was said that `step` is damaged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = checkpoint.load(folder)
    said = [row for row in caught if isinstance(row.message, GraphspecWarning) and f"step {step}" in str(row.message)]
    return digest(state) if state else "", len(said) == 1


def main() -> None:
    """Run the campaign with the arguments of this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--flips", type=int, default=2000)
    flips = parser.parse_args().flips
    with tempfile.TemporaryDirectory() as place:
        fit(NETWORKS["augmentation"], Path(place, "run"))
        folder = Path(place, "run", "checkpoints")
        newest = checkpoint.load(folder)
        assert newest is not None
        step = newest["progress"]["step"]
        older = {**newest, "mark": "older"}
        shutil.rmtree(folder)
        checkpoint.save(folder, step - 1, older)
        checkpoint.save(folder, step, newest)
        expected = digest(older)
        files = sorted(folder.glob(f"step-{step:010d}.*"))
        print(", ".join(f"{path.suffix[1:]} of {path.stat().st_size:,} bytes" for path in files))
        print(f"{'Damage':12}{'Cases':>8}{'Older used':>12}{'Said':>8}")
        for kind, cases in {"bit flips": flipped(files, flips), "truncations": truncated(files)}.items():
            counts: collections.Counter[str] = collections.Counter()
            for path, content in cases:
                whole = path.read_bytes()
                path.write_bytes(content)
                found, said = loaded(folder, step)
                path.write_bytes(whole)
                counts.update({"cases": 1, "used": found == expected, "said": said})
            print(f"{kind:12}{counts['cases']:8,}{counts['used']:12,}{counts['said']:8,}", flush=True)


if __name__ == "__main__":
    main()
