"""Stop and resume at every step of a 40-step run, on each network of networks.py: the outcome has the very same bits.

python benchmarks/campaigns/resume.py [--every K]
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from pathlib import Path

from networks import NETWORKS, STEPS, fit, outcome

from graphspec.training.run.reporter import Silent
from graphspec.training.run.signals import Terminated


class StopAt(Silent):
    """Sends this process SIGTERM after so many batches; training ends after the update that they belong to."""

    def __init__(self, batch: int) -> None:
        self.left = batch

    def step(self, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the campaign with the arguments of this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every K-th step")
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), default=list(NETWORKS), metavar="NETWORK")
    chosen = parser.parse_args()
    print(f"{'Network':14}{'Stopped at':>12}{'Identical':>12}")
    for name in chosen.only:
        spec = NETWORKS[name]
        batches = STEPS * spec["train"].get("accumulate", 1)
        stops = range(1, batches + 1, chosen.every)
        with tempfile.TemporaryDirectory() as folder:
            fit(spec, Path(folder, "whole"))
            whole = outcome(Path(folder, "whole"))
            identical = 0
            for batch in stops:
                run = Path(folder, str(batch))
                try:
                    fit(spec, run, reporter=StopAt(batch))
                    raise AssertionError(f"{name} was not stopped at batch {batch}")
                except Terminated:
                    fit(spec, run, resume=True)
                identical += outcome(run) == whole
        print(f"{name:14}{len(stops):12}{identical:12}", flush=True)


if __name__ == "__main__":
    main()
