"""A bundle: the exported files of one network in one folder, described by their manifest."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphspec.compiler import Network
from graphspec.diagnostics import Diagnostic, GraphspecError, VerificationError, fail
from graphspec.exporting.bundle import manifest as manifests
from graphspec.exporting.bundle.card import completed
from graphspec.exporting.bundle.data_readme import SAMPLE
from graphspec.exporting.bundle.golden import PIPELINE_GOLDEN, write_golden, write_pipeline_golden
from graphspec.exporting.bundle.readme import readme
from graphspec.exporting.bundle.triton import write_triton
from graphspec.exporting.bundle.weights_file import write_weights
from graphspec.exporting.capture import Capture, capture
from graphspec.exporting.metadata import Metadata
from graphspec.exporting.order import Order
from graphspec.exporting.postprocessing import LABEL, Postprocessing
from graphspec.exporting.preprocessing import first_whole_row
from graphspec.exporting.reference import Reference, as_array
from graphspec.exporting.several_labels import SeveralLabels
from graphspec.formats import FORMATS, Format, chosen
from graphspec.spec.dump import digest, dump
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.system.shown import Shown

NOTHING_KNOWN = Metadata()

#: Files that every bundle has, beside those of its formats.
_ALWAYS = ("spec.toml", "weights.safetensors", "golden.npz")
#: What every manifest says.
_KEYS = ("name", "spec_sha256", "inputs", "outputs", "labels", "opset_version", "versions", "layers")


def variant_file(format: Format, precision: str) -> str:
    """The name of the file of `format` in another precision."""
    path = Path(format.file)
    return f"{path.stem}.{precision}{path.suffix}"


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Bundle(Shown):
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
            manifest = json.loads(manifests.text_of(folder))
            formats = manifest["graphspec_export"], manifest["files"], manifest["formats"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _tampered([f'"{path}" is damaged: {error}']) from error
        if formats[0] != manifests.FORMAT_VERSION:
            raise fail("format-version", f'"{path}" has format version {formats[0]}, not {manifests.FORMAT_VERSION}')
        return cls(folder, manifest)

    def __fspath__(self) -> str:
        """The folder: a bundle is taken wherever that is."""
        return os.fspath(self.folder)

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats present, in the order they were asked for."""
        return tuple(self.manifest["formats"])

    def path(self, format: str) -> Path:
        """The model file of `format`."""
        return self.folder / FORMATS[format].file

    def triton(self, repository: Path) -> Path:
        """Add ``model.onnx`` to a model repository of Triton Inference Server's; see :func:`.triton.write_triton`."""
        return write_triton(self.folder, self.manifest, Path(repository))

    def check_hashes(self) -> None:
        """Compare every file with the manifest, and the manifest with its own hash.

        Raises:
            VerificationError: ``tampered``, naming each file that differs.
        """
        try:
            faults = [f'"{self.folder}": {fault}' for fault in manifests.changed_files(self.folder, self.manifest)]
            odd = [key for key in _KEYS if key not in self.manifest] + list({*self.formats} - FORMATS.keys())
            models = (FORMATS[format].file for format in self.formats if format in FORMATS)
            unlisted = [name for name in (*_ALWAYS, *models) if name not in self.manifest["files"]]
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise _tampered([f'"{self.folder}": {manifests.NAME} is damaged: {error!r}']) from error
        faults = faults or [f'"{self.folder}": {manifests.NAME} is none that graphspec wrote: {key}' for key in odd]
        faults = faults or [f'"{self.folder}": {manifests.NAME} does not list {name}' for name in unlisted]
        if faults:
            raise _tampered(faults)


def _tampered(messages: Iterable[str]) -> GraphspecError:
    hint = "export it again"
    return VerificationError([Diagnostic("tampered", message, hint=hint) for message in messages])


