"""The process ends at once, and all the same after everything that has to happen before."""

import platform
import subprocess
import sys

import pytest

HELD = """
class Held:
    def __del__(self):
        print("freed")
held = Held()
"""


def ended(before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command's process, as it ends after the code `before` has run in it."""
    script = f"import atexit, sys, threading, time\n{before}\nfrom graphspec.cli import main\nmain()"
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "status"), [(("--version",), 0), (("compile", "no-such.toml"), 1), (("compil",), 2)]
)
def test_memory_is_left_to_the_system(arguments, status):
    done = ended(HELD, *arguments)
    assert done.returncode == status
    assert "freed" not in done.stdout


def test_what_a_pipe_holds_back_is_written():
    assert ended("", "--version").stdout.startswith("graphspec ")


LATER = """
from graphspec.cli import app
whole = app.app
def with_more():
    threading.Thread(target=lambda: (time.sleep(0.3), print("thread"))).start()
    atexit.register(print, "registered later")
    whole()
app.app = with_more
"""


def test_threads_and_what_was_registered_later_come_first():
    done = ended(HELD + LATER, "--version")
    assert done.stdout.splitlines()[1:] == ["thread", "registered later"]


def test_what_was_registered_earlier_is_not_cut_off():
    done = ended(f"{HELD}atexit.register(print, 'profile written')", "--version")
    assert done.stdout.splitlines()[1:] == ["profile written", "freed"]


def test_a_fault_of_our_own_ends_as_python_ends_it():
    done = ended(f"{HELD}from graphspec.cli import app\napp.app = lambda: 1 / 0")
    assert (done.returncode, done.stdout) == (1, "freed\n")
    assert "ZeroDivisionError" in done.stderr


TRAIN = """
graphspec = 1
[inputs]
features = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
[data]
dataset = "iris"
[train]
epochs = 1
loss = "CrossEntropyLoss"
optimizer = "SGD"
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["train", "iris.toml", "--run", "run", "-q"], 0),
        (["export", "no-such.toml", "-q"], 1),
        (["verify", "no-such", "-q"], 1),
    ],
)
def test_the_collector_passes_over_what_was_imported_and_goes_on(tmp_path, arguments, status):
    (tmp_path / "iris.toml").write_text(TRAIN)
    script = f"""
import gc, sys
from graphspec.cli.app import app
try:
    app({arguments}, standalone_mode=False)
except SystemExit as end:
    assert end.code == {status}
print(gc.isenabled(), gc.get_freeze_count() > 200_000)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.stdout == "True True\n", done.stderr
    assert "leaked" not in done.stderr  # as nanobind would say of what Python does not find at its end


BATCHES = """
import resource, numpy
from graphspec.system.startup import keep_memory
{}
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        numpy.full(4 << 20, 1.0)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_is_asked_for_once():
    """Blocks of 32 MiB, of 8,192 pages each where the processor has pages of 4 KiB."""
    anew, kept = (
        int(subprocess.run([sys.executable, "-c", BATCHES.format(line)], capture_output=True, text=True).stdout)
        for line in ("", "keep_memory()")
    )
    assert kept < 100 < anew
