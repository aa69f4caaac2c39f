"""Each transform of ``pipeline.onnx`` in onnxruntime against its torch side, on its own cases, dtypes and sizes."""

from __future__ import annotations

import re

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from PIL import Image
from torchvision.transforms import v2

import graphspec
from graphspec.data.sources.arrays import npz_arrays
from graphspec.data.sources.source import Place
from graphspec.data.transforms import SIZE_TRANSFORMS, Normalize, SizeTransforms, resolved, size_transforms
from graphspec.diagnostics import GraphspecError
from graphspec.exporting.preprocessing import RawInput
from graphspec.exporting.tape import Taped
from graphspec.spec.base import Component

#: Height and width: equal to a target, odd, larger, smaller, in one direction alone, one pixel.
SIZES = [(28, 28), (31, 57), (120, 33), (200, 310), (7, 9), (24, 1), (2, 64), (1, 1)]
DTYPES = ["uint8", "int16", "int64", "float32", "float64"]
CASES = [(name, args) for name, cls in SIZE_TRANSFORMS.items() for args in cls.cases]


def named(value):
    return ",".join(f"{k}={v}" for k, v in value.items()) or "-" if isinstance(value, dict) else None


def in_onnxruntime(before):
    """`before` as an ONNX model, and as a function from a raw batch to the batch behind each step."""
    import onnx_ir as ir

    op = Taped("t")
    kind = ir.TensorType(ir.DataType.from_numpy(np.dtype(before.dtype)))
    raw = ir.Value(name="raw", shape=ir.Shape(before.shape), type=kind)
    found = before.write(op, raw)
    found = [op("Identity", value) for value in found]  # a step may leave its input as it is
    for value in found:
        value.shape = ir.Shape([None] * len(before.shape))
    model = ir.Model(ir.Graph([raw], found, nodes=op.tape.nodes, initializers=op.tape.initializers,
                              opset_imports={"": 20}, name="g"), ir_version=10)  # fmt: skip
    proto = onnx.shape_inference.infer_shapes(ir.to_proto(model), strict_mode=True)
    for output in proto.graph.output:
        known = {v.name: v.type.tensor_type.elem_type for v in proto.graph.value_info}
        output.type.tensor_type.elem_type = output.type.tensor_type.elem_type or known[output.name]
    onnx.checker.check_model(proto, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return proto, lambda batch: session.run(None, {"raw": np.ascontiguousarray(batch)})


def one_step(name, args, stored, channels=3):
    """The preprocessing that is this one transform, of images of the dtype `stored` with open sizes."""
    sizes = size_transforms([Component.model_validate({"type": name} | args)])
    shape = ("N", "height", "width", channels) if stored == "uint8" else ("N", channels, "height", "width")
    return RawInput(stored, shape, sizes)


def images(dtype, height, width, folder, channels=3):
    """Two pictures of noise, and two of its extremes, as the data set holds such an array."""
    noise = np.random.default_rng(0).integers(0, 256, (2, channels, height, width))
    both = np.concatenate([noise, np.where(noise > 127, 255, 0)])
    if dtype.startswith("int"):
        both = both * 9 - 700  # beyond uint8, and below 0
    array = both.astype(dtype) if "float" not in dtype else (both / 255 * 3 - 1).astype(dtype)
    np.savez(folder / "images.npz", x=array, y=np.arange(4))
    return npz_arrays(Place(folder), "images.npz").train.inputs["x"]


def within(found, expected, name, stored):
    """uint8 to the last bit; whole numbers resized in float32 within 1, and most the same; floats within 1e-6 of
    the largest.
    """
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if stored.startswith("float"):
        return np.abs(found - expected).max() <= 1e-6 * max(1, np.abs(expected).max())
    off = np.abs(found.astype(np.float64) - expected)
    if stored == "int64" and name == "Resize":  # rounded in float32, where halves fall this way or that
        return off.max() <= 1 and np.count_nonzero(off) <= max(1, off.size // 10)
    return off.max() == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "args"), CASES, ids=named)
