"""AOTInductor's machine code: verified like every file, awake to inputs of other sizes, and run only if it is named."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
import torch

from graphspec import compiler
from graphspec.diagnostics import GraphspecError, VerificationError
from graphspec.exporting import Bundle, aoti, write_bundle
from graphspec.verifying import verify_bundle

SPEC = """
graphspec = 1
name = "compiled"
[inputs]
image = ["N", 1, 8, 8]
[layers]
conv    = { type = "Conv2d", out_channels = 2, kernel_size = 3, padding = 1 }
relu    = "ReLU"
pool    = { type = "AdaptiveAvgPool2d", output_size = 2 }
flatten = "Flatten"
fc      = { type = "Linear", out_features = 3 }
[outputs]
scores   = "fc"
features = "flatten"
"""


def exported(folder):
    network = compiler.load(SPEC, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundle = write_bundle(network, folder, formats=("onnx", "aoti"), opset_version=20)
    return SimpleNamespace(network=network, shaped=network.shaped, module=network.module, bundle=bundle, folder=folder)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("compiled") / "compiled")


@pytest.mark.slow
def test_it_is_judged_like_every_file_when_it_is_named(compiled):
    report = verify_bundle(compiled.network, compiled.bundle, runtimes=["aoti"])
    report.raise_if_failed()
    found = report.runtimes[-1]
    assert (found.runtime, found.passed, found.optional) == ("aoti", True, False)
    assert len(found.comparisons) == len(report.runtimes[0].comparisons)
    assert {"normal × 1, N = 1", "normal × 1, N = 17"} <= {comparison.case for comparison in found.comparisons}


@pytest.mark.slow
@pytest.mark.parametrize("runtimes", [[], ["all"]])
def test_it_is_not_run_unless_it_is_named_and_that_is_no_pass(compiled, runtimes):
    report = verify_bundle(compiled.network, compiled.bundle, runtimes=runtimes)
    found = report.runtimes[-1]
    assert (found.runtime, found.passed, found.comparisons) == ("aoti", False, ())
    assert "name it with --runtime aoti" in found.limits[0]
    assert report.passed


@pytest.mark.slow
def test_a_changed_file_is_refused_before_it_is_run(compiled, tmp_path):
    folder = shutil.copytree(compiled.folder, tmp_path / "copy")
    content = bytearray((folder / "model.aoti.pt2").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.aoti.pt2").write_bytes(content)
    with pytest.raises(VerificationError, match=r"model\.aoti\.pt2 was changed"):
        verify_bundle(compiled.network, Bundle.open(folder), runtimes=["aoti"])


@pytest.mark.slow
def test_another_network_s_machine_code_is_refused(compiled):
    report = verify_bundle(compiler.load(compiled.network, seed=2), compiled.bundle, runtimes=["aoti"])
    assert report.runtimes[-1].faults


@pytest.mark.slow
def test_the_lines_of_its_readme_give_the_answer_and_refuse_another_size(compiled):
    text = (compiled.folder / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^## Python, AOTInductor\n.*?^```python\n(.*?)^```", text, re.M | re.S)
    code += "print(*outputs['scores'][0].tolist())\n"
    code += "model(torch.zeros(2, 1, 9, 8))\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=compiled.folder, capture_output=True, text=True, check=False
    )
    with torch.no_grad():
        wanted = compiled.module.eval()(torch.zeros(1, 1, 8, 8))["scores"][0]
    torch.testing.assert_close(torch.tensor(list(map(float, done.stdout.split()))), wanted)
    assert (done.returncode, "unmatched dim value at 2, expected: 8, but got: 9" in done.stderr) == (1, True)


@pytest.mark.slow
def test_it_holds_labels_and_signature_but_no_path_of_this_machine(compiled):
    content = compiled.bundle.path("aoti").read_bytes()
    assert b"graphspec.inputs" in content
    assert b"model.aoti/data/aotinductor/model/" in content
    for path in (sys.prefix, "site-packages", "/tmp/", str(compiled.folder.parent)):
        assert path.encode() not in content


@pytest.mark.slow
def test_machine_code_that_takes_an_input_of_another_size_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(aoti, "_AWAKE", aoti._SLEEPING)
    sleeping = exported(tmp_path / "sleeping")
    report = verify_bundle(sleeping.network, sleeping.bundle, runtimes=["aoti"])
    assert not report.passed
    assert 'model.aoti.pt2 takes an input "image" of shape (2, 1, 9, 8), which is none of its sizes' in report.faults


def test_without_a_compiler_it_is_refused_clearly(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(GraphspecError, match='needs a C\\+\\+ compiler: there is no "no-such-compiler"') as caught:
        exported(tmp_path / "none")
    assert (caught.value.diagnostics[0].code, caught.value.diagnostics[0].at) == (
        "not-exportable",
        ("export", "formats"),
    )