def write_bundle(
    network: Network, folder: Path, *, formats: Sequence[str], opset_version: int, metadata: Metadata = NOTHING_KNOWN,
    reference: Reference | None = None,
) -> Bundle:  # fmt: skip
    """Write every file of the export into `folder`, which is created; nothing is published by this.

    Args:
        network: a CPU copy of its module in eval mode is exported, it is left as it is. Where its weights come from
            is kept in every file and said in the README.
        formats: some of ``FORMATS``; one that is ``of_data`` needs ``metadata.preprocessing``.
        opset_version: ONNX's; refused where torch writes another.
        metadata: what is known of the data, kept in every file.
        reference: the network's, where there is one already; what it computes here it need not once more.

    Raises:
        GraphspecError: ``not-exportable``, naming the layer or transform and its line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reference, rows, spec = reference or Reference(network), chosen(formats), network.spec
    captured = capture(network, reference.sampler)
    about = _about(network, metadata) | {"sizes": "proven" if captured.proven else "tried"}
    order = Order(captured, opset_version, about, metadata)
    for format in rows:
        format.writer.write(order, folder / format.file)
    write_weights(network.module, folder / "weights.safetensors")
    (folder / "spec.toml").write_text(dump(spec), encoding="utf-8")
    _write_goldens(captured, reference, folder, metadata)
    _write_known(folder, metadata)
    answers = _answers(reference, metadata)
    text = readme(spec.name, {**about, "answers": answers}, captured.sampler.sizes, rows)
    (folder / "README.md").write_text(text, encoding="utf-8")
    shutil.copyfile(Path(__file__).parent / "files" / "check.py", folder / "check.py")
    manifest = {"graphspec_export": manifests.FORMAT_VERSION, **about, "formats": list(formats)}
    manifest |= {"provenance": metadata.provenance} if metadata.provenance else {}
    layouts = {format.file: format.layout for format in rows if format.layout}
    manifest |= {"layouts": layouts} if layouts else {}
    opset = opset_version if any(format.of_onnx for format in rows) else None
    lowering = [package for format in rows for package in format.lowered_by]
    manifest |= {"opset_version": opset, "versions": manifests.versions((*manifests.WRITERS, *lowering))}
    manifest |= {"files": manifests.files_of(folder), "layers": order.layers}
    return Bundle(folder, manifests.write_manifest(folder, manifest))


def seal(bundle: Bundle, verification: Mapping[str, Any], variants: Mapping[str, Any] | None = None) -> Bundle:
    """Add what was measured to the manifest, and make the README the card that says it: ``VerifyReport.as_dict()``, and
    by precision what was found of variants.

    The folder may have got more files since it was written.
    """
    manifest = {**bundle.manifest, "verification": verification, **({"variants": variants} if variants else {})}
    text = bundle.folder / "README.md"
    body = read_regular(text, most=MOST_JSON, links=False).decode()
    text.write_text(completed(body, manifest), encoding="utf-8")
    manifest["files"] = manifests.files_of(bundle.folder)
    return Bundle(bundle.folder, manifests.write_manifest(bundle.folder, manifest))


def _about(network: Network, metadata: Metadata) -> dict[str, Any]:
    shaped = network.shaped
    about: dict[str, Any] = {
        "name": network.name,
        "spec_sha256": digest(network.spec),
        "weights": network.weights,
        **manifests.signature(shaped),
    }
    about["labels"] = None if metadata.labels is None else list(metadata.labels)
    about["transforms"] = None if metadata.transforms is None else list(metadata.transforms)
    about["stored"] = None if metadata.stored is None else dict(metadata.stored)
    text = None if metadata.learned is None else metadata.learned.text
    if text is not None:
        about["text"] = text.as_dict()
    several = SeveralLabels.of(shaped, metadata.learned)
    about["decision"] = Postprocessing.of(shaped, metadata.labels).decision if several is None else several.decision
    if metadata.preprocessing is not None:
        before, after = metadata.preprocessing, Postprocessing.of(shaped, metadata.labels)
        about["pipeline"] = {**before.noted, "outputs": after.signature}
        if before.cells is not None and metadata.raw is not None:
            about["pipeline"]["example"] = first_whole_row(metadata.raw)
    return about


def _write_known(folder: Path, metadata: Metadata) -> None:
    """What was learned from the data, and real samples as the data hold them, where they are known."""
    if metadata.learned is not None:
        for name, content in metadata.learned.files.items():
            (folder / name).write_bytes(content)
    if metadata.unscaled is not None:
        arrays = {name: as_array(values) for name, values in metadata.unscaled.items()}
        np.savez(folder / SAMPLE, allow_pickle=False, **arrays)


def _answers(reference: Reference, metadata: Metadata) -> list[str] | list[list[str]] | None:
    """The classes, or the labels of each, that the network decides for on the samples in ``sample.npz``; None where
    there are no such.
    """
    labels, after = metadata.labels, Postprocessing.of(reference.shaped, metadata.labels)
    several = SeveralLabels.of(reference.shaped, metadata.learned)
    if several is not None and metadata.sample is not None and metadata.unscaled is not None:
        return several.applying(torch.from_numpy(reference(metadata.sample).double[several.output]))
    if labels is None or metadata.sample is None or metadata.unscaled is None or after.classes is None:
        return None
    found = after.read(reference(metadata.sample).double).get(LABEL)
    return [labels[k] for k in found] if found is not None and found.ndim == 1 else None


def _write_goldens(captured: Capture, reference: Reference, folder: Path, metadata: Metadata) -> None:
    shaped = captured.shaped
    write_golden(folder / "golden.npz", reference, metadata.sample)
    if metadata.preprocessing is None or metadata.raw is None:
        return
    after = Postprocessing.of(shaped, metadata.labels)
    write_pipeline_golden(folder / PIPELINE_GOLDEN, reference, metadata.preprocessing, after, metadata.raw)
