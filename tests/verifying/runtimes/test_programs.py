"""Runtimes outside of Python: a C++ program with libtorch, Node.js and a browser give the module's outputs."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
import warnings
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import write_bundle
from graphspec.verifying import Workers, verify_bundle
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes import browser, libtorch, process
from graphspec.verifying.runtimes.browser import _Server
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.needs import ORT_WEB
from graphspec.verifying.runtimes.runtime import RUNTIMES, UNOPTIMISED
from graphspec.verifying.verify import Judge

#: Integer and boolean values too, several inputs, and several outputs.
MIXED = """
graphspec = 1
name = "mixed"
[inputs]
tokens = { shape = ["N", "T"], dtype = "int64" }
bias   = ["N", 4]
[layers]
embed = { type = "Embedding", num_embeddings = 12, embedding_dim = 4, from = "tokens" }
mean  = { type = "mean", dim = 1 }
add   = { type = "add", from = ["mean", "bias"] }
best  = { type = "argmax", dim = 1, from = "add" }
big   = { type = "gt", from = ["add", "bias"] }
[outputs]
sum    = "add"
index  = "best"
larger = "big"
"""
PROGRAMS = [
    pytest.param("libtorch", marks=pytest.mark.slow),  # it is compiled where this torch has none in the user's cache
    "onnxruntime-node",
    "onnxruntime-web",
    pytest.param("onnxruntime-webgpu", marks=pytest.mark.slow),
]


def runtime_of(name):
    return next(runtime for runtime in RUNTIMES if runtime.name == name)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    network = compiler.load(MIXED, seed=1)
    shaped = network.shaped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = tmp_path_factory.mktemp("mixed")
        bundle = write_bundle(network, folder, formats=("onnx", "torchscript"), opset_version=20)
    with Judge(network, Runner(shaped, Workers(()))) as judge:
        yield SimpleNamespace(network=network, shaped=network.shaped, module=network.module, bundle=bundle, judge=judge)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_installed_agrees_on_every_case(small, judge, mixed, name, installed):
    for judges, export in [(judge, small), (mixed.judge, mixed)]:
        runtime = installed(name)
        found = judges.run(runtime, export.bundle.path(runtime.format))
        assert (found.runtime, found.limits, found.faults, found.passed) == (name, [], [], True)
        assert len(found.comparisons) == len(judges.expectations) * len(export.shaped.outputs)
        assert 0 < found.worst < 1e-5


def test_a_program_is_asked_for_like_any_other_runtime(small, installed):
    installed("onnxruntime-node")
    report = verify_bundle(small.network, small.bundle, runtimes=["onnxruntime-node"])
    assert (report.passed, report.runtimes[-1].runtime, report.runtimes[-1].passed) == (True, "onnxruntime-node", True)


def changed(name, change):
    def damage(graph):
        tensor = next(tensor for tensor in graph.initializer if tensor.name == name)
        array = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(change(array), name))

    return damage


def guarded(graph):
    """The batch is written into the reshape."""
    node = next(node for node in reversed(graph.node) if node.op_type == "Reshape")
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 256]), "two"))
    node.input[1] = "two"


@pytest.mark.slow
def test_what_the_gpus_language_computes_wrong_is_refused_too(judge, small, damaged, installed):
    wrong = damaged(changed("fc.weight", lambda array: array * np.float32(1.0001)))
    report = judge.files({UNOPTIMISED: small.bundle.path("onnx"), installed("onnxruntime-webgpu"): wrong}, 20)
    assert not report.passed
    assert report.diagnostics()[0].message.startswith("onnxruntime-webgpu: output")


@pytest.mark.slow
def test_a_browser_without_a_gpu_is_said_and_never_counted_as_passed(judge, small, monkeypatch, installed):
    monkeypatch.setitem(browser._GPU, "webgpu", browser._GPU["wasm"])
    found = judge.run(installed("onnxruntime-webgpu"), small.bundle.path("onnx"))
    assert (found.passed, "no WebGPU adapter" in found.failure) == (False, True)


@pytest.mark.parametrize("name", ["onnxruntime-node", "onnxruntime-web"])
def test_what_a_program_gives_must_be_right_and_what_it_refuses_is_said(judge, small, damaged, name, installed):
    right = {UNOPTIMISED: small.bundle.path("onnx")}
    wrong = damaged(changed("fc.weight", lambda array: array * np.float32(1.0001)))
    report = judge.files(right | {installed(name): wrong}, 20)
    assert not report.passed
    assert report.diagnostics()[0].message.startswith(f"{name}: output")
    found = judge.run(runtime_of(name), damaged(guarded))
    assert (found.passed, found.faults) == (False, [])
    assert "normal × 1, N = 3: refused" in "\n".join(found.limits)


@pytest.mark.parametrize("name", ["onnxruntime-node", "onnxruntime-web"])
def test_a_file_that_a_program_cannot_load_has_its_reason(judge, small, tmp_path, name, installed):
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    found = judge.run(installed(name), tmp_path / "model.onnx")
    assert not found.passed
    assert "cannot load the file: Error" in found.failure


@pytest.mark.slow
def test_a_file_that_libtorch_cannot_load_has_its_reason(judge, tmp_path, installed):
    (tmp_path / "model.pt").write_bytes(b"not a model")
    found = judge.run(installed("libtorch"), tmp_path / "model.pt")
    assert (found.passed, found.failure.count("\n")) == (False, 0)
    assert "archive" in found.failure


@pytest.mark.parametrize(("name", "words"), [
    ("libtorch", "a C++ compiler"),
    ("onnxruntime-node", "Node.js"),
    ("onnxruntime-web", "Chromium"),
])  # fmt: skip
def test_a_missing_program_is_said_and_never_counted_as_passed(judge, small, monkeypatch, tmp_path, name, words):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("graphspec.verifying.runtimes.needs.NPM_FOLDER", tmp_path)
    runtime = runtime_of(name)
    found = judge.run(runtime, small.bundle.path(runtime.format))
    assert (found.passed, found.failure.startswith("not installed: "), words in found.failure) == (False, True, True)
    with pytest.raises(GraphspecError, match="is not installed") as caught:
        verify_bundle(small.network, small.bundle, runtimes=[name])
    assert words in caught.value.diagnostics[0].hint


def test_a_missing_npm_package_comes_with_the_command_that_installs_its_pinned_version(monkeypatch, tmp_path):
    monkeypatch.setattr("graphspec.verifying.runtimes.needs.NPM_FOLDER", tmp_path)
    command = f"npm install --ignore-scripts --prefix {tmp_path} onnxruntime-web@1."
    assert ORT_WEB.missing.startswith(command)


def test_a_runtime_for_a_format_that_the_export_has_not_is_refused(mixed):
    with pytest.raises(GraphspecError, match='the runtime "pt2" runs pt2 files, and the export has none'):
        verify_bundle(mixed.network, mixed.bundle, runtimes=["pt2"])


def test_a_program_that_does_not_compile_says_why(monkeypatch, tmp_path, installed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(libtorch, "SOURCE", tmp_path / "wrong.cpp")
    (tmp_path / "wrong.cpp").write_text("int main() { return nothing; }")
    installed("libtorch")
    with pytest.raises(WorkerError, match=r"does not compile: .*nothing"):
        libtorch.compiled(tmp_path, 60)
    assert list((tmp_path / "cache" / "graphspec").iterdir()) == []


def test_a_program_is_compiled_once(monkeypatch, tmp_path, installed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(libtorch, "SOURCE", tmp_path / "right.cpp")
    (tmp_path / "right.cpp").write_text("int main() {}")
    installed("libtorch")
    program = libtorch.compiled(tmp_path, 60)
    written = program.stat().st_mtime_ns
    assert process.run([program], 20) == (0, "")
    assert (libtorch.compiled(tmp_path, 60), program.stat().st_mtime_ns) == (program, written)


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    script = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(60)"
    child = f"import time, pathlib; time.sleep(2); pathlib.Path({str(tmp_path / 'alive')!r}).touch()"
    with pytest.raises(WorkerError, match=r"no answer within 0.5 s"):
        process.run([sys.executable, "-c", script, child], 0.5)
    time.sleep(2.5)
    assert not (tmp_path / "alive").exists()


def test_a_program_that_crashes_is_an_answer():
    with pytest.raises(WorkerError, match="ended with signal SIGSEGV"):
        process.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"], 20)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's prlimit")
def test_a_program_that_takes_too_much_memory_is_refused():
    script = "import time; time.sleep(0.5); bytearray(2 ** 35)"
    code, printed = process.run([sys.executable, "-c", script], 20)
    assert (code, "MemoryError" in printed) == (1, True)


def test_a_program_that_is_not_there_is_an_answer():
    with pytest.raises(WorkerError, match="no-such-program cannot be started"):
        process.run(["no-such-program"], 20)


def test_the_page_s_server_gives_its_own_files_alone_and_to_this_machine_alone(small, installed):
    installed("onnxruntime-web")

    def status(path, body=None):
        try:
            return urllib.request.urlopen(address + path, body, 5).status
        except urllib.error.HTTPError as error:
            return error.code

    with _Server({"model.onnx": small.bundle.path("onnx")}) as server:
        address, root = server.address, server.address.rsplit("/", 2)[0]
        assert root.startswith("http://127.0.0.1:")
        assert [status(path) for path in ("", "cases.js", "model.onnx", "ort/ort.wasm.min.js")] == [200] * 4
        assert [status(path) for path in ("page.html", "ort/../package.json", "../", "ort/")] == [404] * 4
        assert (status("other", b"x"), status("outputs", b"x"), status("outputs", b"y")) == (404, 204, 404)
        assert server.response == ("outputs", b"x")
        address = root
        assert [status(path) for path in ("/", "/page.html", "/model.onnx")] == [404] * 3
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(server.address, timeout=5)


def test_of_a_program_that_prints_without_end_the_last_is_read():
    code, printed = process.run([sys.executable, "-c", "print('x' * 5_000_000); print('the end')"], 20)
    assert (code, len(printed), printed[-8:]) == (0, process.MOST_PRINTED, "the end\n")
