"""A publication that fails in any step, in any way: the target holds the old set or the new one, whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.exporting import Bundle
from graphspec.exporting.bundle import manifest as manifests
from graphspec.exporting.bundle.publish import publish, staging
from graphspec.system import durable

FAULTS = {"disk full": errno.ENOSPC, "disk broken": errno.EIO, "not allowed": errno.EACCES}
FILES = ["golden.npz", "model.onnx", "spec.toml", "weights.safetensors"]  # what the manifest of any export lists
#: Lock, then (mode, flush) for these, the manifest and the folder, exchange, flush of the parent.
STEPS = 1 + 2 * (len(FILES) + 2) + 2
#: Without an exchange: what refuses it, and three renames.
STEPS_APART = STEPS + 3


def fill(folder: Path, version: str) -> None:
    """A bundle whose files say `version`, and their manifest."""
    for name in FILES:
        (folder / name).write_text(version * 1000)
    manifest = {"graphspec_export": manifests.FORMAT_VERSION, "formats": ["onnx"], "name": version}
    manifest |= dict.fromkeys("spec_sha256 inputs outputs labels opset_version versions layers".split())
    manifests.write_manifest(folder, manifest | {"files": manifests.files_of(folder)})


def put(target: Path, version: str) -> None:
    with staging(target) as folder:
        (folder / "bundle").mkdir()
        fill(folder / "bundle", version)
        publish(folder / "bundle", target)


def version_of(target: Path) -> str:
    """Which set the target holds; every file is that set's."""
    bundle = Bundle.open(target)
    bundle.check_hashes()
    assert sorted(os.listdir(target)) == sorted(["manifest.json", *FILES])
    return str(bundle.manifest["name"])


@pytest.fixture
def exchanges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system can exchange two folders: the test's parameter."""
    if not request.param:
        monkeypatch.setattr(durable.Disk, "exchange", lambda self, one, other: False)
    return bool(request.param)


def each_step(first: int = 1) -> pytest.MarkDecorator:
    """With an exchange and without one, every step from `first` on."""
    cases = [(True, at) for at in range(first, STEPS + 1)] + [(False, at) for at in range(first, STEPS_APART + 1)]
    return pytest.mark.parametrize(("exchanges", "at"), cases, indirect=["exchanges"])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    put(tmp_path / "net", "a")
    return tmp_path / "net"


def steps(exchanges: bool) -> int:
    return STEPS if exchanges else STEPS_APART


@pytest.mark.parametrize("exchanges", [True, False], indirect=True)
def test_the_number_of_steps_is_the_one_tested(exchanges: bool, target: Path, fault_at: Any) -> None:
    with fault_at(0) as disk:
        put(target, "b")
    assert disk.steps == steps(exchanges)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@each_step(first=2)
def test_a_refusal(at: int, fault: int, exchanges: bool, target: Path, fault_at: Any) -> None:
    stands = not exchanges and at == STEPS_APART - 1  # only the old set is still to be renamed: the next one removes it
    with fault_at(at, fault), contextlib.nullcontext() if stands else pytest.raises(GraphspecError) as caught:
        put(target, "b")
    assert stands or (caught.value.exit_code, caught.value.diagnostics[0].code) == (1, "unwritable")
    assert version_of(target) == ("b" if stands or at == steps(exchanges) else "a")
    assert set(os.listdir(target.parent)) == ({"net", ".net.old"} if stands else {"net"})
    put(target, "c")
    assert (version_of(target), os.listdir(target.parent)) == ("c", ["net"])


@each_step()
def test_a_kill(at: int, exchanges: bool, target: Path, killed_at: Any) -> None:
    assert killed_at(at, lambda: put(target, "b")) == -9
    if target.exists():
        assert version_of(target) in "ab"
    else:
        assert not exchanges
        assert version_of(durable.old_name(target)) == "a"
    with pytest.raises(RuntimeError), staging(target):  # even an export that comes to nothing puts it back
        raise RuntimeError
    assert version_of(target) in "ab"
    put(target, "c")
    assert (version_of(target), os.listdir(target.parent)) == ("c", ["net"])


def test_where_there_are_no_locks_an_export_is_published_and_other_folders_stay(target: Path, fault_at: Any) -> None:
    """As on NFS: whose folder it is cannot be told, so none is removed."""
    (target.parent / ".net.new-somebody").mkdir()
    with fault_at(1, errno.ENOLCK, stays=False):
        put(target, "b")
    assert version_of(target) == "b"


@pytest.mark.parametrize(
    ("step", "fault"),
    [("chmod", errno.EPERM), ("chmod", errno.ENOTSUP), ("lock", errno.ENOTSUP), ("lock", errno.EINVAL)],
)
def test_permissions_and_locks_are_done_without(step: str, fault: int, target: Path, lacking: Any) -> None:
    """As on FAT, CIFS and much of FUSE: the set is as whole without them."""
    lacking(step, fault)
    put(target, "b")
    assert version_of(target) == "b"


@pytest.mark.parametrize("exchanges", [True, False], indirect=True)
@pytest.mark.parametrize("fault", [errno.ENOSYS, errno.ENOTSUP, errno.EPERM])
def test_where_nothing_can_be_renamed_the_old_set_stays(
    fault: int, exchanges: bool, target: Path, lacking: Any
) -> None:
    lacking("exchange" if exchanges else "rename", fault)
    with pytest.raises(GraphspecError, match=r'unwritable.*cannot publish ".*net"') as caught:
        put(target, "b")
    assert ("local disk" in caught.value.diagnostics[0].hint) == (fault != errno.EPERM)
    assert (version_of(target), os.listdir(target.parent)) == ("a", ["net"])


def test_a_foreign_file_that_cannot_be_linked_stays_with_the_old_set(target: Path, lacking: Any) -> None:
    (target / "notes.txt").write_text("mine")
    lacking("link", errno.EPERM)
    with pytest.raises(GraphspecError, match="unwritable"):
        put(target, "b")
    assert (target / "notes.txt").read_text() == "mine"
    assert Bundle.open(target).manifest["name"] == "a"


FULL = """
mount -t tmpfs -o size={kilobytes}k tmpfs {folder} || exit 77
{python} -m graphspec export {spec} -o {folder}/net --format {format}
code=$?
echo left:; ls -A {folder}
exit $code
"""
SPEC = """
graphspec = 1
[inputs]
x = ["N", 64]
[layers]
fc = { type = "Linear", out_features = 1000 }
[export]
formats = ["onnx"]
"""


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 64, 300, 450])
@pytest.mark.parametrize("format", ["onnx", "torchscript", "pt2"])
def test_a_file_system_that_is_full(format: str, kilobytes: int, tmp_path: Path) -> None:
    """A real one, in memory: whichever library writes when it is full, the answer is one line."""
    if not shutil.which("unshare"):
        pytest.skip("needs unshare")
    (tmp_path / "disk").mkdir()
    (tmp_path / "net.toml").write_text(SPEC)
    script = FULL.format(
        kilobytes=kilobytes, folder=tmp_path / "disk", spec=tmp_path / "net.toml", python=sys.executable, format=format
    )
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("may not mount a file system")
    assert done.returncode == 1, done.stderr
    assert "error[unwritable]" in done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "left:\n"
