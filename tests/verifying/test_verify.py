"""Verification end to end, in the real runtimes: what passes, what is refused, and which layer is to blame."""

from __future__ import annotations

import math
import shutil

import numpy as np
import onnx
import pytest
import torch

from graphspec import compiler
from graphspec.diagnostics import GraphspecError, VerificationError
from graphspec.exporting import Bundle, seal
from graphspec.verifying import Workers, verify_bundle, verify_file
from graphspec.verifying.rule import Judgement, Status
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import Worker, WorkerError
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, RUNTIMES, UNOPTIMISED, Runtime
from graphspec.verifying.verify import Judge
from graphspec.verifying.verify_report import CONSTANT, Comparison, RuntimeReport, VerifyReport

BOTH = (UNOPTIMISED, ONNXRUNTIME)


def test_a_right_export_passes_in_every_runtime_with_every_size_and_magnitude(small):
    report = verify_bundle(small.network, small.bundle)
    assert [runtime.runtime for runtime in report.runtimes] == [
        "onnxruntime, unoptimised", "onnxruntime", "torchscript", "pt2",
    ]  # fmt: skip
    report.raise_if_failed()
    assert report.passed
    assert 0 < report.worst < 1e-6
    cases = [comparison.case for comparison in report.runtimes[0].comparisons]
    assert cases == [
        "normal × 0.1", "normal × 1", "normal × 10", "zeros", "normal × 1, N = 1", "normal × 1, N = 3",
        "normal × 1, N = 17", "normal × 1, again",
    ]  # fmt: skip


def scaled(name, factor):
    def change(graph):
        tensor = next(tensor for tensor in graph.initializer if tensor.name == name)
        array = onnx.numpy_helper.to_array(tensor) * np.float32(factor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, name))

    return change


def node_of(graph, layer, op_type):
    return next(n for n in graph.node if n.op_type == op_type and n.metadata_props[0].value == layer)


def replaced(layer, old, new):
    def change(graph):
        node = node_of(graph, layer, old)
        node.op_type = new
        del node.attribute[:]

    return change


def guarded(graph):
    """The batch is written into the reshape, as a trace of two samples would have it."""
    node = node_of(graph, "flatten", "Reshape")
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([2, 256]), "two"))
    node.input[1] = "two"


@pytest.mark.parametrize(
    ("change", "layer"),
    [
        (scaled("conv1.weight", 1.0001), "conv1"),
        (scaled("conv1.bias", 1.001), "conv1"),
        (scaled("conv2.weight", 1.0001), "conv2"),
        (scaled("conv2.weight", np.nan), "conv2"),
        (scaled("fc.weight", 1.0001), "fc"),
        (scaled("fc.bias", 0), "fc"),
        (replaced("relu", "Relu", "Elu"), "relu"),
        (replaced("add", "Add", "Sub"), "add"),
        (guarded, "flatten"),
    ],
)
def test_a_damaged_file_is_refused_and_the_damaged_layer_is_named_with_its_place(judge, damaged, change, layer):
    report = judge.files(dict.fromkeys(BOTH, damaged(change)), 20)
    assert not report.passed
    assert (report.first_divergent_layer, report.blame.at) == (layer, ("layers", layer))
    with pytest.raises(VerificationError) as caught:
        report.raise_if_failed()
    assert caught.value.exit_code == 3
    assert layer in str(caught.value)


def test_the_exports_own_onnx_file_is_accounted_for_bit_for_bit(small, damaged, tmp_path):
    """No number that is run shows so little: it is seen beside a file that is written anew."""
    folder = tmp_path / "export"
    shutil.copytree(small.folder, folder)
    shutil.copy(damaged(scaled("fc.weight", 1 + 2**-22)), folder / "model.onnx")
    report = verify_bundle(small.network, seal(Bundle(folder, small.bundle.manifest), {}))
    assert all(runtime.passed for runtime in report.runtimes)
    assert (report.passed, report.first_divergent_layer) == (False, "fc")
    assert report.faults[0].startswith('model.onnx: layer "fc": fc.weight differs in ')


