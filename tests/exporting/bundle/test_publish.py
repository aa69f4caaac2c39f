"""Publication: all of a set or none of it, and nobody else's files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.exporting.bundle import manifest as manifests
from graphspec.exporting.bundle.publish import publish, staging
from graphspec.system import durable

FILES = ("model.onnx", "model.onnx.data", "weights.safetensors")


def fill(folder, version, files=FILES):
    """A set of files that all say `version`, with their manifest."""
    folder.mkdir(exist_ok=True)
    for name in files:
        (folder / name).write_text(version * 1000)
    manifest = {"graphspec_export": manifests.FORMAT_VERSION, "formats": ["onnx"], "version": version}
    manifests.write_manifest(folder, manifest | {"files": manifests.files_of(folder)})


def put(target, version, files=FILES):
    with staging(target) as folder:
        fill(folder, version, files)
        publish(folder, target)


def give_up(target):
    with staging(target) as folder:
        fill(folder, "b")
        raise RuntimeError("verification failed")


def versions(folder):
    return {(folder / name).read_text()[0] for name in FILES if (folder / name).exists()}


def refusal(action, *args):
    with pytest.raises(GraphspecError) as caught:
        action(*args)
    return caught.value.diagnostics[0]


def test_the_set_appears_under_its_name_and_nothing_else_is_left(tmp_path):
    put(tmp_path / "net", "a")
    assert versions(tmp_path / "net") == {"a"}
    assert os.listdir(tmp_path) == ["net"]


def test_a_new_set_replaces_the_old_one_and_takes_its_stale_files_away(tmp_path):
    put(tmp_path / "net", "a")
    put(tmp_path / "net", "b", files=("model.onnx",))
    assert sorted(os.listdir(tmp_path / "net")) == ["manifest.json", "model.onnx"]
    assert versions(tmp_path / "net") == {"b"}


def test_files_of_other_makers_survive(tmp_path):
    put(tmp_path / "net", "a")
    (tmp_path / "net" / "notes.txt").write_text("mine")
    (tmp_path / "net" / "link").symlink_to("/etc/hostname")
    put(tmp_path / "net", "b")
    assert (tmp_path / "net" / "notes.txt").read_text() == "mine"
    assert os.readlink(tmp_path / "net" / "link") == "/etc/hostname"
    assert versions(tmp_path / "net") == {"b"}


def foreign_folder(target):
    target.mkdir()
    (target / "model.onnx").write_text("somebody's")


def foreign_manifest(target):
    target.mkdir()
    (target / "manifest.json").write_text('{"name": "a web app"}')


def plain_file(target):
    target.write_text("a file")


def symbolic_link(target):
    elsewhere = target.with_name("elsewhere")
    elsewhere.mkdir()
    target.symlink_to(elsewhere)


def folder_inside(target):
    put(target, "a")
    (target / "thesis").mkdir()


@pytest.mark.parametrize(
    ("obstacle", "words"),
    [
        (foreign_folder, "holds files that are no export"),
        (foreign_manifest, "holds files that are no export"),
        (plain_file, "is a file"),
        (symbolic_link, "is a symbolic link"),
        (folder_inside, 'holds a folder that graphspec did not write: "thesis"'),
    ],
)
def test_what_is_not_ours_is_refused_before_any_work_and_left_alone(tmp_path, obstacle, words):
    target = tmp_path / "net"
    obstacle(target)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    diagnostic = refusal(put, target, "b")
    assert (diagnostic.code, words in diagnostic.message) == ("exists", True)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_a_file_of_the_new_set_s_name_that_the_old_manifest_does_not_know_is_not_overwritten(tmp_path):
    put(tmp_path / "net", "a", files=("model.onnx",))
    (tmp_path / "net" / "weights.safetensors").write_text("mine")
    assert "is not a file of the old export" in refusal(put, tmp_path / "net", "b").message
    assert (tmp_path / "net" / "weights.safetensors").read_text() == "mine"
    assert versions(tmp_path / "net") == {"a", "m"}


def test_a_link_on_the_way_inside_the_working_directory_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "victim").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "exports").symlink_to(tmp_path / "victim")
    monkeypatch.chdir(tmp_path / "work")
    assert "symbolic link" in refusal(put, tmp_path / "work" / "exports" / "net", "a").message
    assert os.listdir(tmp_path / "victim") == []


def test_where_nothing_can_be_written_that_is_said(tmp_path):
    (tmp_path / "file").touch()
    assert refusal(put, tmp_path / "file" / "net", "a").code == "unwritable"


def test_a_failure_before_publication_leaves_the_old_set(tmp_path):
    put(tmp_path / "net", "a")
    with pytest.raises(RuntimeError):
        give_up(tmp_path / "net")
    assert versions(tmp_path / "net") == {"a"}
    assert os.listdir(tmp_path) == ["net"]


@pytest.mark.parametrize("version", ["a", "b"])
def test_without_an_exchange_in_the_file_system_two_renames_do(tmp_path, monkeypatch, version):
    monkeypatch.setattr(durable.disk, "exchange", lambda one, other: False)
    put(tmp_path / "net", "a")
    put(tmp_path / "net", version)
    assert versions(tmp_path / "net") == {version}
    assert os.listdir(tmp_path) == ["net"]


def test_an_old_set_that_a_killed_process_had_renamed_away_is_put_back(tmp_path):
    put(tmp_path / "net", "a")
    (tmp_path / "net").rename(tmp_path / ".net.old")
    with pytest.raises(RuntimeError):
        give_up(tmp_path / "net")
    assert versions(tmp_path / "net") == {"a"}


def test_the_folder_of_a_dead_process_is_removed_and_that_of_a_living_one_is_not(tmp_path):
    (tmp_path / ".net.new-dead").mkdir()
    with staging(tmp_path / "net") as alive:
        put(tmp_path / "net", "a")
        assert alive.is_dir()
    assert os.listdir(tmp_path) == ["net"]


PUBLISHER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_publish import put
for k in range(10_000):
    put(Path(sys.argv[1]), "ab"[k % 2])
"""


@pytest.mark.slow
def test_killed_at_any_moment_there_is_one_whole_set(tmp_path):
    """Six publishers in a row are killed with SIGKILL while they replace the set; every look at it finds one set."""
    target = tmp_path / "net"
    seen = set()
    for k in range(6):
        script = PUBLISHER.format(tests=os.path.dirname(__file__))
        process = subprocess.Popen([sys.executable, "-c", script, str(target)])
        while not target.exists() and process.poll() is None:
            time.sleep(0.01)
        deadline = time.monotonic() + 0.3 + 0.037 * k
        while time.monotonic() < deadline:
            folder = os.open(target, os.O_RDONLY)  # a reader that has opened one set
            found = {first_byte(name, folder) for name in FILES} - {None}
            os.close(folder)
            assert len(found) <= 1
            seen |= found
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert versions(target) in ({"a"}, {"b"})
        assert len(list(target.iterdir())) == len(FILES) + 1
    assert seen == {b"a", b"b"}
    put(target, "c")
    assert os.listdir(tmp_path) == ["net"]


def first_byte(name, folder):
    try:
        file = os.open(name, os.O_RDONLY, dir_fd=folder)
    except FileNotFoundError:  # this set was replaced and is being removed
        return None
    with open(file, "rb") as opened:
        return opened.read(1)
