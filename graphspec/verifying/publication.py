"""An export from the network to the published folder: written, verified, measured in other precisions, renamed in."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from graphspec import exporting
from graphspec.compiler import Network, weights_of
from graphspec.data import DataSet
from graphspec.data.learned import Learned
from graphspec.data.place import DataPlace
from graphspec.data.transforms import noted, size_transforms
from graphspec.diagnostics import GraphspecError, fail, printable, quoted, warn
from graphspec.exporting import Bundle, Metadata
from graphspec.exporting.bundle.signature import signer_of
from graphspec.exporting.provenance import provenance_of
from graphspec.exporting.reference import Reference
from graphspec.formats import BASE, FORMATS, chosen
from graphspec.found import kind_of
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.training import load_data
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.variants import add_variants
from graphspec.verifying.verify import verify_bundle


def publish_verified(
    network: Network, target: Path, *, formats: Sequence[str] | None, precisions: Sequence[str] | None,
    place: DataPlace, overwrite: bool = False, sign: Path | None = None,
) -> Bundle:  # fmt: skip
    """Write, verify and publish `network` as the bundle `target`; what failed is not published.

    `formats` and `precisions` are the spec's where they are not said. A format that is ``of_data`` and the precision
    ``"int8"`` need the data set at `place`; everything else goes without it. With the private key in the file `sign`
    the bundle is signed.

    Raises:
        VerificationError: an exported file is not the same function.
        GraphspecError: ``exists`` where untrained weights would take the place of others without `overwrite`.
    """
    formats, precisions = formats or network.spec.export.formats, precisions or network.spec.export.precisions
    if precisions and not any(row.variants for row in chosen(formats)):
        files = " and ".join(row.file for row in FORMATS.values() if row.variants)
        hint, at = f"add {quoted(BASE.name)} to the formats", ("export", "precisions")
        raise fail("not-exportable", f"the precisions are of {files}", at=at, hint=hint)
    if not overwrite:
        _keep_trained(network, target)
    signer = signer_of(sign) if sign is not None else None
    network.warn_if_untrained("this exports")
    with exporting.staging(target) as folder, Workers(tuple(formats)) as workers:
        rows = chosen(formats)
        of_data = any(row.of_data for row in rows)
        scaled = "int8" in precisions and BASE in rows  # by samples; LiteRT's is scaled while it runs
        samples = _samples(network, of_data or scaled, place)
        metadata = dataclasses.replace(
            _metadata(network, samples, of_data, bool(precisions), place), provenance=provenance_of(_run_of(network))
        )
        reference = Reference(network)
        bundle = exporting.write_bundle(
            network, folder / "bundle", formats=formats, opset_version=network.spec.export.opset_version,
            metadata=metadata, reference=reference,
        )  # fmt: skip
        own = [row.name for row in rows if row.machine_code]  # run only if it is named
        report = verify_bundle(network, bundle, runtimes=own, workers=workers, accounting=False, reference=reference)
        report.raise_if_failed(target.with_name(f"{target.name}.failing-input.npz"))
        variants = add_variants(bundle, network, precisions, samples) if precisions else {}
        if not overwrite:
            _keep_trained(network, target)
        exporting.publish(exporting.seal(bundle, report.as_dict(), variants).folder, target, signer)
    return Bundle.open(target)


def _run_of(network: Network) -> Path | None:
    """The run that `network` lies in."""
    return network.folder if network.folder is not None and kind_of(network.folder) == "run" else None


def _keep_trained(network: Network, target: Path) -> None:
    """Refuse untrained weights in the place of an export whose weights are trained, or not known to be untrained."""
    if network.weights != "seeded" or kind_of(target) != "export" or weights_of(target) in ("seeded", "none"):
        return
    run = Path("runs") / network.name
    trained = f", graphspec export {run} exports trained weights" if kind_of(run) == "run" else ""
    message = f"{quoted(target)} has trained weights, and those of {quoted(network.name)} are untrained"
    raise fail("exists", message, hint=f"-o names another folder, --overwrite replaces it{trained}")


def _samples(network: Network, needed: bool, place: DataPlace) -> DataSet | None:
    """The data that an export tells of; where they are not `needed` they may be out of reach."""
    asked = needed or place.root is not None or place.download
    if not (network.folder or asked):
        return None
    try:
        return load_data(network.spec, place)
    except GraphspecError:
        if asked:
            raise
        return None


def _metadata(network: Network, samples: DataSet | None, pipeline: bool, strict: bool, place: DataPlace) -> Metadata:
    """What an export says of the data; what the run keeps of them where they are not there, or do not fit the
    network, unless `strict`.
    """
    if samples is not None:
        try:
            return _with_thresholds(exporting.metadata_of(network.shaped, samples, pipeline, place), network)
        except GraphspecError:
            if pipeline or strict:
                raise
    learned = Learned.read(network.folder) if network.folder else None
    if learned is None:
        return Metadata(labels=run_labels(network.folder))
    sizes = size_transforms(network.spec.data.transforms if network.spec.data else ()).as_dicts()
    return Metadata(learned.classes, [*sizes, *noted(learned.values)], learned=learned)


def _with_thresholds(metadata: Metadata, network: Network) -> Metadata:
    """`metadata` with the thresholds of labels that the run has chosen."""
    train, folder = network.spec.train, network.folder
    learned = Learned.read(folder) if folder and train and train.thresholds else None
    if learned is None or metadata.learned is None:
        return metadata
    return dataclasses.replace(metadata, learned=dataclasses.replace(metadata.learned, thresholds=learned.thresholds))


def run_labels(run: Path | None) -> list[str] | None:
    """The class names that a run's evaluation noted; where they cannot be read, none, and that is said."""
    path = run / "evaluation.json" if run else None
    if path is None or not os.path.lexists(path):
        return None
    try:
        return _names(json.loads(read_regular(path, most=MOST_JSON, links=False))["classes"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warn("checkpoint-damaged", f"{quoted(path)} is damaged ({reason}): classes have numbers in place of names")
        return None


def _names(classes: object) -> list[str] | None:
    if classes is None:
        return None
    if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
        raise ValueError("its classes are no list of names")
    return list(map(printable, classes))
