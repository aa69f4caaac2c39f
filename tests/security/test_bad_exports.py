"""Exports that fail, are tampered with, or meet what they may not touch.

More of it is tests/verifying, tests/crash/test_publication.py and tests/exporting.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

import graphspec
from graphspec import compiler, pipeline
from graphspec.exporting import Bundle
from graphspec.exporting.bundle import manifest
from graphspec.verifying import OnnxFunction

from .conftest import Command

SPEC = """
graphspec = 1
[inputs]
x = ["N", 6]
[layers]
fc      = { type = "Linear", out_features = 5 }
norm    = "BatchNorm1d"
dropout = { type = "Dropout", p = 0.9 }
out     = { type = "Linear", out_features = 3 }
[export]
formats = ["onnx"]
"""
#: Layers whose answer is not a function of their input, in eval mode too.
RANDOM = """
import torch, graphspec

@graphspec.layer
class Noise(torch.nn.Module):
    '''Adds noise, training or not.'''
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.01 * torch.rand_like(x)
"""
NAN = """
import torch, graphspec

@graphspec.layer
class Root(torch.nn.Module):
    '''NaN for negative values.'''
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x - 1e9)
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "net.toml").write_text(SPEC)
    return tmp_path / "net.toml"


@pytest.fixture(scope="session")
def bundle_of_spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export of SPEC; not to be changed."""
    return pipeline.export(SPEC, tmp_path_factory.mktemp("exported") / "out").folder


@pytest.fixture
def exported(bundle_of_spec: Path, spec: Path) -> Path:
    """A copy of it as ``out``, with its spec as ``net.toml`` beside it."""
    return Path(shutil.copytree(bundle_of_spec, spec.with_name("out")))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_layer(spec: Path, layer: str, code: str) -> list[str]:
    """`spec` with a layer of the user's own at its end; gives the arguments that import it."""
    spec.write_text(SPEC.replace("out     =", f'odd = "{layer}"\nout     ='))
    spec.with_name("odd.py").write_text(code)
    return ["--import", str(spec.with_name("odd.py"))]


@pytest.mark.parametrize(
    ("layer", "code"), [("Noise", RANDOM), pytest.param("Root", NAN, marks=pytest.mark.slow)], ids=["random", "NaN"]
)
def test_what_cannot_be_verified_is_not_published(
    layer: str, code: str, exported: Path, spec: Path, command: Command
) -> None:
    """A network that is random, or whose outputs are NaN: exit code 3, the old export as it was."""
    before = content(exported)
    ended = command("export", "net.toml", "-o", "out", *with_layer(spec, layer, code))
    assert ended.code == 3
    assert "error[mismatch]" in ended.err or "error[inconclusive]" in ended.err
    assert content(exported) == before
    assert not list(Path().glob(".out*"))


def test_dropout_and_batch_norm_are_exported_as_they_evaluate(bundle_of_spec: Path) -> None:
    x = torch.ones(4, 6)
    module = pipeline.compile(SPEC)
    assert module.training
    with torch.no_grad():
        expected = module.eval()(x)
    with OnnxFunction(bundle_of_spec / "model.onnx", compiler.shape(compiler.load(SPEC))) as run:
        for _ in range(2):
            (answer,) = run([x]).values()
            torch.testing.assert_close(torch.as_tensor(answer), expected)


@pytest.mark.parametrize("target", ["/proc/out", "file/out"])
def test_a_folder_that_may_not_be_written(target: str, spec: Path, command: Command) -> None:
    Path("file").touch()
    ended = command("export", "net.toml", "-o", target)
    assert (ended.code, "error[unwritable]" in ended.err) == (1, True)


def test_an_export_of_ours_is_replaced_whole_and_nothing_else_is(exported: Path, command: Command) -> None:
    Path("theirs").mkdir()
    Path("theirs/model.onnx").write_text("somebody's")
    ended = command("export", "net.toml", "-o", "theirs")
    assert (ended.code, "error[exists]" in ended.err) == (1, True)
    assert content(Path("theirs")) == {"model.onnx": b"somebody's"}
    assert command("export", "net.toml", "-o", "out", "--set", "layers.out.out_features=4").code == 0
    assert json.loads((exported / "manifest.json").read_text())["outputs"][0]["shape"] == ["N", 4]


