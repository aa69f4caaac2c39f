"""What an export writes: the spec's names everywhere, one hash per file, no trace of this machine."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from graphspec.diagnostics import GraphspecError, VerificationError
from graphspec.exporting import Bundle, write_bundle
from graphspec.exporting.onnx import LAYER_KEY, write_onnx

GRAPHSPEC = Path(__file__).parents[3]


def values_of(values):
    return {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values
    }


def test_every_file_is_there(export):
    assert {path.name for path in export.folder.iterdir()} == {
        "model.onnx", "model.pt", "model.pt2", "weights.safetensors", "spec.toml", "golden.npz", "manifest.json",
        "README.md", "check.py",
    }  # fmt: skip


def test_onnx_has_the_spec_s_names_in_order_and_its_dims(residual, recurrent):
    graph = onnx.load(residual.folder / "model.onnx").graph
    assert values_of(graph.input) == {"image": ["N", 3, "H", "W"]}
    assert list(values_of(graph.output).items()) == [("relu", ["N", 5]), ("features", ["N", 6]), ("again", ["N", 5])]
    graph = onnx.load(recurrent.folder / "model.onnx").graph
    assert list(values_of(graph.input).items()) == [("tokens", ["N", "T"]), ("bias", ["N", 4])]


def test_onnx_is_valid_and_has_the_opset_that_was_asked_for(export):
    model = onnx.load(export.folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]


def test_each_onnx_node_knows_its_layer_and_so_does_the_manifest(residual):
    model = onnx.load(residual.folder / "model.onnx")
    layers = {node.name: prop.value for node in model.graph.node for prop in node.metadata_props}
    assert {prop.key for node in model.graph.node for prop in node.metadata_props} == {LAYER_KEY}
    assert layers == residual.bundle.manifest["layers"]
    kinds = {layers[node.name]: node.op_type for node in model.graph.node if node.name in layers}
    assert kinds["layer1.0.add"] == kinds["layer1.1.add"] == "Add"
    assert (kinds["layer1.1.conv"], kinds["layer1.1.bn"]) == ("Conv", "BatchNormalization")
    assert set(layers.values()) == {layer.name for layer in residual.shaped.layers}


def contents(file):
    """The file's bytes, and those of the members of an archive as they are when unpacked."""
    yield file.name, file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                yield f"{file.name}/{member}", archive.read(member)


def test_no_file_holds_a_trace_of_this_machine(export):
    home = [str(Path.home())] if len(str(Path.home())) > 1 else []
    names = [
        str(GRAPHSPEC),
        sys.prefix,
        sys.base_prefix,
        "site-packages",
        str(export.folder),
        tempfile.gettempdir() + "/",
    ]
    names += [platform.node(), *home]
    for file in export.folder.iterdir():
        for name, content in contents(file):
            assert [trace for trace in names if trace.encode() in content] == [], name


def test_archives_members_bear_no_time(export):
    for file in export.folder.iterdir():
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                assert {info.date_time[0] for info in archive.infolist()} == {1980}, file.name


def test_weights_load_strictly_into_the_module(export):
    weights = load_file(export.folder / "weights.safetensors")
    export.module.load_state_dict(weights, strict=True)


def test_the_module_that_was_exported_is_left_as_it_was(residual):
    assert residual.module.training
    assert all(parameter.requires_grad for parameter in residual.module.parameters())


def test_labels_signature_and_transforms_are_in_the_manifest_and_inside_each_model_file(residual):
    labels = ["a", "b", "c", "d", "é"]
    assert residual.bundle.manifest["labels"] == labels
    assert residual.bundle.manifest["transforms"][0]["type"] == "Normalize"
    onnx_props = {p.key: json.loads(p.value) for p in onnx.load(residual.folder / "model.onnx").metadata_props}
    keys = ["graphspec.labels", "graphspec.inputs", "graphspec.outputs", "graphspec.transforms"]
    inside = dict.fromkeys(keys, "")
    torch.jit.load(residual.folder / "model.pt", _extra_files=inside)
    program = dict.fromkeys(keys, "")
    torch.export.load(residual.folder / "model.pt2", extra_files=program)
    for found in (inside, program):
        texts = {key: value if isinstance(value, str) else value.decode() for key, value in found.items()}
        for key in keys:
            manifest = residual.bundle.manifest[key.removeprefix("graphspec.")]
            assert json.loads(texts[key]) == onnx_props[key] == manifest, key


