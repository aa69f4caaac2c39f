"""Tables whose texts make many features: what is counted against memory is what they take, twice at most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphspec.data import load
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

#: Reads the table; prints what was counted for it, and the most that was taken.
READ = """
import warnings; warnings.simplefilter("ignore")
from pathlib import Path
from graphspec.data import load, memory
from graphspec.spec.data import DataSpec
from graphspec.spec.model import InputSpec
def held(key): return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key)) << 10
counted, check = [], memory.check_memory
memory.check_memory = lambda what, size: (counted.append(size), check(what, size))
spec = DataSpec.model_validate({"dataset": {"type": "csv", "file": "wide.csv", "target": "y"}, "root": "."})
Path("/proc/self/clear_refs").write_text("5")
before = held("VmRSS")
load(spec, inputs={"x": InputSpec.model_validate(["N", 4])}).test.open()
print(max(counted), held("VmHWM") - before)
"""


def write(folder: Path, rows: int, columns: int) -> None:
    """Columns of texts, another one in each row."""
    lines = [f"{','.join(f'{row}t{k}' for k in range(columns))},{'pq'[row % 2]}\n" for row in range(rows)]
    (folder / "wide.csv").write_text(",".join(f"c{k}" for k in range(columns)) + ",y\n" + "".join(lines))


def test_more_features_of_texts_than_there_may_be_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 4000, 3)
    spec = DataSpec.model_validate({"dataset": {"type": "csv", "file": "wide.csv", "target": "y"}})
    with pytest.raises(GraphspecError, match=r"error\[too-large\].*give 12,000 features, at most 10,000.*drop = "):
        load(spec, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_half_of_what_is_free_is_counted_and_no_more_than_all_is_taken(tmp_path: Path) -> None:
    write(tmp_path, 2000, 2)
    done = subprocess.run([sys.executable, "-c", READ], cwd=tmp_path, capture_output=True, text=True, check=True)
    counted, taken = map(int, done.stdout.split())
    assert counted == 12 * 4000 * 2000
    assert taken <= 2 * counted
