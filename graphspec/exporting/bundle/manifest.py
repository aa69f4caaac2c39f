"""``manifest.json``: what is in a bundle, with the hash of every file and of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphspec.ops.arguments import dtype_name
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.system.regular_file import MOST_JSON, read_regular, require_regular, sha256

NAME = "manifest.json"
FORMAT_VERSION = 1


def signature(shaped: ShapedGraph) -> dict[str, Any]:
    """Inputs and outputs in order: name, shape (a named dim as text) and dtype; and the sizes of the dims."""
    return {
        "inputs": [_value(name, kind) for name, kind in shaped.inputs.items()],
        "outputs": [_value(name, kind) for name, kind in shaped.output_types.items()],
        "dims": {name: {"min": least, "max": greatest} for name, (least, greatest) in shaped.dims.items()},
    }


def _value(name: str, kind: TensorType) -> dict[str, Any]:
    return {"name": name, "shape": kind.sizes, "dtype": dtype_name(kind.dtype)}


#: What every export is written with.
WRITERS = ("graphspec", "torch", "onnx", "onnxscript", "onnxruntime")


def versions(packages: Sequence[str] = WRITERS) -> dict[str, str]:
    """The installed versions of `packages`; one that is not installed is left out."""
    from importlib import metadata

    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """sha256 and size of every file of `folder` but the manifest, by name."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != NAME)
    return {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in files}


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write `manifest` with the hash of its own text as its last key, and return what was written."""
    plain = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    whole = plain | {"manifest_sha256": hashlib.sha256(_text(plain).encode()).hexdigest()}
    (folder / NAME).write_text(_text(whole) + "\n", encoding="utf-8")
    return whole


def text_of(folder: Path) -> str:
    """The manifest's text; ``OSError`` where it is no regular file in `folder`, or too large."""
    return read_regular(folder / NAME, most=MOST_JSON, links=False).decode()


def changed_files(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files of `folder`, `manifest.json` among them, by the hashes in `manifest`."""
    plain = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    own = hashlib.sha256(_text(plain).encode()).hexdigest()
    if text_of(folder) != _text(plain | {"manifest_sha256": own}) + "\n":
        yield f"{NAME} was changed"
        return  # what it says of the others is not to be relied on
    for name, entry in manifest["files"].items():
        path = folder / name
        if Path(name).name != name:
            yield f"{name!r} is no name of a file in the folder"
            continue
        try:
            require_regular(path, links=False)
        except FileNotFoundError:
            yield f"{name} is missing"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
        else:
            if path.stat().st_size != entry.get("bytes", path.stat().st_size) or sha256(path) != entry["sha256"]:
                yield f"{name} was changed"


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False)