def test_a_transform_s_onnx_side_is_its_torch_side(name, args, dtype, tmp_path):
    compared, run = 0, None
    for height, width in SIZES:
        if width == 1 < height and name == "Resize" and dtype != "uint8":
            continue  # torch's antialiased kernel for floats gives every row of one column the first one's value
        stored = images(dtype, height, width, tmp_path)
        before = one_step(name, args, str(stored.numpy().dtype))
        raw = stored.permute(0, 2, 3, 1).contiguous() if before.interleaved else stored
        try:
            steps = before.steps(raw)
        except (RuntimeError, ValueError, IndexError):
            continue  # torch does not reflect more pixels than there are
        run = run or in_onnxruntime(before)[1]
        for found, expected in zip(run(raw.numpy()), steps, strict=True):
            assert within(found, expected.numpy(), name, before.dtype), (height, width)
        compared += 1
    assert compared >= 3


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("name", "args"), CASES, ids=named)
def test_a_picture_s_pixels_become_what_torchvision_makes_of_the_picture(name, args, mode, tmp_path):
    channels = {"L": 1, "RGB": 3}[mode]
    before = one_step(name, args, "uint8", channels)
    step, (_, run) = before.resizing, in_onnxruntime(before)
    for height, width in [(31, 57), (28, 28), (90, 12)]:
        noise = np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)
        Image.fromarray(noise.squeeze()).save(tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as picture:
            assert picture.mode == mode
            expected = step(v2.functional.pil_to_tensor(picture))
            found, _ = run(np.asarray(picture).reshape(1, height, width, channels))
        assert np.array_equal(found[0], expected.numpy()), (height, width)


def step(type_, **args):
    return {"type": type_} | args


@pytest.mark.parametrize(("steps", "pads"), [
    ([step("Resize", size=[24, 30]), step("CenterCrop", size=20)], 0),
    ([step("Resize", size=24), step("CenterCrop", size=24)], 0),
    ([step("Resize", size=[24], max_size=30), step("CenterCrop", size=24)], 1),
    ([step("Resize", size=None, max_size=40), step("CenterCrop", size=20)], 1),
    ([step("CenterCrop", size=30), step("CenterCrop", size=20)], 1),
    ([step("CenterCrop", size=16), step("Pad", padding=2), step("CenterCrop", size=20)], 2),
    ([step("Pad", padding=3), step("CenterCrop", size=20)], 2),
    ([step("Grayscale"), step("RGB")], 0),
    ([step("Grayscale", num_output_channels=3), step("Grayscale")], 0),
    ([step("RGB"), step("Grayscale")], 0),
])  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_known_of_images_behind_a_step_decides_over_the_next(steps, pads, channels):
    """Nothing is padded that is large enough for certain: not every runtime pads by what it learns from images."""
    sizes = size_transforms([Component.model_validate(each) for each in steps])
    before = RawInput("uint8", ("N", "height", "width", channels), sizes)
    model, run = in_onnxruntime(before)
    assert [node.op_type for node in model.graph.node].count("Pad") == pads
    for height, width in SIZES:
        raw = torch.randint(0, 256, (2, height, width, channels), dtype=torch.uint8)
        if (height, width) == (2, 64):
            continue  # of which torch makes no pixel where the longer side is bounded
        for found, expected in zip(run(raw.numpy()), before.steps(raw), strict=True):
            assert np.array_equal(found, expected.numpy()), (height, width)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("args", Normalize.cases, ids=named)
@pytest.mark.parametrize("ndim", [2, 4])
def test_scaling_in_onnx_has_torch_s_bits(args, dtype, ndim, tmp_path):
    channels = len(args["mean"])
    stored = images(dtype, 5, 7, tmp_path, channels)
    raw = stored if ndim == 4 else stored[:, :, 0, 0].to(torch.int64 if dtype == "uint8" else stored.dtype)
    kind = str(raw.numpy().dtype)
    shape = {2: ("N", channels), 4: ("N", channels, 5, 7)}[ndim]
    if kind == "uint8":
        raw, shape = raw.permute(0, 2, 3, 1).contiguous(), ("N", 5, 7, channels)
    before = RawInput(kind, shape, *resolved([Component.model_validate({"type": "Normalize"} | args)]))
    _, run = in_onnxruntime(before)
    for found, expected in zip(run(raw.numpy()), before.steps(raw), strict=True):
        assert found.dtype == expected.numpy().dtype
        assert np.array_equal(found, expected.numpy())
    assert (before.steps(raw)[-1] != 0).any()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_the_arithmetic_is_onnx_s_own_and_not_onnxruntime_s(interpolation):
    model, run = in_onnxruntime(one_step("Resize", {"size": [9, 11], "interpolation": interpolation}, "uint8"))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 23, 40, 3), dtype=np.uint8)
    assert np.array_equal(ReferenceEvaluator(model).run(None, {"raw": pixels})[0], run(pixels)[0])


@pytest.mark.slow
def test_every_colour_has_torchvision_s_grey():
    _, run = in_onnxruntime(one_step("Grayscale", {}, "uint8"))
    green, blue = (plane.astype(np.uint8) for plane in np.indices((256, 256)))
    for red in range(256):
        colours = np.stack([np.full_like(green, red), green, blue])[None]
        expected = v2.Grayscale()(torch.from_numpy(colours)).numpy()
        assert np.array_equal(run(colours.transpose(0, 2, 3, 1))[0], expected), red


def test_every_transform_has_cases():
    assert all(len(cls.cases) >= 1 for cls in (*SIZE_TRANSFORMS.values(), Normalize))
    assert isinstance(size_transforms([Component(type="RGB")]), SizeTransforms)


SPEC = """
graphspec = 1
[inputs]
image = ["N", 3, 8, 8]
[layers]
flatten = "Flatten"
fc      = {{ type = "Linear", out_features = 2 }}
[data]
dataset    = {{ type = "ImageFolder", folder = "photos" }}
transforms = [{{ type = {} }}]
[train]
[export]
formats = ["onnx", "pipeline"]
"""


@pytest.mark.parametrize(("entry", "words"), [
    ('"Resize", size = 8, interpolation = "lanczos"', '"lanczos" cannot be written as ONNX.*these can'),
    ('"Resize", size = 8, antialias = false', "Resize without antialias cannot be written.*antialias is on"),
    ('"Pad", padding = -1, padding_mode = "edge"', "Pad with a negative padding .* cannot be written as ONNX"),
    ('"FiveCrop", size = 4', 'unknown transform "FiveCrop"'),
    ('"GaussianBlur", kernel_size = 3', 'unknown transform "GaussianBlur"'),
])  # fmt: skip
def test_what_cannot_be_the_same_to_the_pixel_is_refused_by_compile_at_its_place(entry, words, tmp_path):
    (tmp_path / "photos.toml").write_text(SPEC.format(entry))
    with pytest.raises(GraphspecError) as caught:
        graphspec.compile(tmp_path / "photos.toml")
    text = str(caught.value).replace("\n", " ")
    assert "photos.toml:10:" in text
    assert re.search(words, text)
    assert caught.value.diagnostics[0].at[:3] == ("data", "transforms", 0)
