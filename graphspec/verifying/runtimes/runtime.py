"""The runtimes that judge a bundle: one row each, beside the file that has its code."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.verifying.runtimes.browser import run_browser
from graphspec.verifying.runtimes.libtorch import run_libtorch
from graphspec.verifying.runtimes.needs import (
    BROWSER,
    COMPILER,
    NODE,
    ORT_NODE,
    ORT_WEB,
    PNNX,
    NpmPackage,
    Program,
    PythonModule,
)
from graphspec.verifying.runtimes.node import run_node

#: Takes a request and the seconds it may take, and gives a response, both as ``worker.py`` has them.
Ask = Callable[[Mapping[str, Any], float], dict[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime by name.

    ``format`` is what it reads, ``module`` the Python module that it needs, ``distribution`` what pip calls that,
    ``needs`` what else must be there. It runs in a worker, by the file ``code`` of this folder with ``options``, or as
    a ``program`` of its own. An ``optional`` one is asked by name; it need not run every file, but what it gives must
    be right. ``loads`` is what its worker imports while the files are still written. One that runs ``machine_code`` is
    asked by its own name alone: such a file can do anything. ``blame`` is the module of ``verifying.blame`` that finds
    the layer at fault in its file; a ``layered`` one finds it in a file whose outputs are right, too.
    """

    name: str
    format: str
    module: str
    distribution: str
    code: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    optional: bool = False
    needs: tuple[Program | NpmPackage | PythonModule, ...] = ()
    program: Ask | None = None
    machine_code: bool = False
    blame: str = ""
    layered: bool = False
    loads: str = ""

    @property
    def missing(self) -> str:
        """How to install what it needs and is not there; empty where nothing is missing."""
        needs = (PythonModule(self.module, self.distribution), *self.needs)
        return "; ".join(filter(None, [need.missing for need in needs]))

    @property
    def find(self) -> Any:
        """What finds the layer at fault, as the files of ``verifying.blame`` have it."""
        return importlib.import_module(f"graphspec.verifying.blame.{self.blame}").find

    @property
    def installed(self) -> bool:
        """Whether everything that it needs is there."""
        return not self.missing


#: Every node as the file has it, and as onnxruntime's graph optimiser rewrites it: what users get.
UNOPTIMISED = Runtime(
    "onnxruntime, unoptimised", "onnx", "onnxruntime", "onnxruntime", "onnxruntime", (("optimised", False),),
    blame="onnx_layers", layered=True,
)  # fmt: skip
ONNXRUNTIME = Runtime("onnxruntime", "onnx", "onnxruntime", "onnxruntime", "onnxruntime")
RUNTIMES = (
    UNOPTIMISED,
    ONNXRUNTIME,
    Runtime(
        "torchscript", "torchscript", "torch", "torch", "torchscript", blame="torch_blame", layered=True, loads="torch"
    ),
    Runtime(
        "pt2", "pt2", "torch", "torch", "pt2", blame="torch_blame", layered=True, loads="torch.export.pt2_archive"
    ),
    Runtime(
        "executorch", "executorch", "executorch", "'graphspec[executorch]'", "executorch", blame="lowered_blame",
        loads="executorch.runtime",
    ),
    Runtime(
        "litert", "litert", "ai_edge_litert", "'graphspec[litert]'", "litert", blame="lowered_blame",
        loads="ai_edge_litert.interpreter",
    ),
    Runtime("aoti", "aoti", "torch", "torch", "aoti", machine_code=True),
    Runtime("onnx.reference", "onnx", "onnx", "onnx", "onnx_reference", optional=True, blame="onnx_layers"),
    Runtime("openvino", "onnx", "openvino", "openvino", "openvino", optional=True),
    Runtime("opencv", "onnx", "cv2", "opencv-python-headless", "opencv", optional=True),
    Runtime("tract", "onnx", "tract", "tract", "tract", optional=True),
    Runtime("mnn", "onnx", "MNN", "MNN", "mnn", optional=True),
    Runtime("ncnn", "onnx", "ncnn", "ncnn", "ncnn", optional=True, needs=(PNNX,)),
    Runtime("libtorch", "torchscript", "torch", "torch", optional=True, needs=(COMPILER,), program=run_libtorch),
    Runtime(
        "onnxruntime-node", "onnx", "safetensors", "safetensors",
        optional=True, needs=(NODE, ORT_NODE), program=run_node, blame="onnx_layers",
    ),
    Runtime(
        "onnxruntime-web", "onnx", "safetensors", "safetensors", options=(("provider", "wasm"),),
        optional=True, needs=(BROWSER, ORT_WEB), program=run_browser, blame="onnx_layers",
    ),
    Runtime(
        "onnxruntime-webgpu", "onnx", "safetensors", "safetensors", options=(("provider", "webgpu"),),
        optional=True, needs=(BROWSER, ORT_WEB), program=run_browser, blame="onnx_layers",
    ),
)  # fmt: skip
ALL = "all"


def standard(format: str) -> Runtime:
    """The runtime in which files of `format` are used."""
    return next(row for row in RUNTIMES if row.format == format and row is not UNOPTIMISED)


def chosen(bundle: Bundle, names: Sequence[str] = ()) -> list[Runtime]:
    """The runtimes that judge `bundle`: those that are not optional, and those among `names` (or all of them).

    Raises:
        GraphspecError: ``bad-value`` for a runtime that does not exist or whose format the bundle has not,
            ``runtime-missing`` for one that is asked for by its name and not installed.
    """
    table = {runtime.name: runtime for runtime in RUNTIMES}
    for name in names:
        if name != ALL and name not in table:
            raise fail("bad-value", f"there is no runtime {quoted(name)}", hint=suggest(name, [ALL, *table]))
        if name != ALL and not table[name].installed:
            raise fail("runtime-missing", f"the runtime {quoted(name)} is not installed", hint=table[name].missing)
        if name != ALL and table[name].format not in bundle.formats:
            message = f"the runtime {quoted(name)} runs {table[name].format} files, and the export has none"
            raise fail("bad-value", message, hint=f'add "{table[name].format}" to [export] formats and export it again')
    wanted = [r for r in RUNTIMES if r.name in names or (not r.machine_code and (not r.optional or ALL in names))]
    return [runtime for runtime in wanted if runtime.format in bundle.formats]
