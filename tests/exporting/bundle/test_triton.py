"""A bundle in a model repository of Triton's, read by protobuf as Triton reads it.

``FIELDS`` are those of Triton's model_config.proto (triton-inference-server/common) that a bundle uses.
"""

from __future__ import annotations

import errno
import shutil
from types import SimpleNamespace

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import Bundle

STRING, INT32, INT64 = 9, 5, 3
ONE, MANY, MESSAGE, ENUM = 1, 3, 11, 14
DTYPES = "INVALID BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 STRING BF16".split()
TENSOR = [("name", 1, ONE, STRING, ""), ("data_type", 2, ONE, ENUM, "DataType"), ("dims", 4, MANY, INT64, ""),
          ("reshape", 5, ONE, MESSAGE, "Reshape"), ("label_filename", 6, ONE, STRING, "")]  # fmt: skip
FIELDS = {
    "Reshape": [("shape", 1, MANY, INT64, "")],
    "Batching": [],
    "Tensor": TENSOR,
    "ModelConfig": [
        ("name", 1, ONE, STRING, ""), ("max_batch_size", 4, ONE, INT32, ""), ("input", 5, MANY, MESSAGE, "Tensor"),
        ("output", 6, MANY, MESSAGE, "Tensor"), ("dynamic_batching", 11, ONE, MESSAGE, "Batching"),
        ("backend", 17, ONE, STRING, ""),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def parse():
    file = descriptor_pb2.FileDescriptorProto(name="triton.proto", package="t", syntax="proto3")
    kinds = file.enum_type.add(name="DataType")
    for number, name in enumerate(DTYPES):
        kinds.value.add(name=f"TYPE_{name}", number=number)
    for message, fields in FIELDS.items():
        made = file.message_type.add(name=message)
        for name, number, label, kind, of in fields:
            made.field.add(
                name=name, number=number, label=label, type=kind, **({"type_name": f".t.{of}"} if of else {})
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    config = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.ModelConfig"))

    def read(path):
        found = text_format.Parse((path.parent / "config.pbtxt").read_text(), config())
        tensors = [
            (DTYPES[each.data_type], list(each.dims), each.HasField("reshape"), each.label_filename)
            for each in [*found.input, *found.output]
        ]
        return SimpleNamespace(most=found.max_batch_size, batched=found.HasField("dynamic_batching"), tensors=tensors)

    return read


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    spec = 'graphspec = 1\nname = "net"\n[inputs]\nx = ["N", 4]\n[layers]\nr = "ReLU"\n[export]\nformats = ["onnx"]\n'
    return graphspec.export(spec, tmp_path_factory.mktemp("triton") / "net")


def value(name, shape, dtype="float32"):
    return {"name": name, "shape": shape, "dtype": dtype}


ANY = {"N": {"min": 1, "max": None}, "T": {"min": 1, "max": None}}
SHAPES = {
    "one open batch": (
        ([value("x", ["N", 4])], [value("y", ["N", 3])], ANY),
        (128, True, [("FP32", [4], False, ""), ("FP32", [3], False, "")]),
    ),
    "a bounded batch, open length, one number a sample": (
        ([value("x", ["N", "T"], "int64")], [value("y", ["N"])], ANY | {"N": {"min": 1, "max": 16}}),
        (16, True, [("INT64", [-1], False, ""), ("FP32", [1], True, "")]),
    ),
    "an output without a batch": (
        ([value("x", ["N", 4], "float16")], [value("y", ["N", 3]), value("z", [2, 2], "bool")], ANY),
        (0, False, [("FP16", [-1, 4], False, ""), ("FP32", [-1, 3], False, ""), ("BOOL", [2, 2], False, "")]),
    ),
    "a fixed batch": (
        ([value("x", [1, 4])], [value("y", [1, 3])], {}),
        (0, False, [("FP32", [1, 4], False, ""), ("FP32", [1, 3], False, "")]),
    ),
    "a multiple of the batch": (
        ([value("x", ["N", 4])], [value("y", ["2*N", 3])], ANY),
        (0, False, [("FP32", [-1, 4], False, ""), ("FP32", [-1, 3], False, "")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SHAPES)
def test_shapes_are_said_as_triton_has_them(what, exported, parse, tmp_path):
    (inputs, outputs, dims), said = SHAPES[what]
    manifest = {**exported.manifest, "inputs": inputs, "outputs": outputs, "dims": dims}
    found = parse(Bundle(exported.folder, manifest).triton(tmp_path))
    assert (found.most, found.batched, found.tensors) == said


def test_classes_stand_beside_the_output_that_decides_for_them(exported, parse, tmp_path):
    manifest = {
        **exported.manifest,
        "labels": ["a", "b\nc"],
        "decision": {"output": exported.manifest["outputs"][0]["name"], "rule": "greatest"},
    }
    path = Bundle(exported.folder, manifest).triton(tmp_path)
    assert parse(path).tensors[1][3] == "labels.txt"
    assert (path.parent / "labels.txt").read_text() == "a\nb c\n"


def test_each_export_is_the_next_version_and_the_model_is_the_bundle_s(exported, tmp_path):
    paths = [exported.triton(tmp_path / "models") for _ in range(2)]
    assert [path.name for path in paths] == ["1", "2"]
    assert (paths[1] / "model.onnx").read_bytes() == exported.path("onnx").read_bytes()


def test_a_copy_that_fails_leaves_no_version_that_triton_would_serve(exported, tmp_path, monkeypatch):
    def full(source, target):
        target.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        with pytest.raises(GraphspecError, match="No space left"):
            exported.triton(tmp_path)
    assert [path.name for path in (tmp_path / exported.manifest["name"]).iterdir()] == ["config.pbtxt"]
    assert exported.triton(tmp_path).name == "1"


@pytest.mark.parametrize("name", ["../out", "{here}/out", "a/b", "..", ""])
def test_a_stranger_s_bundle_names_no_folder_elsewhere(name, exported, tmp_path):
    (tmp_path / "models").mkdir()
    with pytest.raises(GraphspecError, match="cannot be the folder of a model"):
        Bundle(exported.folder, {**exported.manifest, "name": name.format(here=tmp_path)}).triton(tmp_path / "models")
    assert [path.name for path in tmp_path.rglob("*")] == ["models"]


def test_a_link_in_a_stranger_s_bundle_is_not_followed(exported, tmp_path):
    shutil.copytree(exported.folder, tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx.data").symlink_to("/etc/passwd")
    with pytest.raises(GraphspecError, match="symbolic link"):
        Bundle(tmp_path / "bundle", exported.manifest).triton(tmp_path / "models")
    assert not list((tmp_path / "models").rglob("model.onnx*"))


def test_a_model_of_that_name_by_somebody_else_stays(exported, tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.pbtxt").write_text('name: "net"\n')
    with pytest.raises(GraphspecError, match="no model that graphspec put there"):
        exported.triton(tmp_path)
    assert [path.name for path in (tmp_path / "net").iterdir()] == ["config.pbtxt"]


def test_without_onnx_there_is_nothing_to_serve(exported, tmp_path):
    bundle = Bundle(exported.folder, {**exported.manifest, "formats": ["pt2"]})
    with pytest.raises(GraphspecError, match=r"model\.onnx"):
        bundle.triton(tmp_path / "models")
    assert not (tmp_path / "models").exists()