def test_the_input_that_was_answered_wrongly_is_kept(judge, damaged, tmp_path):
    wrong = damaged(scaled("fc.bias", 1.001))
    judge.files(dict.fromkeys(BOTH, wrong), 20).save_failing_input(tmp_path / "input.npz")
    with np.load(tmp_path / "input.npz", allow_pickle=False) as file:
        assert file["image"].shape[1:] == (1, 8, 8)


def renamed(graph):
    graph.output[0].name = "answer"
    graph.node[-1].output[0] = "answer"


def fixed(graph):
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


@pytest.mark.parametrize(("change", "words"), [
    (renamed, "the outputs answer [N, 3] float32 instead of output [N, 3] float32"),
    (fixed, "the inputs image [2, 1, 8, 8] float32 instead of image [N, 1, 8, 8] float32"),
])  # fmt: skip
def test_other_names_or_dims_than_the_spec_s_are_refused(judge, damaged, change, words):
    report = judge.files(dict.fromkeys(BOTH, damaged(change)), 20)
    assert [words in fault for fault in report.faults] == [True]


def test_another_opset_than_asked_is_refused(judge, small):
    report = judge.files(dict.fromkeys(BOTH, small.bundle.path("onnx")), 21)
    assert report.faults == ("model.onnx has opset 20 instead of 21",)


def test_a_fault_of_onnxruntime_s_optimiser_is_told_apart(judge, small, damaged):
    """What the optimiser makes of a right file is played by another, damaged file."""
    wrong = damaged(scaled("conv2.weight", 1.0001))
    report = judge.files({UNOPTIMISED: small.bundle.path("onnx"), ONNXRUNTIME: wrong}, 20)
    assert not report.passed
    assert report.first_divergent_layer is None
    assert "the file itself is right: onnxruntime's graph optimiser" in report.blame.detail


def test_a_file_that_is_no_onnx_at_all_is_refused(judge, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    report = judge.files(dict.fromkeys(BOTH, tmp_path / "model.onnx"), 20)
    assert not report.passed
    assert {diagnostic.code for diagnostic in report.diagnostics()} == {"mismatch", "runtime-failed"}


def test_a_changed_file_is_refused_before_it_is_run(small, tmp_path):
    folder = shutil.copytree(small.folder, tmp_path / "copy")
    content = bytearray((folder / "model.pt").read_bytes())
    content[1000] ^= 1
    (folder / "model.pt").write_bytes(content)
    with pytest.raises(VerificationError, match=r"model\.pt was changed"):
        verify_bundle(small.network, Bundle.open(folder))


def test_another_module_s_export_is_refused(small):
    report = verify_file(compiler.load(small.network, seed=2), small.bundle.path("onnx"))
    assert (report.passed, report.first_divergent_layer) == (False, "conv1")


def network(*layers):
    lines = "\n".join(f'l{k} = {{ type = "Linear", out_features = 3 }}\nf{k} = "{f}"' for k, f in enumerate(layers))
    return compiler.load(f'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\n{lines}\n')


def verdict(network, tmp_path):
    from graphspec.exporting import write_bundle

    bundle = write_bundle(network, tmp_path, formats=["onnx"], opset_version=20)
    return verify_bundle(network, bundle)


@pytest.mark.slow
def test_an_output_that_is_always_zero_proves_nothing(tmp_path):
    given = network("ReLU")
    torch.nn.init.constant_(given.module.l0.bias, -1e12)
    report = verdict(given, tmp_path)
    assert not report.passed
    assert {d.code for d in report.diagnostics()} == {"inconclusive"}
    assert "all zero" in str(report.diagnostics()[0])


@pytest.mark.slow
def test_an_output_that_is_never_a_number_proves_nothing(tmp_path):
    given = network("ReLU")
    torch.nn.init.constant_(given.module.l0.bias, torch.nan)
    report = verdict(given, tmp_path)
    assert not report.passed
    assert {d.code for d in report.diagnostics()} == {"inconclusive"}
    assert "not a number" in str(report.diagnostics()[0])


def test_a_network_that_saturates_on_ordinary_inputs_is_judged_on_smaller_ones(tmp_path):
    given = network("Sigmoid")
    with torch.no_grad():
        given.module.l0.weight.mul_(20_000)
        given.module.l0.bias.zero_()
    report = verdict(given, tmp_path)
    passed = {c.case for c in report.runtimes[0].comparisons if c.judgement.status == "pass"}
    assert report.passed
    assert "normal × 0.001" in passed


@pytest.mark.slow
@pytest.mark.parametrize("bias", [0.0, 0.3], ids=["all zero", "the same for every input"])
def test_a_network_of_zeros_is_shown_right_with_other_weights(tmp_path, bias):
    given = network("Tanh")
    torch.nn.init.zeros_(given.module.l0.weight)
    torch.nn.init.constant_(given.module.l0.bias, bias)
    report = verdict(given, tmp_path)
    assert report.passed
    assert {c.judgement.reason for c in report.runtimes[0].comparisons} == {CONSTANT}
    changed, file = onnx.load(tmp_path / "model.onnx"), tmp_path / "changed.onnx"
    changed.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(np.full((3, 4), 1e-30, np.float32), changed.graph.initializer[0].name)
    )
    onnx.save(changed, file)
    assert changed.graph.initializer[0].name == "l0.weight"
    assert not verify_file(given, file).passed
    assert verify_file(given, tmp_path / "model.onnx").passed


