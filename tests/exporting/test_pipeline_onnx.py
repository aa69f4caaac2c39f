"""``pipeline.onnx``: the raw sample in, the answer out, as training saw it and the loss reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from PIL import Image
from torchvision.transforms import v2

from graphspec import compiler, pipeline
from graphspec.data import data_of
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.bundle.manifest import files_of, write_manifest
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.tape import Taped
from graphspec.losses import LOSSES, Targets
from graphspec.predicting import Function, predict

#: What ends a network before a loss.
ENDS = {"NLLLoss": "LogSoftmax", "KLDivLoss": "LogSoftmax", "BCELoss": "Sigmoid"}
READ = [
    (loss, columns, classes)
    for loss, row in LOSSES.items()
    if row.outputs == 1 and row.compared and row.targets not in (Targets.SEQUENCES, Targets.GROUPS)
    for columns, classes in ((1, 2), (2, 2), (3, 3), (1, None), (4, None))
    if (row.targets is not Targets.CLASSES or columns == classes)
]


@pytest.mark.parametrize(("loss", "columns", "classes"), READ)
def test_torch_onnx_and_predict_read_an_output_alike(loss, columns, classes, tmp_path):
    import onnx_ir as ir

    end = f'end = {{ type = "{ENDS[loss]}" }}' if ENDS.get(loss) == "Sigmoid" else ""
    end = f'end = {{ type = "{ENDS[loss]}", dim = 1 }}' if ENDS.get(loss) == "LogSoftmax" else end
    spec = f"""
