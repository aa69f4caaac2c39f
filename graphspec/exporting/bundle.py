"""A bundle: the exported files of one network in one folder, described by their manifest."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from graphspec.diagnostics import Diagnostic, GraphspecError, VerificationError, fail
from graphspec.exporting import manifest as manifests
from graphspec.exporting.capture import Capture, capture
from graphspec.exporting.golden import write_golden
from graphspec.exporting.onnx import write_onnx
from graphspec.exporting.pt2 import write_pt2
from graphspec.exporting.readme import readme
from graphspec.exporting.reference import Reference
from graphspec.exporting.torchscript import write_torchscript
from graphspec.exporting.weights import write_weights
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.dump import digest, dump

#: The file of each format.
FILES = {"onnx": "model.onnx", "torchscript": "model.pt", "pt2": "model.pt2"}


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """The files in ``folder``, and what ``manifest.json`` says of them."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Read the manifest of `folder`.

        Raises:
            GraphspecError: ``no-such-file`` where there is none.
            VerificationError: ``tampered`` where it is not one that graphspec wrote.
        """
        path = folder / manifests.NAME
        if not path.is_file():
            raise fail("no-such-file", f'"{folder}" is no export: it has no {manifests.NAME}')
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            formats = manifest["graphspec_export"], manifest["files"], manifest["formats"]
        except (ValueError, KeyError, TypeError) as error:
            raise _tampered([f'"{path}" is damaged: {error}']) from error
        if formats[0] != manifests.FORMAT_VERSION:
            raise fail("format-version", f'"{path}" has format version {formats[0]}, not {manifests.FORMAT_VERSION}')
        return cls(folder, manifest)

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats present, in the order they were asked for."""
        return tuple(self.manifest["formats"])

    def path(self, format: str) -> Path:
        """The model file of `format`."""
        return self.folder / FILES[format]

    def check_hashes(self) -> None:
        """Compare every file with the manifest, and the manifest with its own hash.

        Raises:
            VerificationError: ``tampered``, naming each file that differs.
        """
        faults = [f'"{self.folder}": {fault}' for fault in manifests.changed_files(self.folder, self.manifest)]
        if faults:
            raise _tampered(faults)


def _tampered(messages: Iterable[str]) -> GraphspecError:
    hint = "export it again"
    return VerificationError([Diagnostic("tampered", message, hint=hint) for message in messages])


def write_bundle(
    module: nn.Module,
    shaped: ShapedGraph,
    folder: Path,
    *,
    formats: Sequence[str],
    opset_version: int,
    labels: Sequence[str] | None = None,
    sample: Mapping[str, Tensor] | None = None,
) -> Bundle:
    """Write every file of the export into `folder`, which is created; nothing is published by this.

    Args:
        module: the compiled network; a CPU copy of it in eval mode is exported, it is left as it is.
        shaped: its graph: names, shapes and dtypes of inputs and outputs, dynamic dims.
        formats: some of "onnx", "torchscript", "pt2".
        opset_version: ONNX's; refused where torch writes another.
        labels: class names in the order of the output's classes.
        sample: a real batch by input name, kept among the goldens.

    Raises:
        GraphspecError: ``not-exportable``, naming the layer and its line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    captured = capture(module, shaped)
    about = _about(shaped, labels)
    layers = _write_models(captured, folder, formats, opset_version, about)
    write_weights(module, folder / "weights.safetensors")
    (folder / "spec.toml").write_text(dump(shaped.spec), encoding="utf-8")
    write_golden(folder / "golden.npz", Reference(captured.module, list(shaped.outputs)), captured.sampler, sample)
    files = [FILES[format] for format in formats]
    text = readme(shaped.spec.name, manifests.signature(shaped), captured.sampler.sizes, files)
    (folder / "README.md").write_text(text, encoding="utf-8")
    shutil.copyfile(Path(__file__).parent / "files" / "check.py", folder / "check.py")
    manifest = {"graphspec_export": manifests.FORMAT_VERSION, **about, "formats": list(formats)}
    manifest |= {"opset_version": opset_version if "onnx" in formats else None, "versions": manifests.versions()}
    manifest |= {"files": manifests.files_of(folder), "layers": layers}
    return Bundle(folder, manifests.write_manifest(folder, manifest))


def seal(bundle: Bundle, verification: Mapping[str, Any]) -> Bundle:
    """Add what was measured to the manifest: ``VerifyReport.as_dict()``."""
    manifest = {**bundle.manifest, "verification": verification}
    return Bundle(bundle.folder, manifests.write_manifest(bundle.folder, manifest))


def _about(shaped: ShapedGraph, labels: Sequence[str] | None) -> dict[str, Any]:
    about = {"name": shaped.spec.name, "spec_sha256": digest(shaped.spec), **manifests.signature(shaped)}
    return about | {"labels": list(labels) if labels is not None else None}


def _write_models(
    captured: Capture, folder: Path, formats: Sequence[str], opset_version: int, about: Mapping[str, Any]
) -> dict[str, str]:
    """Write each format's file; returns the ONNX layer map."""
    extra = {f"graphspec.{key}": json.dumps(value) for key, value in about.items()}
    layers: dict[str, str] = {}
    for format in formats:
        path = folder / FILES[format]
        if format == "onnx":
            layers = write_onnx(captured, path, opset_version, extra)
        elif format == "torchscript":
            write_torchscript(captured, path, extra)
        else:
            write_pt2(captured, path, extra)
    return layers