def test_rounding_that_a_layer_magnifies_is_no_fault(tmp_path):
    """On zeros an InstanceNorm divides what rounding left of a constant map by the root of its epsilon."""
    layers = """
conv = { type = "Conv2d", out_channels = 6, kernel_size = 3, padding = 1 }
act  = "Hardswish"
mix  = { type = "Conv2d", out_channels = 8, kernel_size = 1 }
norm = { type = "InstanceNorm2d", affine = true }
silu = "SiLU"
mean = { type = "mean", dim = [2, 3] }
"""
    given = compiler.load(f'graphspec = 1\n[inputs]\nx = ["N", 3, 9, 9]\n[layers]{layers}')
    with torch.no_grad():
        given.module.conv.bias.fill_(1.7)
    verdict(given, tmp_path).raise_if_failed()


@pytest.mark.parametrize("function", ["Softmax", "Tanh"])
def test_some_saturated_cases_do_not_refuse_a_network_that_others_prove(function, tmp_path):
    given = network(function)
    with torch.no_grad():
        given.module.l0.weight.mul_(100)
    report = verdict(given, tmp_path)
    assert report.passed
    assert any("saturated" in c.judgement.reason for c in report.runtimes[0].comparisons)


def test_a_network_that_is_random_in_eval_mode_cannot_be_verified(small, tmp_path):
    class Noisy(torch.nn.Module):
        def forward(self, image):
            return torch.rand(image.shape[0], 3)

    with pytest.raises(VerificationError, match="gives two answers to one input"):
        Judge(small.network.with_module(Noisy()), Runner(small.shaped, Workers(())))


REQUEST = {
    "task": "run", "code": "onnxruntime", "options": {}, "names": ["output"], "dtypes": {}, "inputs": "none.npz",
    "outputs": "none.npz",
}  # fmt: skip


def test_a_runtime_that_crashes_is_an_answer():
    with Worker() as worker:
        worker._process.send_signal(11)
        with pytest.raises(WorkerError, match="ended with signal SIGSEGV"):
            worker.ask(REQUEST | {"model": "none"}, 20)


def test_a_runtime_that_hangs_is_killed_when_its_time_is_over():
    with Worker() as worker:
        worker._process.send_signal(19)
        with pytest.raises(WorkerError, match=r"no answer within 0.3 s"):
            worker.ask(REQUEST | {"model": "none"}, 0.3)
        assert worker._process.poll() is not None


