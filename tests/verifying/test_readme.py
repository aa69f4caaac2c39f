"""The lines that a bundle's README shows are run as they stand there, in each runtime, and give the module's answer."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.exporting import write_bundle
from graphspec.exporting.bundle.readme import readme
from graphspec.formats import chosen
from graphspec.verifying.runtimes.needs import BROWSER, COMPILER, NODE, NPM_FOLDER, ORT_NODE, ORT_WEB

NETWORK = """
graphspec = 1
name = "taste"
[inputs]
image  = ["N", 1, "H", 4]
tokens = { shape = ["N", "T"], dtype = "int64" }
[layers]
conv  = { type = "Conv2d", out_channels = 3, kernel_size = 3, padding = 1, from = "image" }
mean  = { type = "mean", dim = [2, 3] }
embed = { type = "Embedding", num_embeddings = 5, embedding_dim = 3, from = "tokens" }
sum   = { type = "mean", dim = 1 }
add   = { type = "add", from = ["mean", "sum"] }
[outputs]
answer = "add"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    network = compiler.load(NETWORK, seed=3)
    module = network.module.eval()
    folder = tmp_path_factory.mktemp("taste")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_bundle(network, folder, formats=("onnx", "torchscript", "pt2"), opset_version=20)
    sections = re.split(r"^## ", (folder / "README.md").read_text(encoding="utf-8"), flags=re.M)[1:]
    blocks = {
        section.splitlines()[0]: re.findall(r"^```(\w+)\n(.*?)^```", section, re.M | re.S) for section in sections
    }
    sample = re.search(r"np.zeros\((\(.*?\))", (folder / "README.md").read_text(encoding="utf-8")).group(1)
    rows = int(sample[1])
    with torch.no_grad():
        answer = module(torch.zeros(rows, 1, 6, 4), torch.zeros(rows, 3, dtype=torch.int64)).numpy()
    return SimpleNamespace(folder=folder, blocks=blocks, answer=answer)


@pytest.fixture
def here(bundle, tmp_path):
    return Path(shutil.copytree(bundle.folder, tmp_path / "taste"))


def needs(*wanted):
    for need in wanted:
        if need.missing:
            pytest.skip(f"not installed: {need.missing}")


def printed(command, folder, **more):
    """What `command` prints in `folder`; this Python is the first on the PATH, and onnxruntime-node is to be found."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "NODE_PATH": str(NPM_FOLDER / "node_modules")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300, **more
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(text):
    """Every number with a point in `text`; libtorch may print a common factor before a tensor's rows."""
    factor = re.match(r"(\d[\d.e+-]*) \*$", text, re.M)
    found = [
        float(number) for number in re.findall(r"-?\d+\.\d+(?:e[+-]?\d+)?", text[factor.end() :] if factor else text)
    ]
    return np.array(found) * (float(factor.group(1)) if factor else 1.0)


def test_each_runtime_has_its_section(bundle):
    languages = {title: [language for language, _ in blocks] for title, blocks in bundle.blocks.items()}
    assert languages == {
        "Python, onnxruntime": ["python"],
        "JavaScript, onnxruntime-node": ["js"],
        "A browser, onnxruntime-web": ["html"],
        "Python, TorchScript": ["python"],
        "C++, libtorch": ["cpp", "sh"],
        "Python, torch.export": ["python"],
    }


def test_a_dtype_that_numpy_and_javascript_have_not_is_shown_in_torch_alone():
    value = {"name": "x", "shape": ["N", 3], "dtype": "bfloat16"}
    about = {"inputs": [value], "outputs": [value], "dims": {}, "weights": "unknown"}
    text = readme("b", about, {"N": 2}, chosen(["onnx", "torchscript"]))
    assert re.findall(r"^## (.*)", text, re.M) == ["Python, TorchScript", "C++, libtorch"]
    assert "torch::zeros({2, 3}, torch::kBFloat16)" in text


SHOW = """
values = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
print(*values[0].reshape(-1).tolist())
"""


def test_the_lines_in_python(bundle, here):
    titles = ("Python, onnxruntime", "Python, TorchScript", "Python, torch.export")
    codes = [code for title in titles for _, code in bundle.blocks[title]]
    (here / "main.py").write_text("".join(code + SHOW for code in codes), encoding="utf-8")
    lines = printed([sys.executable, "-I", "main.py"], here).splitlines()
    assert len(lines) == 3
    for line in lines:
        np.testing.assert_allclose(numbers(line), bundle.answer.ravel(), atol=1e-5)


@pytest.mark.slow
def test_the_lines_in_cpp(bundle, here):
    needs(COMPILER)
    (_, code), (_, commands) = bundle.blocks["C++, libtorch"]
    (here / "main.cpp").write_text(code, encoding="utf-8")
    found = numbers(printed(["sh", "-e", "-c", commands], here).partition("[ CPUFloatType")[0])
    np.testing.assert_allclose(found, bundle.answer.ravel(), atol=1e-4)


def test_the_lines_in_node(bundle, here):
    needs(NODE, ORT_NODE)
    ((_, code),) = bundle.blocks["JavaScript, onnxruntime-node"]
    (here / "main.js").write_text(code, encoding="utf-8")
    found = printed([NODE.path, "main.js"], here)
    assert found.startswith("answer")
    np.testing.assert_allclose(numbers(found), bundle.answer.ravel(), atol=1e-5)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_lines_in_a_browser(bundle, here, tmp_path):
    needs(BROWSER, ORT_WEB)
    ((_, code),) = bundle.blocks["A browser, onnxruntime-web"]
    (here / "index.html").write_text(code, encoding="utf-8")
    (here / "node_modules").symlink_to(NPM_FOLDER / "node_modules")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=here))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --virtual-time-budget=20000 --dump-dom"
    command = [BROWSER.path, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}"]
    try:
        page = printed([*command, f"http://127.0.0.1:{server.server_port}/"], here)
    finally:
        server.shutdown()
        server.server_close()
    found = re.search(r"<body>answer \[(\d+),3\] (.*)</body>", page, re.S)
    np.testing.assert_allclose(numbers(found.group(2)), bundle.answer.ravel(), atol=1e-5)