def test_the_manifest_holds_the_hash_of_every_other_file(export):
    files = export.bundle.manifest["files"]
    for path in export.folder.iterdir():
        if path.name != "manifest.json":
            assert files[path.name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def copy(residual, tmp_path):
    return Path(shutil.copytree(residual.folder, tmp_path / "copy"))


def check(folder):
    return subprocess.run([sys.executable, "-I", folder / "check.py"], capture_output=True, text=True, check=False)


def test_check_py_is_content_with_the_export_wherever_it_is(copy, tmp_path):
    done = check(copy)
    assert (done.returncode, "golden outputs are reproduced" in done.stdout) == (0, True)


def test_where_no_file_is_run_check_py_and_the_readme_do_not_say_that_one_is(residual, tmp_path):
    bundle = write_bundle(residual.network, tmp_path, formats=["torchscript"], opset_version=20)
    done = check(bundle.folder)
    assert (done.returncode, done.stdout) == (0, "all files are as published; none is an ONNX file, so none was run\n")
    text = (bundle.folder / "README.md").read_text()
    assert "repeats the check" not in text
    assert "`python check.py` compares the hashes" in text


@pytest.mark.parametrize("name", [
    "model.onnx", "model.pt", "model.pt2", "weights.safetensors", "spec.toml", "golden.npz", "manifest.json",
    "README.md",
])  # fmt: skip
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_flipped_bit_in_any_file_is_found_by_the_bundle_and_by_check_py(copy, name, share):
    content = bytearray((copy / name).read_bytes())
    content[int(len(content) * share)] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(GraphspecError) as caught:
        Bundle.open(copy).check_hashes()
    assert isinstance(caught.value, VerificationError)
    assert name in str(caught.value)
    if share == 0.5:
        done = check(copy)
        assert (done.returncode, "Traceback" in done.stderr, name in done.stdout) == (1, False, True)


def test_check_py_runs_the_model_and_not_only_the_hashes(copy):
    """Somebody replaces the model and its hash alike: the golden outputs still tell."""
    model = onnx.load(copy / "model.onnx")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "fc.bias")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + np.float32(1e-3), "fc.bias"))
    onnx.save(model, copy / "model.onnx")
    rehash(copy)
    done = check(copy)
    assert done.returncode == 1
    assert re.search(r"output relu: off by 0.001", done.stdout)


def rehash(folder):
    from graphspec.exporting.bundle import manifest as manifests

    manifest = json.loads((folder / "manifest.json").read_text())
    manifests.write_manifest(folder, manifest | {"files": manifests.files_of(folder)})


EXPORT = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {tests!r})
from pathlib import Path
from conftest import RESIDUAL, exported
import graphspec
from graphspec import compiler, exporting
exported(RESIDUAL, Path(sys.argv[1]))
line = "graphspec = 1\\n[inputs]\\nx = ['N', 1]\\n[layers]\\nfc = {{ type = 'Linear', out_features = 1 }}\\n"
line += "[data]\\ndataset = 'line'\\ntransforms = ['StandardScaler']\\n[train]\\nloss = 'MSELoss'\\n"
network = compiler.load(line)
metadata = exporting.metadata_of(network.shaped, graphspec.data(line), pipeline=True)
exporting.write_bundle(network, Path(sys.argv[1]) / "line",
                       formats=["pipeline"], opset_version=20, metadata=metadata)
"""


@pytest.mark.slow
def test_onnx_and_pt2_are_byte_identical_between_two_processes(tmp_path):
    for name in ("one", "two"):
        script = EXPORT.format(tests=str(Path(__file__).parents[1]))
        subprocess.run([sys.executable, "-c", script, tmp_path / name], check=True, cwd=GRAPHSPEC)
    names = ["model.onnx", "model.pt2", "golden.npz", "weights.safetensors", "README.md"]
    for name in [*names, "line/pipeline.onnx", "line/pipeline_golden.npz", "line/manifest.json"]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_weights_that_do_not_fit_one_file_go_beside_it_and_are_hashed(residual, tmp_path):
    from graphspec.exporting.bundle.manifest import files_of
    from graphspec.exporting.capture import capture

    write_onnx(capture(residual.network), tmp_path / "model.onnx", 20, {}, most_bytes=100)
    assert set(files_of(tmp_path)) == {"model.onnx", "model.onnx.data"}
    whole = onnx.load(residual.folder / "model.onnx").graph.initializer
    apart = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer
    }
    assert all((apart[tensor.name] == onnx.numpy_helper.to_array(tensor)).all() for tensor in whole)


def test_torchscript_is_refused_where_python_no_longer_has_it(residual, tmp_path, monkeypatch):
    monkeypatch.setattr("graphspec.exporting.torchscript.UNSUPPORTED", sys.version_info[:2])
    with pytest.raises(GraphspecError, match=r"TorchScript does not exist on Python .* use \"pt2\""):
        write_bundle(residual.network, tmp_path, formats=["torchscript"], opset_version=20)


def test_torchscript_s_deprecation_is_a_line_of_the_readme_and_no_warning(residual, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_bundle(residual.network, tmp_path, formats=["torchscript"], opset_version=20)
    said = "torch has deprecated TorchScript since 2.11; `pt2` follows it."
    assert (tmp_path / "README.md").read_text().count(said) == 1
