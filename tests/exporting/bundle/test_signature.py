"""A signed bundle: OpenSSF's model-signing vouches for every file, and whatever is changed afterwards is refused."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import graphspec
from graphspec.diagnostics import GraphspecError, VerificationError

pytest.importorskip("model_signing", reason="the extra sign is not installed")
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, rsa

SPEC = Path(__file__).with_name("signed.toml")


def write_key(folder, name, private, password=None):
    locked = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    (folder / f"{name}.pem").write_bytes(private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    (folder / f"{name}.pub").write_bytes(
        private.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    write_key(folder, "own", ec.generate_private_key(ec.SECP256R1()))
    write_key(folder, "other", ec.generate_private_key(ec.SECP384R1()))
    write_key(folder, "locked", ec.generate_private_key(ec.SECP256R1()), b"a word")
    write_key(folder, "rsa", rsa.generate_private_key(65537, 2048))
    (folder / "no.pem").write_text("no key\n")
    return folder


@pytest.fixture(scope="module")
def signed(keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "signed"
    return graphspec.export(SPEC, folder, sign=keys / "own.pem").folder


def copied(signed, tmp_path):
    return shutil.copytree(signed, tmp_path / "renamed")


def test_a_signed_export_is_verified_wherever_it_lies(signed, keys, tmp_path):
    assert graphspec.verify(copied(signed, tmp_path), key=keys / "own.pub").passed
    assert graphspec.verify(signed).passed  # a signature is asked for with a key alone


def test_what_was_verified_is_signed_with_it(signed):
    statement = json.loads((signed / "model.sig").read_text())["dsseEnvelope"]["payload"]
    predicate = json.loads(base64.b64decode(statement))["predicate"]
    assert {row["name"] for row in predicate["resources"]} == {path.name for path in signed.iterdir()} - {"model.sig"}
    manifest = json.loads((signed / "manifest.json").read_text())
    assert predicate["graphspec"]["verification"]["runtimes"]["onnxruntime"]["passed"]
    assert predicate["graphspec"] == {key: manifest[key] for key in predicate["graphspec"]}
    assert {"spec_sha256", "weights", "versions", "verification"} <= predicate["graphspec"].keys()


def test_model_signing_s_own_command_agrees(signed, keys, tmp_path):
    def run(folder):
        command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
        command += ["--signature", str(folder / "model.sig"), "--public_key", str(keys / "own.pub")]
        return subprocess.run(command, capture_output=True, text=True, timeout=120).returncode

    folder = copied(signed, tmp_path)
    assert run(folder) == 0
    (folder / "README.md").write_text("another")
    assert run(folder) != 0


def reseal(folder):
    """What anybody can do: change a file and make manifest.json agree."""
    from graphspec.exporting import Bundle, seal

    (folder / "spec.toml").write_text((folder / "spec.toml").read_text() + "\n# another\n")
    seal(Bundle.open(folder), Bundle.open(folder).manifest["verification"])


def another_key(folder):
    text = (folder / "model.sig").read_text()
    (folder / "model.sig").write_text(text.replace('"sig":"ME', '"sig":"MF').replace('"sig": "ME', '"sig": "MF'))


TAMPERED = {
    "a byte of the model": lambda folder: (folder / "model.onnx").write_bytes(
        b"x" + (folder / "model.onnx").read_bytes()
    ),
    "a new file with a new manifest": reseal,
    "a file more": lambda folder: (folder / "more.txt").write_text("more"),
    "a hidden file more": lambda folder: (folder / ".gitignore").write_text("more"),
    "a file less": lambda folder: (folder / "check.py").unlink(),
    "a FIFO": lambda folder: os.mkfifo(folder / "pipe"),
    "a link": lambda folder: (folder / "link").symlink_to("model.onnx"),
    "a folder": lambda folder: (folder / "sub").mkdir(),
    "another signature": another_key,
    "no signature": lambda folder: (folder / "model.sig").unlink(),
    "an empty signature": lambda folder: (folder / "model.sig").write_text(""),
    "a signature of zeros": lambda folder: (folder / "model.sig").write_bytes(bytes(99)),
    "an odd signature": lambda folder: (folder / "model.sig").write_text('{"verificationMaterial": []}'),
    "a deep signature": lambda folder: (folder / "model.sig").write_text("[" * 100_000),
    "a huge model": lambda folder: os.truncate(folder / "model.onnx", 1 << 42),
    "a huge file more": lambda folder: os.truncate(os.open(folder / "more", os.O_CREAT | os.O_RDWR), 1 << 42),
    "a huge signature": lambda folder: os.truncate(folder / "model.sig", 1 << 33),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_was_changed_is_refused_before_anything_is_read(what, signed, keys, tmp_path):
    folder = copied(signed, tmp_path)
    TAMPERED[what](folder)
    with pytest.raises(VerificationError) as caught:
        graphspec.verify(folder, key=keys / "own.pub")
    assert [each.code for each in caught.value.diagnostics] == ["tampered"]


def test_another_s_key_does_not_fit(signed, keys):
    with pytest.raises(VerificationError, match=r"[Kk]ey"):
        graphspec.verify(signed, key=keys / "other.pub")


@pytest.mark.parametrize("name", ["no.pem", "rsa.pem", "missing.pem", "own.pub", "locked.pem", "."])
def test_what_is_no_key_is_said_and_nothing_is_published(name, keys, tmp_path):
    with pytest.raises(GraphspecError) as caught:
        graphspec.export(SPEC, tmp_path / "out", sign=keys / name)
    assert [each.code for each in caught.value.diagnostics] == ["bad-key"]
    assert not (tmp_path / "out").exists()


def test_a_locked_key_takes_its_password_from_the_environment(keys, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHSPEC_KEY_PASSWORD", "a word")
    folder = graphspec.export(SPEC, tmp_path / "out", sign=keys / "locked.pem").folder
    assert graphspec.verify(folder, key=keys / "locked.pub").passed


def test_a_later_export_without_a_key_leaves_no_old_signature(keys, tmp_path):
    graphspec.export(SPEC, tmp_path / "out", sign=keys / "own.pem")
    folder = graphspec.export(SPEC, tmp_path / "out").folder
    assert not (folder / "model.sig").exists()


def test_files_of_others_in_the_folder_are_signed_too(keys, tmp_path):
    graphspec.export(SPEC, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    folder = graphspec.export(SPEC, tmp_path / "out", sign=keys / "own.pem").folder
    assert graphspec.verify(folder, key=keys / "own.pub").passed
    (folder / "notes.txt").write_text("not mine")
    with pytest.raises(VerificationError, match=r"notes\.txt"):
        graphspec.verify(folder, key=keys / "own.pub")
