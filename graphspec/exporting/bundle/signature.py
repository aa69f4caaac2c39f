"""Who vouches for a bundle: a signature over all of its files, in the form of OpenSSF's model-signing (v1.0).

It covers ``manifest.json``; what that says of the verification (in which runtimes, within what) stands in the signed
statement itself too, under ``graphspec`` in its predicate. Keys are files in PEM, of an elliptic curve; no server is
asked. ``model_signing verify key`` checks the same signature without graphspec.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphspec.diagnostics import Diagnostic, GraphspecError, VerificationError, fail, printable, quoted
from graphspec.exporting.bundle import manifest as manifests
from graphspec.system.extras import require
from graphspec.system.regular_file import MOST_JSON, read_regular, require_regular

if TYPE_CHECKING:
    from model_signing.hashing import Config

#: The signature's file in the bundle: all that it does not cover.
NAME = "model.sig"
#: What decrypts a private key that is encrypted.
PASSWORD = "GRAPHSPEC_KEY_PASSWORD"
#: What the signed statement repeats of the manifest.
_TOLD = ("name", "spec_sha256", "weights", "formats", "versions", "verification", "variants")
#: Bytes of a key, and of a signature, which names every file.
_MOST_KEY, _MOST_SIGNATURE = 1 << 16, 1 << 24


def require_what_it_needs() -> None:
    """Raise ``GraphspecError`` where model-signing is not installed, the extra ``sign``."""
    require("model_signing", "a signature needs model-signing", "sign")


def signer_of(key: Path) -> Callable[[Path], None]:
    """What signs a folder with the private `key`, as ``model.sig`` in it; the key is read now.

    Raises:
        GraphspecError: ``bad-key`` where it is none that can sign.
    """
    require_what_it_needs()
    from model_signing import signing

    with _reading_key(key):
        require_regular(key, most=_MOST_KEY)
        password: Any = os.environb.get(PASSWORD.encode())  # cryptography takes bytes alone
        config = signing.Config().use_elliptic_key_signer(private_key=key, password=password)
    signer = config._signer

    def sign(folder: Path) -> None:
        config._signer = _Telling(signer, _told(folder))
        config.set_hashing_config(_hashing()).sign(folder, folder / NAME)

    return sign


class _Telling:
    """A signer of model-signing's whose statement says more; that library's own verifier reads past what it adds."""

    def __init__(self, signer: Any, told: dict[str, Any]) -> None:
        self._signer, self._told = signer, told

    def sign(self, payload: Any) -> Any:
        payload.statement.pb.predicate.update({"graphspec": self._told})
        return self._signer.sign(payload)


def _told(folder: Path) -> dict[str, Any]:
    """What the statement says of the bundle in `folder`: how it was verified, and what it is made of."""
    from graphspec.exporting.bundle.manifest import text_of

    manifest = json.loads(text_of(folder))
    return {key: manifest[key] for key in _TOLD if key in manifest}


def check_signature(folder: Path, key: Path) -> None:
    """Compare every file of the bundle `folder` with what the owner of the public `key` has signed.

    Raises:
        VerificationError: ``tampered`` where a file differs, is missing or was added, the signature is another key's,
            or there is none.
        GraphspecError: ``bad-key`` where the key is none.
    """
    require_what_it_needs()
    from model_signing import verifying

    with _reading_key(key):
        require_regular(key, most=_MOST_KEY)
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    if not os.path.lexists(folder / NAME):
        raise _refused(folder, f"it has no {NAME}: nobody has signed it", "graphspec export --sign KEY signs one")
    if odd := next(_odd(folder), None) or next(_contradicted(folder), None):
        raise _refused(folder, odd)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # model-signing prints
            config.set_hashing_config(_hashing()).verify(folder, folder / NAME)
    except Exception as error:  # whatever a library raises on what a stranger has written
        raise _refused(folder, _reason(error)) from error


def _hashing() -> Config:
    """Every file but the signature itself; model-signing alone would leave out ``.gitignore`` and its like."""
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[NAME], ignore_git_paths=False)


def _odd(folder: Path) -> Iterator[str]:
    """What in `folder` is not to be opened: a bundle has regular files alone."""
    for entry in sorted(folder.iterdir()):
        try:
            require_regular(entry, most=_MOST_SIGNATURE if entry.name == NAME else None, links=False)
        except OSError as error:
            yield f"{quoted(entry.name)}: {error.strerror}"


def _contradicted(folder: Path) -> Iterator[str]:
    """What is not as ``model.sig`` says, seen without reading the large files: model-signing hashes all that is there.

    Whether its statement is to be believed is asked afterwards, and before a file is hashed.
    """
    try:
        bundle = json.loads(read_regular(folder / NAME, most=_MOST_SIGNATURE, links=False))
        resources = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))["predicate"]["resources"]
        signed = {str(each["name"]): str(each["digest"]) for each in resources}
        text = read_regular(folder / manifests.NAME, most=MOST_JSON, links=False)
        manifest = hashlib.sha256(text).hexdigest()
        sizes = {str(name): entry["bytes"] for name, entry in json.loads(text)["files"].items()}
    except OSError as error:
        yield f"{manifests.NAME}: {error.strerror}"
        return
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield f"{NAME} or {manifests.NAME} is none that graphspec wrote ({type(error).__name__})"
        return
    there = {entry.name: entry.stat().st_size for entry in folder.iterdir() if entry.name != NAME}
    yield from (f"{quoted(name)} was not signed" for name in sorted(there.keys() - signed.keys()))
    yield from (f"{quoted(name)} is missing" for name in sorted(signed.keys() - there.keys()))
    if signed[manifests.NAME] != manifest:
        yield f"{manifests.NAME} was changed"
    yield from (f"{quoted(name)} was changed" for name, size in sizes.items() if there.get(name) != size)


@contextlib.contextmanager
def _reading_key(key: Path) -> Iterator[None]:
    """Inside, whatever is raised is what is wrong with the `key`."""
    try:
        yield
    except TypeError as error:  # cryptography's for a password that is missing, or that is none
        hint = f"{PASSWORD} in the environment decrypts one that is encrypted"
        raise fail("bad-key", f"{quoted(key)} cannot be read: {_reason(error)}", hint=hint) from error
    except Exception as error:
        message = f"{quoted(key)} is no key of an elliptic curve in PEM: {_reason(error)}"
        raise fail(
            "bad-key", message, hint="openssl ecparam -name prime256v1 -genkey -noout -out KEY makes one"
        ) from error


def _reason(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())
    return printable(text)[:1_000] or f"it does not fit the key ({type(error).__name__})"


def _refused(folder: Path, reason: str, hint: str = "what was signed is not what is here") -> GraphspecError:
    return VerificationError([Diagnostic("tampered", f"{quoted(folder)}: {reason}", hint=hint)])
