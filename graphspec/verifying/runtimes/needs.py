"""What a runtime needs beside its Python module, and how to install it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: Where npm installs the JavaScript runtimes: with the environment that graphspec is in.
NPM_FOLDER = Path(sys.prefix) / "share" / "graphspec"


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """A program on the PATH under one of `names`, or where the environment variable `variable` says."""

    names: tuple[str, ...]
    how: str
    variable: str = ""

    @property
    def path(self) -> str | None:
        """Where it is."""
        wanted = os.environ.get(self.variable) if self.variable else None
        return next(filter(None, map(shutil.which, [wanted] if wanted else self.names)), None)

    @property
    def missing(self) -> str:
        """How to install it; empty where it is there."""
        return "" if self.path else self.how


@dataclasses.dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package of npm's in `NPM_FOLDER`, of the version that ``package.json`` pins."""

    name: str

    @property
    def path(self) -> Path:
        """Its folder."""
        return NPM_FOLDER / "node_modules" / self.name

    @property
    def missing(self) -> str:
        """How to install it; empty where it is there."""
        if (self.path / "package.json").is_file():
            return ""
        pinned = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"][self.name]
        return f"npm install --ignore-scripts --prefix {NPM_FOLDER} {self.name}@{pinned}"


@dataclasses.dataclass(frozen=True, slots=True)
class PythonModule:
    """A Python module beside the runtime's own."""

    name: str
    distribution: str

    @property
    def missing(self) -> str:
        """How to install it; empty where it is there."""
        return "" if importlib.util.find_spec(self.name) else f"pip install {self.distribution}"


COMPILER = Program(("g++", "c++", "clang++"), "a C++ compiler (Debian: apt-get install g++)", "CXX")
NODE = Program(("node", "nodejs"), "Node.js (Debian: apt-get install nodejs npm)")
BROWSER = Program(
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "Chromium (Debian: apt-get install chromium)",
    "CHROMIUM",
)
ORT_NODE = NpmPackage("onnxruntime-node")
ORT_WEB = NpmPackage("onnxruntime-web")
PNNX = PythonModule("pnnx", "pnnx")
