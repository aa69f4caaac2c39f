"""What native libraries open and start, which no audit hook of Python's sees: strace does (Linux)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SPEC

#: A life of a network, each command a process of its own.
COMMANDS = (
    "train net.toml --run run --device cpu",
    "evaluate run",
    "export run -o out",
    "verify out",
    "predict out",
    "diff run out",
)
#: What may be started: this interpreter (workers, their launcher), the system's C compiler with its parts, and what
#: matplotlib asks for the fonts that there are, once.
_STARTED = re.compile(
    r"/(python[\d.]*|sh|bash|cc|gcc|g\+\+|c\+\+|clang|cc1|cc1plus|as|collect2|ld|ldconfig|uname|fc-list)(-[\d.]+)?$"
)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_no_native_library_opens_a_socket_or_starts_a_program(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text(SPEC)
    (tmp_path / "home").mkdir()
    line = " && ".join(f"{sys.executable} -m graphspec {command}" for command in COMMANDS)
    trace = ["strace", "-f", "-qq", "-o", "trace", "-e", "trace=socket,execve", "-s", "200"]
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    environment.pop("XDG_CACHE_HOME", None)
    done = subprocess.run([*trace, "sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True)
    if "ptrace" in done.stderr or not (tmp_path / "trace").is_file():
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "trace").read_text(errors="replace").splitlines()
    assert sum("execve(" in call for call in calls) > len(COMMANDS)
    assert not [call for call in calls if re.search(r"socket\(AF_(INET|INET6|NETLINK|PACKET)\b", call)]
    started = {match[1] for call in calls if (match := re.search(r'execve\("([^"]*)".* = 0$', call))}
    assert not [program for program in started if not _STARTED.search(program)]
    kept = {path.relative_to(tmp_path / "home").parts[:2] for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert kept <= {(".cache", "graphspec"), (".cache", "matplotlib")}
