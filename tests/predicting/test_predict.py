"""Predictions: of test samples and of the user's files, from a run and from an export, all the same."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from graphspec import GraphspecError, GraphspecWarning, pipeline
from graphspec.compiler import Network
from graphspec.data import data_of
from graphspec.predicting import function, module_function

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """A run of digits (two epochs) and its export."""
    folder = tmp_path_factory.mktemp("digits")
    report = pipeline.train(SPECS / "digits.toml", run=folder / "run", epochs=2)
    return report.run, pipeline.export(report.run, folder / "export", formats=["onnx"]).folder


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images[:12] / 16).astype(np.float32)[:, None], bunch.target[:12]


def test_an_export_predicts_what_its_run_predicts(trained):
    run, export = (pipeline.predict(each, count=40) for each in trained)
    assert [p.label for p in run] == [p.label for p in export]
    assert [p.target for p in run] == [p.target for p in export]
    np.testing.assert_allclose([p.outputs["output"] for p in run], [p.outputs["output"] for p in export], atol=1e-4)


def test_many_samples_are_computed_in_parts(trained, tmp_path, monkeypatch):
    """A file of more samples than memory holds activations of; predictions are those of each alone."""
    seen = []
    monkeypatch.setattr(function, "module_function", lambda *of: lambda x: [seen.append(len(x[0])), run(x)][1])
    run = module_function(Network.open(trained[0]).build(), ["output"])
    images = np.random.default_rng(0).random((600, 1, 8, 8), dtype=np.float32)
    np.save(tmp_path / "many.npy", images)
    found = pipeline.predict(trained[0], [tmp_path / "many.npy"])
    assert (sum(seen), max(seen)) == (600, 256)
    assert found[0].sample.endswith(":1")
    np.testing.assert_allclose(found[599].outputs["output"], run([torch.from_numpy(images[599:])])["output"][0], 1e-5)


def test_the_truth_of_test_samples_is_known_and_mostly_met(trained):
    found = pipeline.predict(trained[1], count=100)
    assert np.mean([p.label == p.target for p in found]) > 0.85


def test_the_probability_is_softmax_of_the_outputs(trained):
    for prediction in pipeline.predict(trained[0], count=5):
        softmax = torch.tensor(prediction.outputs["output"]).softmax(0)
        assert prediction.probability == pytest.approx(softmax.max().item())
        assert prediction.label == str(softmax.argmax().item())


def test_arrays_and_images_give_the_same(trained, digits, tmp_path):
    """A batch in .npy, each sample in .npy, and the same pixels as uint8 in PNG, grey and as colour."""
    images, _ = digits
    pixels = np.round(images * 255).astype(np.uint8)
    np.save(tmp_path / "batch.npy", pixels)
    np.save(tmp_path / "one.npy", pixels[3])
    Image.fromarray(pixels[3, 0]).save(tmp_path / "grey.png")
    Image.fromarray(pixels[3, 0]).convert("RGB").save(tmp_path / "colour.png")
    batch, *others = (
        pipeline.predict(trained[1], [tmp_path / name]) for name in ("batch.npy", "one.npy", "grey.png", "colour.png")
    )
    assert len(batch) == 12
    assert batch[3].sample.endswith("batch.npy:4")
    for (other,) in others:
        np.testing.assert_allclose(other.outputs["output"], batch[3].outputs["output"], atol=1e-5)
        assert other.target is None


def test_rows_of_a_table_are_standardised_as_in_training(tmp_path, monkeypatch):
    """perceptron.toml scales by the training part's mean and deviation: a file's raw rows are scaled by the same."""
    from sklearn.datasets import load_breast_cancer

    monkeypatch.chdir(tmp_path)
    bunch = load_breast_cancer()
    np.savetxt("rows.csv", bunch.data[:40], delimiter=",")
    report = pipeline.train(SPECS / "perceptron.toml", run=tmp_path / "run", epochs=5)
    found = pipeline.predict(report.run, ["rows.csv"])
    assert (
        np.mean([p.label == bunch.target_names[target] for p, target in zip(found, bunch.target, strict=False)]) > 0.9
    )
    assert all(p.probability >= 0.5 for p in found)


def test_regression_has_values_and_no_label(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = pipeline.train(SPECS / "linear_regression.toml", run=tmp_path / "run", epochs=1)
    np.savetxt("x.csv", [[0.5], [1.0], [1.5]], delimiter=",")
    found = pipeline.predict(report.run, ["x.csv"])
    values = [p.outputs["output"][0] for p in found]
    assert values[1] - values[0] == pytest.approx(values[2] - values[1], abs=1e-5)
    assert {p.label for p in found} == {None}


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("photo.png", np.zeros((9, 9), np.uint8), "shape-mismatch"),
        ("digit.npy", np.zeros((1, 8, 9), np.float32), "shape-mismatch"),
        ("torn.png", b"\x89PNG\r\n\x1a\n", "bad-data"),
        ("torn.npy", b"\x93NUMPY", "bad-data"),
        ("objects.npy", np.array([{}], dtype=object), "bad-data"),
        ("words.csv", b"one,two\nthree,4\n", "bad-data"),
        ("model.pkl", b"", "wrong-extension"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(trained, tmp_path, monkeypatch, name, content, code):
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif name.endswith(".png"):
        Image.fromarray(content).save(path)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(GraphspecError) as refused:
        pipeline.predict(trained[1], [path])
    assert [fault.code for fault in refused.value.diagnostics] == [code]
    assert name in str(refused.value)


def test_a_missing_file_and_a_folder_that_is_no_run_are_refused(trained, tmp_path):
    for source, files in ((trained[1], [tmp_path / "no.npy"]), (tmp_path, [])):
        with pytest.raises(GraphspecError):
            pipeline.predict(source, files)


HOMES = """
graphspec = 1
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 1 }
[data]
dataset    = { type = "csv", file = "homes.csv", target = "price" }
batch_size = 60
validation = 0
test       = 0
[train]
epochs    = 40
loss      = "MSELoss"
optimizer = { type = "LBFGS", lr = 1.0, line_search_fn = "strong_wolfe" }
"""


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> Path:
    """A folder with a table of numbers and texts, and a run that has learned its straight line."""
    folder = tmp_path_factory.mktemp("homes")
    rows = (f"{r},{d},{r * 10 + k * 5}" for r in range(1, 21) for k, d in enumerate(("north", "south", "east")))
    (folder / "homes.csv").write_text("rooms,district,price\n" + "\n".join(rows) + "\n")
    pipeline.train(HOMES, run=folder / "run", data=folder)
    return folder


NEW_HOMES = {
    "as in training": ("new.csv", "rooms,district\n3,north\n5,east\n"),
    "another order and the target": ("new.csv", "district,price,rooms\nnorth,0,3\neast,,5\n"),
    "bare numbers": ("bare.CSV", "3,0,1,0\n5,1,0,0\n"),
}


@pytest.mark.parametrize("case", NEW_HOMES)
def test_a_table_is_read_as_the_training_table_was(homes, case):
    name, text = NEW_HOMES[case]
    (homes / name).write_text(text)
    found = pipeline.predict(homes / "run", [homes / name], data=homes)
    assert [p.outputs["output"][0] for p in found] == pytest.approx([30, 60], abs=0.05)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rooms,district\n007,north\n", r'"007" is a code, as it begins with 0, among numbers'),
        ("rooms\n3\n", r'has no column "district"; the training table.s are "rooms", "district"'),
        ("3,0,1\n", r"has 3 numbers a row, the network takes 4: rooms 1, district 3"),
        ("rooms,district\nNA,north\n", r'row 2, column "rooms": "NA" is no finite number'),
    ],
)
def test_a_table_that_is_not_like_it_is_refused(homes, text, expected):
    (homes / "odd.csv").write_text(text)
    with pytest.raises(GraphspecError, match=expected):
        pipeline.predict(homes / "run", [homes / "odd.csv"], data=homes)


def test_a_text_that_training_has_not_seen_is_said(homes):
    (homes / "odd.csv").write_text("rooms,district,colour\n3,west,red\n")
    with pytest.warns(GraphspecWarning) as said:
        pipeline.predict(homes / "run", [homes / "odd.csv"], data=homes)
    texts = " ".join(str(each.message) for each in said)
    assert '"west" is no text of the training table' in texts
    assert 'not used: "colour"' in texts


def test_a_picture_of_another_size_is_refused_with_what_brings_it_there(trained, tmp_path):
    Image.fromarray(np.zeros((200, 200), np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(GraphspecError, match=r"is 1 × 200 × 200, .* takes 1 × 8 × 8; bring it .* resize\(\(8, 8\)\)"):
        pipeline.predict(trained[0], [tmp_path / "photo.png"])


def test_what_was_done_to_a_picture_and_that_it_is_unlike_the_others_is_said(trained, digits, tmp_path):
    """Dark on bright, where the digits are bright on dark; in colours, and turned by its EXIF tag."""
    exif = Image.Exif()
    exif[0x0112] = 3
    pixels = 255 - np.round(digits[0][3, 0] * 255).astype(np.uint8)
    Image.fromarray(pixels[::-1, ::-1]).convert("RGB").save(tmp_path / "dark.png", exif=exif)
    with pytest.warns(GraphspecWarning) as said:
        pipeline.predict(trained[0], [tmp_path / "dark.png"])
    texts = " ".join(str(each.message) for each in said)
    assert "read as grey, turned as its EXIF tag says" in texts
    assert "is unlike the training images: its mean brightness is" in texts
    assert "invert it" in texts


def test_what_was_learned_is_kept_and_the_data_are_not_read_again(homes, tmp_path):
    spec = HOMES.replace("batch_size", 'transforms = ["StandardScaler"]\nbatch_size')
    run = pipeline.train(spec, run=tmp_path / "run", epochs=2, data=homes).run
    export = pipeline.export(run, tmp_path / "export", formats=["onnx"], data=homes).folder
    (tmp_path / "new.csv").write_text("district,rooms\nnorth,3\neast,5\n")
    raw = np.array([[3.0, 0, 1, 0], [5, 1, 0, 0]])
    scaler = data_of(spec, homes).transforms[0]
    scaled = torch.from_numpy((raw - scaler["mean"]) / scaler["std"]).float()
    expected = Network.open(run).build().eval()(scaled).tolist()
    for folder in (run, export):
        found = pipeline.predict(folder, [tmp_path / "new.csv"], data=tmp_path / "nowhere")
        np.testing.assert_allclose([each.outputs["output"] for each in found], expected, rtol=1e-5)
    again = pipeline.export(run, tmp_path / "again", formats=["onnx"])
    assert again.manifest["transforms"] == [scaler]


@pytest.mark.parametrize("text", ['{}', "no JSON", '{"labels": {}, "values": {"x": [{"mean": [0], "std": [-1]}]}, '
                                  '"columns": null, "brightness": null}'])  # fmt: skip
def test_what_graphspec_has_not_written_is_not_believed(trained, tmp_path, text):
    run = shutil.copytree(trained[0], tmp_path / "run")
    (run / "learned.json").write_text(text)
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(GraphspecError, match=r"learned.json. is none that graphspec wrote"):
        pipeline.predict(run, [tmp_path / "x.npy"])
