"""A bundle's ``model.onnx`` in a model repository of NVIDIA's Triton Inference Server, which serves it as it is there.

The layout and the names in ``config.pbtxt`` are those of Triton's guide, "Model Repository" and "Model Configuration".
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphspec.diagnostics import fail, quoted
from graphspec.formats import BASE
from graphspec.system.durable import make_folders, replace_folder, sync, unwritable, write_atomically
from graphspec.system.regular_file import read_regular, require_regular

_MARK = "# graphspec wrote this from manifest.json;"
#: Samples that Triton puts into one batch where the network bounds none.
_BATCH = 128
_MOST_CONFIG = 1 << 20
_TYPES = {
    "bool": "BOOL", "uint8": "UINT8", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float16": "FP16", "bfloat16": "BF16", "float32": "FP32", "float64": "FP64",
}  # fmt: skip


def write_triton(bundle: Path, manifest: Mapping[str, Any], repository: Path) -> Path:
    """Add the folder `bundle` to the folder `repository`, as the next version of the model of its name, and give that
    version's folder; `manifest` is the bundle's.

    ``NAME/config.pbtxt`` says inputs, outputs and, where the first dimension of each is the same open one, that Triton
    may put requests together; ``NAME/labels.txt`` has the classes, ``NAME/1/model.onnx`` is the bundle's.

    Raises:
        GraphspecError: ``not-exportable`` where the bundle has no ONNX, ``exists`` where a model of that name is there
            that graphspec did not write, ``bad-name`` where the bundle's is no name of a folder, ``unwritable``.
    """
    if BASE.name not in manifest["formats"]:
        raise fail(
            "not-exportable", f"Triton serves {BASE.file}, and it is not among the formats", hint="--format onnx"
        )
    folder = _place(repository, manifest["name"])
    text = folder / "config.pbtxt"
    if folder.exists() and not _is_own(text):
        raise fail("exists", f"{quoted(folder)} is no model that graphspec put there", hint="name another folder")
    try:
        versions = [int(each.name) for each in folder.iterdir() if each.name.isdecimal()] if folder.exists() else []
        target = folder / str(max(versions, default=0) + 1)
        make_folders(folder)
        if not versions:  # what a copy that fails leaves is known as ours
            _describe(folder, manifest)
        _copied(sorted(bundle.glob(f"{BASE.file}*")), target)
        if versions:
            _describe(folder, manifest)
    except OSError as error:
        raise unwritable(folder, error) from error
    return target


def _place(repository: Path, name: object) -> Path:
    """The folder of a model called `name`, which a stranger's bundle may have chosen."""
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise fail("bad-name", f"{quoted(str(name))} cannot be the folder of a model")
    return repository / name


def _describe(folder: Path, manifest: Mapping[str, Any]) -> None:
    if manifest.get("labels"):
        write_atomically(folder / "labels.txt", ("\n".join(map(_line, manifest["labels"])) + "\n").encode())
    write_atomically(folder / "config.pbtxt", ("\n".join(_config(manifest)) + "\n").encode())


def _copied(files: Sequence[Path], target: Path) -> None:
    """The folder `target` with copies of `files`, whole or not at all: Triton serves whatever is called by a number."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True) as made:
        folder = Path(made) / target.name
        folder.mkdir()
        for path in files:
            shutil.copyfile(require_regular(path, links=False), folder / path.name)
            sync(folder / path.name)
        sync(folder)
        replace_folder(folder, target)
    sync(target.parent)


def _is_own(config: Path) -> bool:
    try:
        return read_regular(config, most=_MOST_CONFIG, links=False).startswith(_MARK.encode())
    except OSError:
        return False


def _line(label: str) -> str:
    return " ".join(str(label).split())


def _config(manifest: Mapping[str, Any]) -> Iterator[str]:
    values = [*manifest["inputs"], *manifest["outputs"]]
    first = {str(value["shape"][0]) if value["shape"] else "" for value in values}
    (batch,) = first if len(first) == 1 and next(iter(first)) in manifest["dims"] else (None,)
    most = (manifest["dims"][batch]["max"] or _BATCH) if batch is not None else 0
    yield f"{_MARK} spec {manifest['spec_sha256']}"
    yield f"name: {json.dumps(manifest['name'])}"
    yield 'backend: "onnxruntime"'
    yield f"max_batch_size: {most}"
    decision = (manifest.get("decision") or {}).get("output") if manifest.get("labels") else None
    for kind in ("input", "output"):
        for value in manifest[f"{kind}s"]:
            shape = value["shape"][1:] if batch is not None else value["shape"]
            named = ['  label_filename: "labels.txt"'] if kind == "output" and value["name"] == decision else []
            yield "\n".join([f"{kind} {{", *_tensor(value, shape), *named, "}"])
    if batch is not None:
        yield "dynamic_batching { }"


def _tensor(value: Mapping[str, Any], shape: Sequence[int | str]) -> Iterator[str]:
    yield f"  name: {json.dumps(value['name'])}"
    yield f"  data_type: TYPE_{_TYPES[value['dtype']]}"
    sizes = ", ".join(str(dim) if isinstance(dim, int) else "-1" for dim in shape)
    yield f"  dims: [ {sizes or 1} ]"
    if not shape:
        yield "  reshape { shape: [ ] }"