graphspec = 1
[inputs]
x = ["N", {columns}]
[layers]
fc = {{ type = "Linear", out_features = {columns} }}
{end}
[outputs]
scores = "{"end" if end else "fc"}"
[train]
loss = "{loss}"
"""
    network = compiler.load(spec)
    labels = None if classes is None else [str(k) for k in range(classes)]
    after = Postprocessing.of(network.shaped, labels)
    op, kind = Taped("t"), ir.TensorType(ir.DataType.FLOAT)
    scores = ir.Value(name="scores", shape=ir.Shape(["N", columns]), type=kind)
    answers = after.write(op, scores, np.dtype(np.float32))
    for name, value in answers.items():
        entry = next(entry for entry in after.signature if entry["name"] == name)
        value.name, value.shape = name, ir.Shape(entry["shape"])
        value.type = ir.TensorType(ir.DataType.from_numpy(np.dtype(entry["dtype"])))
    outputs = [*answers.values()] or [op("Identity", scores)]
    graph = ir.Graph(
        [scores], outputs, nodes=op.tape.nodes, initializers=op.tape.initializers, opset_imports={"": 20}, name="g"
    )
    values = 3 * torch.randn(20, columns, generator=torch.Generator().manual_seed(0))
    values = {"Sigmoid": torch.sigmoid, "LogSoftmax": lambda x: x.log_softmax(1)}.get(ENDS.get(loss), lambda x: x)(
        values
    )
    model = ir.to_proto(ir.Model(graph, ir_version=10))
    found = ReferenceEvaluator(model).run(None, {"scores": values.numpy()})
    expected = after.tensors(values)
    for (name, wanted), value in zip(expected.items(), found, strict=False):
        assert np.allclose(value, wanted.numpy(), atol=1e-6), name
    np.save(tmp_path / "x.npy", values.numpy())
    said = predict(Function(lambda given: {"scores": given[0]}, network, labels), [tmp_path / "x.npy"])
    if classes is None:
        assert all(each.label is each.probability is None for each in said)
        return
    chosen = expected["label"]
    assert [each.label for each in said] == [labels[k] for k in chosen]
    shares = (
        expected["probabilities"].gather(1, chosen[:, None])[:, 0].tolist()
        if "probabilities" in expected
        else [None] * 20
    )
    assert [each.probability for each in said] == shares


PHOTOS = """
graphspec = 1
[inputs]
image = ["N", 3, 24, 24]
[layers]
conv    = { type = "Conv2d", out_channels = 4, kernel_size = 3, stride = 2 }
relu    = "ReLU"
flatten = "Flatten"
logits  = { type = "Linear", out_features = 2 }
[data]
dataset    = { type = "ImageFolder", folder = "photos" }
validation = 0.25
transforms = [
  { type = "Resize", size = 28 },
  { type = "CenterCrop", size = 24 },
  { type = "Normalize", mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] },
]
[train]
epochs = 1
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of photographs of different sizes, and the network of `PHOTOS` exported for them."""
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for k in range(16):
        folder = root / "photos" / ("cat", "dog")[k % 2]
        folder.mkdir(parents=True, exist_ok=True)
        height, width = generator.integers(30, 90, 2)
        Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return root, pipeline.export(PHOTOS, root / "export", formats=["onnx", "pipeline"], data=root)


def test_a_photograph_s_raw_pixels_give_the_answer_that_training_s_transforms_and_the_network_give(photos):
    root, bundle = photos
    session = onnxruntime.InferenceSession(bundle.path("pipeline"), providers=["CPUExecutionProvider"])
    training = v2.Compose([
        v2.PILToTensor(), v2.Resize(28), v2.CenterCrop(24), v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])  # fmt: skip
    module = pipeline.compile(PHOTOS).eval()
    for path in sorted((root / "photos").rglob("*.png")):
        image = Image.open(path)
        label, probabilities = session.run(None, {"image": np.asarray(image)[None]})
        with torch.no_grad():
            expected = module(training(image)[None]).softmax(1).numpy()
        assert np.abs(probabilities - expected).max() < 1e-5
        assert label == expected.argmax(1)


def test_the_file_and_the_manifest_say_what_goes_in_and_out(photos):
    manifest = photos[1].manifest
    model = onnx.load(photos[1].path("pipeline"))
    shapes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in [*model.graph.input, *model.graph.output]}  # fmt: skip
    assert shapes == {"image": ["N", "height", "width", 3], "label": ["N"], "probabilities": ["N", 2]}
    assert [entry["dtype"] for entry in manifest["pipeline"]["inputs"]] == ["uint8"]
    metadata = {prop.key: json.loads(prop.value) for prop in model.metadata_props}
    assert metadata["graphspec.labels"] == manifest["labels"] == ["cat", "dog"]
    assert metadata["graphspec.transforms"] == manifest["transforms"]
    assert [transform["type"] for transform in manifest["transforms"]] == ["Resize", "CenterCrop", "Normalize"]


def test_the_lines_of_the_bundle_s_readme_name_the_class_of_a_photograph(photos, tmp_path):
    root, bundle = photos
    section = (bundle.folder / "README.md").read_text().split("## pipeline.onnx")[1]
    (tmp_path / "read.py").write_text(section.split("```python\n")[1].split("```")[0])
    shutil.copy(bundle.path("pipeline"), tmp_path)
    path = root / "photos" / "cat" / "0.png"
    shutil.copy(path, tmp_path / "image.png")
    done = subprocess.run([sys.executable, "read.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    (found,) = pipeline.predict(bundle.folder, [path], data=root)
    assert done.stdout.strip() == found.label


def test_it_is_verified_as_published_and_again(photos):
    report = pipeline.verify(photos[1])
    rows = {runtime.runtime: runtime for runtime in report.runtimes}
    assert report.passed
    assert rows["pipeline, step by step"].passed
    assert rows["pipeline in onnxruntime"].passed
    outputs = {comparison.output for comparison in rows["pipeline, step by step"].comparisons}
    assert outputs == {
        "transforms.0", "transforms.1", "transforms.2", "network.input", "output", "label", "probabilities",
    }  # fmt: skip


def scaled(name, factor):
    def change(graph):
        tensor = next(tensor for tensor in graph.initializer if tensor.name == name)
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * np.float32(factor), name))

    return change


def replaced(old, new, prefix):
    def change(graph):
        node = next(node for node in graph.node if node.op_type == old and node.name.startswith(prefix))
        node.op_type = new
        del node.attribute[:]

    return change


def constant_before(op_type, graph):
    """The constant that the last node of `op_type` in front of the network reads."""
    node = [node for node in graph.node if node.op_type == op_type and node.name.startswith("before/")][-1]
    return next(name for name in node.input if "constant" in name)


def changed(change, wanted):
    """The first constant before the network for which `wanted` holds becomes ``change(constant)``."""

    def mutate(graph):
        tensors = [t for t in graph.initializer if t.name.startswith("before/")]
        tensor = next(t for t in tensors if wanted(onnx.numpy_helper.to_array(t)))
        value = change(onnx.numpy_helper.to_array(tensor))
        tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))

    return mutate


def places(value):
    """Whether `value` are the 24 places that CenterCrop takes."""
    return value.shape == (24,)


def one(value):
    """Whether `value` is the number 1, as weights are computed with it."""
    return value.dtype.kind == "f" and value.shape == () and value == 1


def verified(photos, tmp_path, change):
    """What verification says of the export whose ``pipeline.onnx`` was changed, and every hash with it."""
    folder = shutil.copytree(photos[1].folder, tmp_path / "copy")
    model = onnx.load(folder / "pipeline.onnx")
    change(model)
    onnx.save(model, folder / "pipeline.onnx")
    manifest = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, manifest | {"files": files_of(folder)})
    return pipeline.verify(folder)


def relabelled(model):
    """The names of the classes in another order."""
    entry = next(entry for entry in model.metadata_props if entry.key == "graphspec.labels")
    entry.value = json.dumps(json.loads(entry.value)[::-1])


def in_graph(change):
    return lambda model: change(model.graph)


SCALING, CROP, RESIZE = (("data", "transforms", k) for k in (2, 1, 0))
DAMAGE = {
    "mean by 0.01 %": (in_graph(lambda graph: scaled(constant_before("Sub", graph), 1.0001)(graph)), SCALING),
    "std by 0.01 %": (in_graph(lambda graph: scaled(constant_before("Div", graph), 1.0001)(graph)), SCALING),
    "a crop by one pixel": (in_graph(changed(lambda value: value + 1, places)), CROP),
    "a crop of another size": (in_graph(changed(lambda value: value[:-1], places)), CROP),
    "a crop rounded down": (in_graph(replaced("Round", "Floor", "before/")), CROP),
    "another size": (in_graph(changed(lambda value: value - 1, lambda value: value.shape == () and value == 28)),
                     RESIZE),
    "a wider filter": (in_graph(changed(lambda value: value * 2, one)), RESIZE),
    "another rounding": (in_graph(replaced("ReduceMax", "ReduceMin", "before/")), RESIZE),
    "a weight": (in_graph(scaled("logits.weight", 1.001)), ()),
    "other probabilities": (in_graph(replaced("Softmax", "Sigmoid", "after/")), ()),
    "the least class": (in_graph(lambda graph: setattr(node_of("ArgMax", graph), "op_type", "ArgMin")), ()),
    "labels in another order": (relabelled, ()),
}  # fmt: skip
QUICK = ("mean by 0.01 %", "a crop by one pixel", "labels in another order")


def node_of(op_type, graph):
    return next(node for node in graph.node if node.op_type == op_type)


@pytest.mark.parametrize("damage", [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in DAMAGE
])  # fmt: skip
def test_a_damaged_pipeline_is_refused_and_the_transform_named(photos, tmp_path, damage):
    change, place = DAMAGE[damage]
    report = verified(photos, tmp_path, change)
    assert not report.passed
    if damage != "a crop of another size":  # that does not run
        assert all(diagnostic.at == place for diagnostic in report.diagnostics())
    assert all(runtime.passed for runtime in report.runtimes if "pipeline" not in runtime.runtime)


def renamed(model):
    """Every value inside has another name, every node too."""
    fixed = {value.name for value in (*model.graph.input, *model.graph.output)}
    for node in model.graph.node:
        node.name = f"renamed_{node.name}"
        for names in (node.input, node.output):
            names[:] = [name if name in fixed or not name else f"renamed_{name}" for name in names]
    for tensor in model.graph.initializer:
        tensor.name = f"renamed_{tensor.name}"
    del model.graph.value_info[:]


def reordered(model):
    """The nodes from behind, which onnxruntime sorts by itself."""
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))


@pytest.mark.parametrize("change", [renamed, pytest.param(reordered, marks=pytest.mark.slow)])
def test_a_pipeline_written_otherwise_is_no_damage(photos, tmp_path, change):
    assert verified(photos, tmp_path, change).passed


TABLE = """
graphspec = 1
[inputs]
features = ["N", 13]
[layers]
hidden = { type = "Linear", out_features = 8 }
relu   = "ReLU"
out    = { type = "Linear", out_features = 3 }
[data]
dataset    = "wine"
transforms = ["StandardScaler"]
[train]
epochs = 1
"""


def test_a_table_goes_in_as_the_file_has_it_and_is_standardised_by_the_training_part(tmp_path):
    bundle = pipeline.export(TABLE, tmp_path / "wine", formats=["pipeline"])
    data = data_of(TABLE)
    raw = data.train.inputs["features"]
    session = onnxruntime.InferenceSession(bundle.path("pipeline"), providers=["CPUExecutionProvider"])
    label, probabilities = session.run(None, {"features": raw.numpy()})
    scaled = ((raw.double() - raw.double().mean(0)) / raw.double().std(0, correction=0)).float()
    with torch.no_grad():
        expected = pipeline.compile(TABLE).eval()(scaled).softmax(1).numpy()
    assert np.abs(probabilities - expected).max() < 1e-5
    assert (label == expected.argmax(1)).all()
    (entry,) = bundle.manifest["transforms"]
    assert np.allclose(entry["mean"], raw.double().mean(0))


SECONDS = """
graphspec = 1
[inputs]
x = ["N", 1]
[layers]
fc = { type = "Linear", out_features = 1 }
[data]
dataset    = { type = "csv", file = "seconds.csv", target = "y" }
transforms = ["StandardScaler"]
[train]
loss = "MSELoss"
"""


def test_the_digits_of_a_table_reach_the_scaling(tmp_path):
    """Seconds since 1970 are all the same in float32."""
    seconds = 1_700_000_000 + np.arange(100.0)
    (tmp_path / "seconds.csv").write_text("t,y\n" + "".join(f"{t:.0f},{t % 7}\n" for t in seconds))
    bundle = pipeline.export(SECONDS, tmp_path / "export", formats=["pipeline"], data=tmp_path)
    (entry,) = bundle.manifest["transforms"]
    session = onnxruntime.InferenceSession(bundle.path("pipeline"), providers=["CPUExecutionProvider"])
    (value,) = session.run(None, {"x": seconds[:, None]})
    with torch.no_grad():
        scaled = torch.from_numpy((seconds - entry["mean"][0]) / entry["std"][0]).float()[:, None]
        expected = pipeline.compile(SECONDS).eval()(scaled).numpy()
    assert len(np.unique(value)) == 100
    assert np.abs(value - expected).max() < 1e-5


REGRESSION = """
graphspec = 1
[inputs]
x = ["N", 1]
[layers]
fc = { type = "Linear", out_features = 1 }
[outputs]
y = "fc"
[data]
dataset = "line"
[train]
loss = "MSELoss"
"""


STRIPS = """
graphspec = 1
[inputs]
image = ["N", 1, 8, "W"]
[layers]
each = { type = "Conv2d", out_channels = 10, kernel_size = 8, padding = [0, 4] }
most = { type = "amax", dim = [2, 3] }
[data]
dataset = { type = "digit_strips", samples = 40, target = "present" }
[train]
loss = "BCEWithLogitsLoss"
"""


@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_pictures_of_which_one_side_is_open_keep_the_other(tmp_path):
    bundle = pipeline.export(STRIPS, tmp_path / "export", formats=["pipeline"])
    golden = np.load(bundle.folder / "pipeline_golden.npz")
    assert {golden[name].shape[1] for name in golden.files if ".input." in name} == {8}
    report = pipeline.verify(bundle.folder)
    assert report.passed


def test_a_regression_gives_its_value(tmp_path):
    bundle = pipeline.export(REGRESSION, tmp_path / "line", formats=["onnx", "pipeline"])
    assert bundle.manifest["pipeline"]["outputs"] == bundle.manifest["outputs"]
    values = np.linspace(-3, 3, 7, dtype=np.float32)[:, None]
    sessions = [onnxruntime.InferenceSession(bundle.path(format)) for format in ("onnx", "pipeline")]
    whole, network = (session.run(None, {"x": values})[0] for session in sessions)
    assert np.array_equal(whole, network)


@pytest.mark.parametrize(("spec", "words"), [
    (PHOTOS.split("[data]")[0], r"has no \[data\] section"),
    (PHOTOS.replace("photos", "nowhere"), "does not exist"),
    (PHOTOS.replace("out_features = 2", "out_features = 5"), "the output has 5 columns, ImageFolder has 2 classes"),
    (PHOTOS.replace("size = 28 }", 'size = 28, interpolation = "lanczos" }'), 'interpolation "lanczos" cannot be'),
])  # fmt: skip
def test_a_pipeline_that_cannot_be_made_is_refused_and_nothing_published(photos, tmp_path, spec, words):
    with pytest.raises(GraphspecError, match=words):
        pipeline.export(spec, tmp_path / "export", formats=["pipeline"], data=photos[0])
    assert not (tmp_path / "export").exists()
