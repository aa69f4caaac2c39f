"""A server that has imported all that graphspec may, and forks for each command: four times as many fit into an hour.

`start` gives the line of shell that defines ``graphspec``. A command has its caller's folder, environment and open
files, and is killed with it; what it took at most, its workers too, is added to the file that ``GS_PEAK`` names.
"""

from __future__ import annotations

import array
import contextlib
import io
import json
import os
import resource
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path

MOST_BYTES = 9_000_000 << 10
CLIENT = """
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as ask:
    ask.connect(sys.argv[1])
    text = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)], ensure_ascii=True).encode()
    ask.sendmsg([len(text).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    ask.sendall(text)
    code = ask.recv(4)
sys.exit(int(code) if code else 137)
"""


def start(folder: Path) -> str:
    """Begin to serve; it ends with this process."""
    path = folder / "forked"
    serving = socket.socket(socket.AF_UNIX)
    serving.bind(str(path))
    serving.listen(8)
    (folder / "client.py").write_text(CLIENT)
    parent = os.getpid()
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        while True:
            connection, _ = serving.accept()
            if not os.fork():
                serving.close()
                _serve(connection)
            connection.close()
    serving.close()
    command = map(shlex.quote, (sys.executable, "-I", "-S", str(folder / "client.py"), str(path)))
    return f'graphspec() {{ {" ".join(command)} "$@"; }};'


def _end_with(parent: int) -> None:
    import time

    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def _serve(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, rights, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(12))
    text = b""
    while len(text) < int.from_bytes(head, "big"):
        text += connection.recv(1 << 16)
    arguments, folder, environment = json.loads(text)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, descriptor in enumerate(array.array("i", rights[0][2])):
        os.dup2(descriptor, number), os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, io.TextIOWrapper(open(number, "rb" if not number else "wb", closefd=False)))  # noqa: SIM115
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    Path("/proc/self/clear_refs").write_text("5")
    threading.Thread(target=_die_with, args=(connection,), daemon=True).start()
    code = _run(arguments)
    with contextlib.suppress(OSError):
        _note(Path(environment["GS_PEAK"]))
        connection.sendall(str(code).encode())
    os._exit(code)


def _die_with(connection: socket.socket) -> None:
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _run(arguments: list[str]) -> int:
    import traceback

    from graphspec.cli.app import app

    code = 0
    try:
        app(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush(), sys.stderr.flush()
    return code


def _note(path: Path) -> None:
    own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    peak = max(int(own.split()[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    with path.open("a") as file:
        file.write(f"{peak}\n")