def test_a_runtime_that_takes_too_much_memory_is_refused(small):
    with Worker() as worker:
        try:
            worker.limit_memory(2**26)
            answer = worker.ask(REQUEST | {"model": str(small.bundle.path("onnx"))}, 60)
        except WorkerError as error:
            answer = {"failed": str(error)}
    assert answer["failed"]


@pytest.mark.parametrize("name", ["onnx.reference", "openvino", "opencv", "tract", "mnn", "ncnn"])
def test_an_optional_runtime_that_is_installed_agrees(judge, small, installed, name):
    found = judge.run(installed(name), small.bundle.path("onnx"))
    assert (found.runtime, found.limits, found.faults, found.passed) == (name, [], [], True)
    assert 0 < found.worst < 1e-5


def test_a_runtime_that_does_not_exist_is_refused(small):
    with pytest.raises(GraphspecError, match=r'there is no runtime "openvin"; did you mean "openvino"\?'):
        verify_bundle(small.network, small.bundle, runtimes=["openvin"])


ABSENT = Runtime("tvm", "onnx", "no_such_module", "apache-tvm", optional=True)


def test_a_missing_runtime_is_said_and_never_counted_as_passed(judge, small):
    path = small.bundle.path("onnx")
    report = judge.files({UNOPTIMISED: path, ABSENT: path}, 20)
    assert report.runtimes[1].limits == ["not installed: pip install apache-tvm"]
    assert (report.passed, report.runtimes[1].passed) == (True, False)
    assert not judge.files({ABSENT: path}, 20).passed


def test_an_optional_runtime_that_takes_too_long_is_said_and_never_counted_as_passed(small):
    reference = next(runtime for runtime in RUNTIMES if runtime.name == "onnx.reference")
    with Judge(small.network, Runner(small.shaped, Workers(()), seconds=0.001)) as judge:
        found = judge.run(reference, small.bundle.path("onnx"))
    assert (found.limits, found.faults, found.passed) == (["no answer within 0.001 s"], [], False)


def test_the_worst_error_is_that_of_conclusive_cases_alone():
    def compared(case, status, scaled):
        return Comparison(case, "output", Judgement(status, error=scaled, allowed=1.0, scaled=scaled))

    ran = RuntimeReport("one", (compared("a", Status.PASS, 1e-7), compared("b", Status.INCONCLUSIVE, 3e-5)))
    unsure = RuntimeReport("two", (compared("a", Status.INCONCLUSIVE, 3e-5),), optional=True)
    assert (ran.worst, unsure.worst) == (1e-7, math.inf)
    assert ran.as_dict()["error_over_allowed"] == 1e-7
    assert VerifyReport((ran, unsure)).worst == 1e-7


def test_a_wrong_answer_of_an_optional_runtime_refuses_the_file(judge, small, damaged):
    reference = next(runtime for runtime in RUNTIMES if runtime.name == "onnx.reference")
    wrong = damaged(scaled("conv2.weight", 1.0001))
    report = judge.files({UNOPTIMISED: small.bundle.path("onnx"), reference: wrong}, 20)
    assert not report.passed
    assert report.diagnostics()[0].message.startswith("onnx.reference: output")


def test_weights_are_read_once_as_long_as_the_file_is_the_same(small, tmp_path, monkeypatch):
    runtime, path, asked = next(r for r in RUNTIMES if r.name == "torchscript"), tmp_path / "model.pt", []
    with Runner(small.shaped, Workers(())) as runner:
        monkeypatch.setattr(runner, "_ask", lambda *given: asked.append(given) or ({}, {}))
        for text, times in (("one", 1), ("one", 1), ("another", 2)):
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
            runner.weights(runtime, path)
            assert len(asked) == times


def test_a_worker_that_is_closed_leaves_no_file_open():
    worker = Worker()
    worker.close()
    assert worker._log.closed


def test_what_tract_cannot_read_is_said_without_a_backtrace(judge, installed, tmp_path):
    wrong = tmp_path / "model.onnx"
    wrong.write_bytes(b"no model")
    (said,) = judge.run(installed("tract"), wrong).limits
    assert "cannot load the file: TractError" in said
    assert "backtrace" not in said.lower()
