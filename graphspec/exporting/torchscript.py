"""The captured module as TorchScript, for programs that load models in C++ or without their Python source."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch

from graphspec.diagnostics import fail, warn
from graphspec.exporting.capture import Capture, first_line

#: The first Python whose bytecode and syntax ``torch.jit`` no longer supports.
UNSUPPORTED = (3, 14)


def write_torchscript(capture: Capture, path: Path, extra_files: Mapping[str, str]) -> None:
    """Script `capture`'s module and save it to `path`; `extra_files` are stored inside, by name.

    Raises:
        GraphspecError: ``not-exportable`` on Python ≥ 3.14 or where ``torch.jit.script`` refuses a layer.
    """
    if sys.version_info >= UNSUPPORTED:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        message = f"TorchScript does not exist on Python {version}"
        raise fail("not-exportable", message, at=("export", "formats"), hint='use "pt2" or "onnx" instead')
    warn("deprecated", "torch has deprecated TorchScript since 2.11", at=("export", "formats"), hint='"pt2" follows it')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said once above
            scripted = torch.jit.script(capture.module)
    except Exception as error:  # torch.jit raises RuntimeError, OSError, NotSupportedError and others
        message = f"torch.jit.script refuses the network: {first_line(error)}"
        raise fail("not-exportable", message, at=("export", "formats")) from error
    whole = io.BytesIO(scripted.save_to_buffer(_extra_files=dict(extra_files)))
    path.write_bytes(_without_debug(whole))  # torch's own writing of files ends the process where the disk is full


def _without_debug(archive: io.BytesIO) -> bytes:
    """The archive but for its ``.debug_pkl`` records: they hold the paths of the Python sources."""
    reader = torch._C.PyTorchFileReader(archive)
    rest = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(rest)
    written_by_writer = ("version", "byteorder", ".data/serialization_id")
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in written_by_writer:
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return rest.getvalue()
