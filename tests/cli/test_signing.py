"""``export --sign`` and ``verify --key``, as they are typed: with keys that openssl has made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SPEC = Path(__file__).parents[1] / "exporting" / "bundle" / "signed.toml"
MADE = (
    "openssl ecparam -name prime256v1 -genkey -noout -out key.pem",
    "openssl ec -in key.pem -pubout -out key.pub",
    "openssl ecparam -name secp384r1 -genkey -noout -out other.pem",
    "openssl ec -in other.pem -pubout -out other.pub",
)


@pytest.fixture
def keys(command, tmp_path):
    pytest.importorskip("model_signing", reason="the extra sign is not installed")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there")
    for line in MADE:
        subprocess.run(line.split(), check=True, capture_output=True, cwd=tmp_path)
    shutil.copy(SPEC, tmp_path)


def test_a_bundle_is_signed_and_its_owner_is_said(command, keys):
    assert command("export", "signed.toml", "--sign", "key.pem").code == 0
    ended = command("verify", "exports/signed", "--key", "key.pub", "--json")
    assert (ended.code, ended.document["signed"]) == (0, True)
    assert "as the owner of key.pub has signed it" in command("verify", "exports/signed", "--key", "key.pub").out


def test_what_another_has_signed_or_changed_ends_with_3(command, keys, tmp_path):
    command("export", "signed.toml", "--sign", "key.pem")
    assert command("verify", "exports/signed", "--key", "other.pub").code == 3
    (tmp_path / "exports/signed/README.md").write_text("another")
    ended = command("verify", "exports/signed", "--key", "key.pub")
    assert ended.code == 3
    assert "README.md" in ended.err


def test_a_key_of_the_wrong_kind_is_named_with_the_way_out(command, keys):
    ended = command("export", "signed.toml", "--sign", "key.pub")
    assert ended.code == 1
    assert "bad-key" in ended.err
    assert "openssl ecparam" in ended.err


def test_without_model_signing_it_is_said_what_to_install(command, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *others: None)
    shutil.copy(SPEC, tmp_path)
    ended = command("export", "signed.toml", "--sign", "key.pem")
    assert ended.code == 1
    assert "graphspec[sign]" in ended.err
