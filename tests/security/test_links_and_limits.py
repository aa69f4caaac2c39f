"""Links are said, and only the user raises a limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphspec import compiler
from graphspec.spec import limits

from .conftest import Command

MANY = """
graphspec = 1
[inputs]
x = ["N", 8]
[layers]
many = {{ type = "Ten", repeat = {count} }}
[blocks.Ten.layers]
""" + "".join(f'r{n} = "ReLU"\n' for n in range(10))


def test_a_mistake_behind_a_link_is_reported_where_it_is(command: Command, tmp_path: Path) -> None:
    Path("real.toml").write_text('graphspec = 1\n[inputs]\nx = ["N", 8]\n[layers]\na = "Relu"\n')
    Path("link.toml").symlink_to("real.toml")
    ended = command("compile", "link.toml")
    assert ended.code == 1
    assert ended.err.startswith(f"{tmp_path.resolve()}/real.toml:5:5: error[unknown-layer]")


def test_a_network_is_called_as_the_user_calls_it(command: Command) -> None:
    Path("real.toml").write_text('graphspec = 1\n[inputs]\nx = ["N", 8]\n[layers]\na = "ReLU"\n')
    Path("link.toml").symlink_to("real.toml")
    assert compiler.load("link.toml").name == "link"


def test_the_user_raises_the_limit_of_layers_for_one_command(command: Command) -> None:
    Path("net.toml").write_text(MANY.format(count=1001))
    refused = command("compile", "net.toml")
    assert refused.code == 1
    assert "error[too-many-layers]" in refused.err
    assert "the most is 10,000; --most-layers raises it" in refused.err
    lowered = command("--most-layers", "20", "compile", "net.toml")
    assert "the most is 20" in lowered.err
    assert limits.most_layers() == 10_000


@pytest.mark.parametrize("key", ["most_layers", "limits", "most-layers"])
def test_no_key_of_a_spec_does(key: str, command: Command) -> None:
    Path("net.toml").write_text(f'"{key}" = 100000\n' + MANY.format(count=1001))
    assert "error[unknown-key]" in command("compile", "net.toml").err


READ = """
import sys, time
from pathlib import Path
from graphspec import compiler, graph
from graphspec.spec import limits
with limits.raised(100_000):
    found = graph.build(compiler.load(Path(sys.argv[1])).spec)
(most,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # getrusage has the parent's too
print(len(found.nodes), time.process_time(), most.split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="where a process can be asked for its own memory")
def test_with_a_raised_limit_100_000_layers_are_read_and_checked(tmp_path: Path) -> None:
    """In a process of its own, whose time and memory are this alone."""
    path = tmp_path / "net.toml"
    path.write_text(MANY.format(count=10_000))
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    layers, seconds, kilobytes = map(float, done.stdout.split())
    assert layers == 100_000
    assert seconds < 30
    assert kilobytes < 2 << 20
