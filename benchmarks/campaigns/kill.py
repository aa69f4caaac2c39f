"""kill -9, SIGINT and SIGTERM at random moments of training runs.

    python benchmarks/campaigns/kill.py [--kills 200] [--signals 60]

Each trial is a fork of this process, which has imported everything. Runs save after every step, so that many moments
fall into a save. After a kill the folder is looked at as ``--resume`` would: nothing damaged, no state older than the
last save that was acknowledged (told through a pipe when it returned); the next trial goes on from there, without
repair. A run that came to its end is compared with one that nothing disturbed. After a signal, the saved state is
looked up among the states of the undisturbed run.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import random
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from networks import NETWORKS, digest, fit, outcome, saved

from graphspec.diagnostics import GraphspecError
from graphspec.training.run import saver as savers
from graphspec.training.run.run_folder import RunFolder

SPEC = NETWORKS["augmentation"]
#: How many acknowledged saves are waited for before the random moment; none: it may fall before the first step.
AFTER = (0, 0, 1, 1, 2, 3, 5, 8)


def forked(work: Callable[[], object]) -> int:
    """Start `work` in a child; its exit status is 0, a GraphspecError's exit code, or 99."""
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        work()
        status = 0
    except GraphspecError as error:
        status = error.exit_code
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def save_always(acknowledge: Callable[[savers.Saver], object] = lambda saver: None) -> None:
    """Let this process save after every step, and tell when a save has returned."""
    savers.Saver.due = lambda self, least=0.0: True  # type: ignore[method-assign]
    save = savers.Saver.save

    def told(self: savers.Saver) -> None:
        save(self)
        acknowledge(self)

    savers.Saver.save = told  # type: ignore[method-assign]


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Undisturbed:
    """A run that nothing disturbs: how long it takes, its outcome, and the digest of its state after every step."""

    def __init__(self, folder: Path) -> None:
        read, write = os.pipe()

        def work() -> None:
            save_always(lambda saver: os.write(write, f"{digest(_state(saver))}\n".encode()))
            fit(SPEC, folder)

        started = time.monotonic()
        child = forked(work)
        os.close(write)
        with open(read) as lines:
            self.states = set(lines.read().split())
        assert ended(child) == 0
        self.seconds = time.monotonic() - started
        self.outcome = outcome(folder)


def _state(saver: savers.Saver) -> dict[str, Any]:
    return {"run": saver.run, **saver.learner.state_dict()}


def kills(folder: Path, whole: Undisturbed, count: int, draw: random.Random) -> collections.Counter[str]:
    """`count` runs, or continuations of killed ones, each killed at a random moment."""
    found: collections.Counter[str] = collections.Counter()
    run = folder / "0"
    while found["killed"] < count:
        read, write = os.pipe()

        def work(run: Path = run, write: int = write) -> None:
            save_always(lambda saver: os.write(write, f"{saver.learner.step}\n".encode()))
            fit(SPEC, run, resume=RunFolder(run).is_run)

        child = forked(work)
        os.close(write)
        with open(read) as lines:
            after = draw.choice(AFTER)
            acknowledged = [int(line) for line in itertools.islice(lines, after)]
            time.sleep(draw.uniform(0, 0.2 if after else 0.5 * whole.seconds))
            os.kill(child, signal.SIGKILL)
            acknowledged += [int(line) for line in lines]
        status = ended(child)
        found["went on without repair, or ended"] += status in (0, -signal.SIGKILL)
        found["acknowledged saves"] += len(acknowledged)
        if status == 0:
            found["finished"] += 1
            found["finished as undisturbed"] += outcome(run) == whole.outcome
            run = folder / str(found["finished"])
            continue
        found["killed"] += 1
        found["killed inside a save"] += any(run.rglob("*.tmp"))
        found["killed before the run began"] += not RunFolder(run).is_run
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                step = saved(run)[0]
            found["unloadable"] += any("is damaged" in str(row.message) for row in caught)
            found["save cut short, said"] += any("cut short" in str(row.message) for row in caught)
            found["older than acknowledged"] += step < max(acknowledged, default=0)
        except GraphspecError:
            found["unloadable"] += 1
    return found


def signals(folder: Path, whole: Undisturbed, count: int, draw: random.Random) -> collections.Counter[str]:
    """`count` runs that are sent SIGINT or SIGTERM at a random moment after they began."""
    found: collections.Counter[str] = collections.Counter()
    for trial in range(count):
        run, number = folder / f"s{trial}", (signal.SIGINT, signal.SIGTERM)[trial % 2]
        child = forked(lambda run=run: (save_always(), fit(SPEC, run)))  # type: ignore[misc]
        while not (run / "spec.toml").exists():
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.5 * whole.seconds))
        os.kill(child, number)
        status = ended(child)
        if status == 0:  # it came after the last step
            found["too late"] += 1
            continue
        found["stopped"] += 1
        found["exit code right"] += status == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        found["state is one of the undisturbed run's"] += saved(run)[1] in whole.states
    return found


def main() -> None:
    """Run the campaign with the arguments of this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--signals", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    draw = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as place:
        fit(SPEC, Path(place, "warm"))  # imports everything before the first fork
        whole = Undisturbed(Path(place, "whole"))
        for name, found in (
            ("kill -9", kills(Path(place), whole, chosen.kills, draw)),
            ("SIGINT and SIGTERM", signals(Path(place), whole, chosen.signals, draw)),
        ):
            print(name)
            for what, times in found.items():
                print(f"  {what:40}{times:8,}", flush=True)


if __name__ == "__main__":
    main()
