"""More that people do with data, with right answers, beside ``run.py``: masks, folders, files, pictures (C8 to C14).

python benchmarks/campaigns/training/further.py [--only REGEX] [--shard 0/2]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import traceback
from collections import Counter

from further_figures import FIGURES, LEARNED
from further_images import FOLDERS, FOLLOW
from further_predicting import DRAWN, READ
from further_tables import ALIKE, TABLES
from further_trial import Case

TABLES_OF_ROWS = (FOLLOW, FOLDERS, READ, DRAWN, TABLES, ALIKE, FIGURES, LEARNED)
ROWS: dict[str, Case] = {name: case for table in TABLES_OF_ROWS for name, case in table.rows.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default="0/1")
    options = parser.parse_args()
    shard, of = map(int, options.shard.split("/"))
    counts: Counter[str] = Counter()
    for k, (name, case) in enumerate(ROWS.items()):
        if k % of != shard or not re.search(options.only, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                fault = case()
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"
                traceback.print_exc(limit=-4)
            os.chdir("/")
        counts["WRONG" if fault else "right"] += 1
        print(f"{'WRONG' if fault else 'right'}  {name}{': ' * bool(fault)}{' '.join(fault.split())[:400]}", flush=True)
    print(dict(counts))
    return int(counts["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
