"""The captured program as machine code for this kind of processor: AOTInductor's package.

The code that AOTInductor makes holds checks of its inputs' sizes, strides and dtypes, but they sleep unless the
variable AOTI_RUNTIME_CHECK_INPUTS is set where it is used: an image of another size then gives a wrong answer without
an error. Here they are always on.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from graphspec.diagnostics import fail
from graphspec.exporting.bundle.snippets import Signature, Sizes, code, zero_tensors
from graphspec.exporting.capture import Capture, first_line
from graphspec.exporting.lowering import AT
from graphspec.system.quiet import quiet
from graphspec.system.scratch import ScratchFolder
from graphspec.system.torch_private import archive_reader, archive_writer, replaced, sizes_of_one

if TYPE_CHECKING:
    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedLayer

#: What the generated code asks before it checks, and what it is made to ask.
_SLEEPING, _AWAKE = 'getenv("AOTI_RUNTIME_CHECK_INPUTS")', '"1"'


def write(order: Order, path: Path) -> None:
    """Write ``model.aoti.pt2``."""
    write_aoti(order.capture, path, order.properties)


def sections(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """How the file is run in Python."""
    yield (
        "## Python, AOTInductor\n\nMachine code for the kind of processor that exported it, and for its version of"
        " torch; load it only where you trust who made it. Inputs of other sizes, strides or dtypes are refused.\n"
    )
    lines = ["import torch", "", 'model = torch._inductor.aoti_load_package("model.aoti.pt2")']
    yield code("python", [*lines, f"outputs = model({zero_tensors(signature, sizes)})"])


def cannot_hold(layer: ShapedLayer) -> str:
    """Why machine code has no form for `layer`; empty where it has one."""
    return ""


def write_aoti(capture: Capture, path: Path, extra: Mapping[str, str]) -> None:
    """Compile `capture`'s program and save it to `path`; `extra` is stored inside as metadata, by name.

    Raises:
        GraphspecError: ``not-exportable`` where there is no C++ compiler, or AOTInductor refuses the network.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        hint = 'install one (Debian: apt-get install g++), or use "pt2" instead'
        raise fail("not-exportable", f'the format "aoti" needs a C++ compiler: there is no "{compiler}"', AT, hint)
    with ScratchFolder() as folder:
        package = Path(folder) / "package.pt2"
        try:
            _compile(capture, package, Path(folder), extra)
        except Exception as error:  # Inductor raises many types; whichever it is, it is the answer
            message = f"AOTInductor cannot compile the network: {first_line(error)}"
            raise fail("not-exportable", message, at=AT) from error
        _copy(package, path, Path(folder))


def _compile(capture: Capture, package: Path, folder: Path, extra: Mapping[str, str]) -> None:
    from graphspec.system.torch_private.inductor import aoti_compile_and_package, fresh_cache

    # a convolution's choice of kernel by the sample's batch would else become a limit: "expected to be <= 15"
    any_batch = sizes_of_one(True)
    configs: dict[str, Any] = {
        "aot_inductor.metadata": dict(extra),
        "aot_inductor.check_lowerbound": False,  # it refuses a dim of 1, which verification finds right or wrong
        "aot_inductor.enable_line_tables": False,
    }
    with quiet(), fresh_cache(dir=str(folder)), _awake(), any_batch:
        aoti_compile_and_package(capture.program, package_path=str(package), inductor_configs=configs)


@contextlib.contextmanager
def _awake() -> Iterator[None]:
    """Inside, generated code checks its inputs whatever its environment says.

    The generator is private to torch; where it changed, verification finds an input of another size unrefused.
    """
    from graphspec.system.torch_private.inductor import CHECKS, CppWrapperCpu, rewrite_prefix

    generate = vars(CppWrapperCpu)[CHECKS]

    def generate_awake(self: Any) -> None:
        generate(self)
        rewrite_prefix(self, lambda line: line.replace(_SLEEPING, _AWAKE))

    with replaced(CppWrapperCpu, CHECKS, generate_awake):
        yield


def _copy(source: Path, target: Path, folder: Path) -> None:
    """Copy the archive but for its C++ sources, without this machine's paths: they stand in the code's own messages."""
    torch_s, made = os.fsencode(Path(torch.__file__).parent), os.fsencode(folder)
    paths = re.compile(re.escape(torch_s) + b"|" + re.escape(made) + rb"/[^/\0]*")
    reader = archive_reader(str(source))
    writer = archive_writer(str(target))
    for name in reader.get_all_records():
        if name.endswith(".cpp") or name in ("version", "byteorder", ".data/serialization_id"):
            continue
        record = paths.sub(lambda path: b"/" * len(path[0]), reader.get_record(name))  # as long: offsets stay
        writer.write_record(name, record, len(record))
    writer.write_end_of_file()
