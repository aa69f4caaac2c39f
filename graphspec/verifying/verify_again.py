"""An export that was published, checked again: its hashes, then every file, or one of another origin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError, VerificationError, fail
from graphspec.exporting import Bundle
from graphspec.exporting.bundle.signature import check_signature
from graphspec.found import expect
from graphspec.verifying.verify import verify_bundle, verify_file
from graphspec.verifying.verify_report import VerifyReport


def verify_again(
    folder: Path, *, runtimes: Sequence[str] = (), file: Path | None = None, key: Path | None = None
) -> VerifyReport:
    """Judge the files of the export `folder`, or `file` (ONNX, ``.tflite``, ``.pte``) in their place, by its network.

    With the public `key` nothing of it is read that its owner has not signed.

    Raises:
        VerificationError: a file was changed, or its weights are another network's.
    """
    expect(folder, "export")
    if key is not None:
        check_signature(folder, key)
    bundle = Bundle.open(folder)
    bundle.check_hashes()
    network = Network.open(folder)
    network.warn_if_untrained("this verifies")
    if file is not None and not file.is_file():
        raise fail("no-such-file", f'there is no file "{file}"')
    try:
        _ = network.module
    except GraphspecError as error:  # weights of another network, damaged ones: the export is wrong
        raise VerificationError(error.diagnostics) from error
    if file is None:
        return verify_bundle(network, bundle, runtimes=runtimes)
    return verify_file(network, file, bundle)