@pytest.mark.parametrize("name", ["model.onnx", "weights.safetensors", "spec.toml", "manifest.json", "check.py"])
def test_a_tampered_export_is_refused_before_it_is_run(name: str, exported: Path, command: Command) -> None:
    changed = bytearray((exported / name).read_bytes())
    changed[len(changed) // 2] ^= 1
    (exported / name).write_bytes(changed)
    for arguments in (("verify", "out"), ("predict", "out", "x.npy")):
        ended = command(*arguments)
        assert (ended.code, "error[tampered]" in ended.err) == (3, True), ended.err


FORGED: dict[str, Any] = {
    "no files": {"graphspec_export": 1, "formats": ["onnx"], "files": 3},
    "a file without a hash": {"graphspec_export": 1, "formats": ["onnx"], "files": {"model.onnx": {}}},
    "a file that is a number": {"graphspec_export": 1, "formats": ["onnx"], "files": {"model.onnx": 3}},
    "a NUL in a name": {"graphspec_export": 1, "formats": ["onnx"], "files": {"a\0b": {"sha256": "0"}}},
    "formats that are none": {"graphspec_export": 1, "formats": [3], "files": {}},
    "formats unknown": {"graphspec_export": 1, "formats": ["../../etc/passwd"], "files": {}},
    "nothing else": {"graphspec_export": 1, "formats": ["onnx"], "files": {}},
    "no table": [],
    "a number": 3,
}


@pytest.mark.parametrize("arguments", ["verify out", "predict out", "diff out net.toml"])
@pytest.mark.parametrize("name", ["manifest.json", "spec.toml", "weights.safetensors", "model.onnx"])
def test_a_file_of_a_terabyte_is_refused_before_it_is_read(
    name: str, arguments: str, exported: Path, command: Command
) -> None:
    """It takes no room on the disk."""
    os.truncate(exported / name, 1 << 40)
    started = time.process_time()
    ended = command(*arguments.split())
    assert time.process_time() - started < 5
    compares = arguments.startswith("diff")
    assert ended.code == (3 if not compares else 0 if name in ("manifest.json", "model.onnx") else 1), ended.err


@pytest.mark.parametrize("arguments", ["verify out", "predict out"])
def test_a_manifest_that_is_a_link_is_refused(arguments: str, exported: Path, command: Command) -> None:
    (exported / "manifest.json").rename("elsewhere.json")
    (exported / "manifest.json").symlink_to(Path("elsewhere.json").resolve())
    ended = command(*arguments.split())
    assert (ended.code, "symbolic link" in ended.err) == (3, True), ended.err


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_manifest_with_a_right_hash_is_refused(name: str, exported: Path, command: Command) -> None:
    if isinstance(FORGED[name], dict):
        manifest.write_manifest(exported, FORGED[name])
    else:
        (exported / manifest.NAME).write_text(json.dumps(FORGED[name]))
    for arguments in (("verify", "out"), ("predict", "out", "x.npy")):
        ended = command(*arguments)
        assert ended.code in (1, 3)
        assert "error[" in ended.err


def test_a_link_is_never_written_through(spec: Path, command: Command) -> None:
    Path("victim").mkdir()
    Path("out").symlink_to("victim")
    ended = command("export", "net.toml", "-o", "out")
    assert (ended.code, "symbolic link" in ended.err) == (1, True)
    assert list(Path("victim").iterdir()) == []


def test_stale_external_data_goes_with_its_set(exported: Path, command: Command) -> None:
    bundle = Bundle.open(exported)
    (exported / "model.onnx.data").write_bytes(b"old")
    manifest.write_manifest(exported, {**bundle.manifest, "files": manifest.files_of(exported)})
    assert command("export", "net.toml", "-o", "out").code == 0
    assert not (exported / "model.onnx.data").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[export]", "[export]\nopset_version = 17", "net.toml:11:17: error[bad-value]"),
        ("[export]", "[export]\nopset_version = 99", "net.toml:11:17: error[too-large]"),
        ('"onnx"', '"tflite"', "error[bad-value]"),
    ],
)
def test_what_cannot_be_written_is_said_with_its_place(
    old: str, new: str, said: str, spec: Path, command: Command
) -> None:
    spec.write_text(SPEC.replace(old, new))
    ended = command("export", "net.toml", "-o", "out")
    assert (ended.code, said in ended.err) == (1, True), ended.err
    assert not Path("out").exists()


@pytest.mark.slow
def test_without_onnxruntime_nothing_is_published_unverified(spec: Path, tmp_path: Path) -> None:
    """Everything that is installed but onnxruntime, as links in a folder of its own."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(torch.__file__).parents[1].iterdir():
        if not entry.name.startswith("onnxruntime"):
            (packages / entry.name).symlink_to(entry)
    path = os.pathsep.join([str(Path(graphspec.__file__).parents[1]), str(packages)])
    command = [sys.executable, "-S", "-m", "graphspec", "export", "net.toml", "-o", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode in (1, 3), done.stderr
    assert "not installed: pip install onnxruntime" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_no_path_and_no_line_of_source_in_the_onnx_file(exported: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    texts = [model.SerializeToString()]
    for forbidden in (os.getcwd(), str(Path(torch.__file__).parents[1]), str(Path.home()), "site-packages", ".py"):
        assert forbidden.encode() not in texts[0]


@pytest.mark.slow
def test_two_exports_to_one_name_leave_one_whole_set(spec: Path, tmp_path: Path) -> None:
    """Both at once, at first and then over an older one: whoever is last is there, whole."""
    target = tmp_path / "out"
    for widths in ((3, 4), (5, 6)):
        children = []
        for width in widths:
            child = os.fork()
            if child == 0:
                try:
                    pipeline.export(spec, target, overrides=[f"layers.out.out_features={width}"])
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
        bundle = Bundle.open(target)
        bundle.check_hashes()
        assert bundle.manifest["outputs"][0]["shape"][1] in widths
        assert set(os.listdir(tmp_path)) == {"net.toml", "out"}


def test_an_unknown_file_in_the_command_line_is_said(command: Command, spec: Path) -> None:
    cases: list[tuple[Any, ...]] = [("verify", "nothing"), ("predict", "nothing"), ("export", "nothing.toml")]
    for arguments in cases:
        ended = command(*arguments)
        assert ended.code == 1, ended.err
        assert "error[no-such-file]" in ended.err or "error[no-run]" in ended.err
