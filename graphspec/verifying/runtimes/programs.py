"""Runtimes outside of Python: each is a program of its own that runs the file on all cases at once.

A program takes a request and gives an answer as ``worker.py`` does; what it may take is limited in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphspec.verifying.runtimes.browser import run_browser
from graphspec.verifying.runtimes.libtorch import run_libtorch
from graphspec.verifying.runtimes.node import run_node

Ask = Callable[[Mapping[str, Any], float], dict[str, Any]]

#: By the name of the runtime.
PROGRAMS: dict[str, Ask] = {
    "libtorch": run_libtorch,
    "onnxruntime-node": run_node,
    "onnxruntime-web": run_browser,
}
