"""Losses, metrics, callbacks and transforms of the user's own: registered, checked, trained with, resumed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import graphspec
from graphspec import losses
from graphspec.data import load
from graphspec.data.place import DataPlace
from graphspec.data.transforms import own as own_transforms
from graphspec.data.transforms import to_float
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.schema import json_schema
from graphspec.spec.data import DataSpec
from graphspec.training.metrics import table
from graphspec.training.own import callback as own_callbacks
from graphspec.training.own import metric as own_metrics

EXAMPLES = Path(__file__).parent / "trackers.py"
#: Ten lines each, as specs/README.md says.
PACKAGES = {"MLflow": "mlflow", "Wandb": "wandb", "Trackio": "trackio", "Lines": "json"}


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    tables: list[dict[str, Any]] = [
        losses.LOSSES, losses.OWN, table.METRICS, own_metrics.OWN, own_callbacks.OWN, own_transforms.TRANSFORMS,
    ]  # fmt: skip
    before = [dict(each) for each in tables]
    yield
    for each, was in zip(tables, before, strict=True):
        for name in each.keys() - was.keys():
            del each[name]


def focal(output: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """The focal loss (Lin et al. 2017)."""
    log = output.log_softmax(1).gather(1, target.unsqueeze(1))[:, 0]
    return (-((1 - log.exp()) ** gamma) * log).mean()


class Smooth(nn.Module):
    """Cross entropy as a class of one's own."""

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.own = nn.CrossEntropyLoss(label_smoothing=label_smoothing)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.own(output, target)


def test_a_loss_of_ones_own_trains_as_torchs_does(digits: Any, fit: Any, tmp_path: Path) -> None:
    """A focal loss with gamma 0, and a class around torch's, are cross entropy: history and weights say so."""
    graphspec.loss(like="CrossEntropyLoss")(focal)
    graphspec.loss(like="CrossEntropyLoss")(Smooth)
    theirs = fit(digits, tmp_path / "torch")
    for name, loss in (("focal", {"type": "focal", "gamma": 0.0}), ("class", "Smooth")):
        digits["train"]["loss"] = loss
        ours = fit(digits, tmp_path / name)
        assert ours.metrics["test"] == pytest.approx(theirs.metrics["test"], abs=2e-6)


def test_without_like_the_target_is_as_the_data_have_it(digits: Any, fit: Any) -> None:
    seen: list[torch.dtype] = []

    @graphspec.loss
    def own(output: Tensor, target: Tensor) -> Tensor:
        seen.append(target.dtype)
        return nn.functional.cross_entropy(output, target)

    digits["train"] |= {"loss": "own", "metrics": ["accuracy"]}
    assert fit(digits).metrics["test"]["accuracy"] > 0.5
    assert set(seen) == {torch.int64}


def test_a_metric_of_ones_own_sees_all_samples_at_once(digits: Any, fit: Any) -> None:
    counts: list[int] = []

    @graphspec.metric
    def share(outputs: Tensor, targets: Tensor, k: int = 1) -> float:
        counts.append(len(targets))
        return float((outputs.topk(k).indices == targets.unsqueeze(1)).any(1).double().mean())

    digits["train"]["metrics"] = ["accuracy", "share", {"type": "top_k_accuracy", "k": 3}, {"type": "share", "k": 3}]
    digits["train"]["monitor"] = "share"
    report = fit(digits)
    for row in report.metrics.values():
        assert (row["share"], row["share_3"]) == pytest.approx((row["accuracy"], row["top_k_accuracy"]), abs=1e-12)
    assert counts[0] == 1294  # the training part
    assert report.monitor == "share"


def test_callbacks_see_epochs_and_figures(digits: Any, fit: Any, tmp_path: Path) -> None:
    told: list[Any] = []

    @graphspec.callback
    class Told:
        def __init__(self, word: str = "") -> None:
            self.word = word

        def start(self, run: Any) -> None:
            told.append((self.word, run.name, run.epochs_done, run.spec["train"]["epochs"]))

        def epoch(self, figures: dict[str, float]) -> None:
            told.append(figures["epoch"])

        def end(self, figures: dict[str, float]) -> None:
            told.append(figures["test_accuracy"])

    @graphspec.callback
    def each(figures: dict[str, float], key: str = "lr") -> None:
        told.append(figures[key])

    digits["train"] |= {"epochs": 2, "callbacks": [{"type": "Told", "word": "x"}, {"type": "each", "key": "step"}]}
    report = fit(digits)
    assert told == [("x", "run", 0, 2), 1, 11, 2, 22, report.metrics["test"]["accuracy"]]


def test_a_callback_that_fails_in_an_epoch_is_left_out(digits: Any, fit: Any) -> None:
    calls: list[int] = []

    @graphspec.callback
    def broken(figures: dict[str, float]) -> None:
        calls.append(1)
        raise OSError("no server")

    digits["train"]["callbacks"] = ["broken"]
    with pytest.warns(GraphspecWarning, match='"broken" fails with OSError: no server; it is told nothing more'):
        report = fit(digits)
    assert (len(calls), report.epochs) == (1, 3)


@pytest.mark.slow
def test_a_transform_of_ones_own_augments_by_seed_and_batch(digits: Any, fit: Any, tmp_path: Path) -> None:
    @graphspec.transform
    def shade(image: Tensor, least: float = 0.5) -> Tensor:
        return image * (least + (1 - least) * torch.rand(()))

    digits["data"]["augment"] = [{"type": "shade", "least": 0.8}]
    first, second = (fit(digits, tmp_path / name).history for name in ("one", "two"))
    digits["data"]["augment"] = []
    plain = fit(digits, tmp_path / "three").history
    losses = [[row["train_loss"] for row in history] for history in (first, second, plain)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("geometry", [None, False, True])
def test_a_mask_follows_a_transform_that_moves_pixels(geometry: bool | None) -> None:
    """Said to move pixels it takes the mask along, said not to the mask stays; unsaid it is refused."""

    @graphspec.transform(geometry=geometry)
    def flip(image: Tensor) -> Tensor:
        return image.flip(-1) if torch.rand(()) < 2 else image

    data = {"dataset": {"type": "shapes", "samples": 20, "size": 8}, "augment": ["flip"], "batch_size": 4}
    spec = DataSpec.model_validate(data)
    if geometry is None:
        with pytest.raises(GraphspecError, match="whether it moves pixels is not known"):
            load(spec)
        return
    batches = load(spec).batches("train")
    (batch,) = [each for _, each in zip(range(1), batches.shuffled(0), strict=False)]
    stored = batches.samples.take(batches.order(0)[:4])
    (image,), (mask,) = batch.inputs.values(), batch.targets.values()
    (before,), (truth,) = stored.inputs.values(), stored.targets.values()
    assert torch.equal(image, to_float(before).flip(-1))
    assert torch.equal(mask, truth.flip(-1) if geometry else truth)


#: What an own transform gives that is no image, and what is said.
NO_IMAGES: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "a number": (lambda image: image.sum(), "gives a number, not an image C × H × W"),
    "no rows": (lambda image: image[:, :0], "gives 1 × 0 × 8, not an image C × H × W"),
    "five dims": (lambda image: image[None, None], "gives 1 × 1 × 1 × 8 × 8, not an image C × H × W"),
    "nothing": (lambda image: None, "fails with RuntimeError"),
    "complex values": (lambda image: image * 1j, "gives values of complex64, not numbers"),
    "no values": (lambda image: image.to("meta"), "gives a tensor without values"),
    "the end": (lambda image: sys.exit(0), "fails with SystemExit: 0"),
}


@pytest.mark.parametrize("key", ["transforms", "augment", "corrupt"])
@pytest.mark.parametrize("what", NO_IMAGES)
def test_what_is_no_image_is_one_error_wherever_the_transform_stands(what: str, key: str) -> None:
    made, message = NO_IMAGES[what]

    @graphspec.transform(geometry=False)
    def odd(image: Tensor) -> Tensor:
        return made(image)

    with pytest.raises(GraphspecError, match=message):
        list(load(DataSpec.model_validate({"dataset": "digits", key: ["odd"]})).batches("train").shuffled(0))


def test_gradients_of_a_transform_are_nobody_s() -> None:
    @graphspec.transform(geometry=False)
    def traced(image: Tensor) -> Tensor:
        return image.clone().requires_grad_()

    samples = load(DataSpec.model_validate({"dataset": "digits", "transforms": ["traced"]})).train
    assert not any(value.requires_grad for value in samples.inputs.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": {"type": "focal", "gama": 1.0}}, 'focal has no argument "gama"; did you mean "gamma"?'),
        ({"loss": {"type": "focal", "gamma": "x"}}, "focal: gamma must be a number"),
        ({"loss": {"type": "focal", "like": "MSELoss"}}, "focal is like CrossEntropyLoss, not"),
        ({"loss": "focall"}, 'unknown loss "focall"; did you mean "focal"?'),
        ({"metrics": ["nothing"]}, "one of your own comes with --import FILE.py"),
        ({"callbacks": ["nothing"]}, 'unknown callback "nothing"; one of your own comes with --import FILE.py'),
        ({"transforms": ["slopes"]}, 'unknown transform "slopes"; did you mean "_slopes"?'),
        ({"transforms": [{"type": "_slopes", "gian": 1.0}]}, '_slopes has no argument "gian"; did you mean "gain"?'),
        ({"transforms": ["sums"]}, "sums gives a number, not an image C × H × W"),
        ({"transforms": ["logs"]}, "logs makes values that are not finite"),
        ({"transforms": ["StandardScaler", "_slopes"]}, "StandardScaler stands before _slopes; _slopes goes first"),
        ({"loss": "rows"}, r"rows gives a tensor \(2,\), not the mean of a batch"),
        ({"loss": "broken"}, "broken cannot be computed: no way"),
    ],
)
def test_mistakes_are_one_error(digits: Any, fit: Any, change: dict[str, Any], message: str) -> None:
    graphspec.loss(like="CrossEntropyLoss")(focal)

    @graphspec.loss
    def rows(output: Tensor, target: Tensor) -> Tensor:
        return output.sum(1)[:2]

    @graphspec.loss
    def broken(output: Tensor, target: Tensor) -> Tensor:
        raise TypeError("no way")

    graphspec.transform(_slopes)

    @graphspec.transform
    def sums(image: Tensor) -> Tensor:
        return image.sum()

    @graphspec.transform
    def logs(image: Tensor) -> Tensor:
        return image.log()

    digits["data" if "transforms" in change else "train"] |= change
    with pytest.raises(GraphspecError, match=message.replace("?", r"\?").replace("; did", ".*did")):
        fit(digits)


def _slopes(image: Tensor, gain: float = 2.0) -> Tensor:
    return (image - image.roll(1, -1)) * gain


def test_one_among_transforms_is_applied_to_every_sample(digits: Any, fit: Any, tmp_path: Path) -> None:
    """Training, test and prediction are those of data to which it was applied before; statistics are behind it."""
    graphspec.transform(_slopes)
    images, labels = (torch.from_numpy(each) for each in load_digits(return_X_y=True))
    images = (images.reshape(-1, 1, 8, 8) / 16).float()
    digits["data"] = {"dataset": "arrays", "transforms": ["StandardScaler"], "batch_size": 128}
    before = fit(digits, tmp_path / "before", data=(_slopes(images, 3.0), labels))
    digits["data"]["transforms"].insert(0, {"type": "_slopes", "gain": 3.0})
    named = fit(digits, tmp_path / "named", data=(images, labels))
    assert named.metrics == before.metrics
    answers = [graphspec.predict(before, _slopes(images[:9], 3.0)), graphspec.predict(named, images[:9])]
    ours, theirs = ([each.probability for each in answer] for answer in answers)
    assert ours == pytest.approx(theirs, abs=1e-6)
    del own_transforms.TRANSFORMS["_slopes"]
    with pytest.raises(GraphspecError, match='unknown transform "_slopes"'):
        graphspec.predict(named.run, images[:9])


def test_one_among_transforms_is_none_of_pipeline_onnx(digits: Any, fit: Any, tmp_path: Path) -> None:
    graphspec.transform(_slopes)
    digits["data"] |= {"augment": [], "transforms": ["_slopes"]}
    report = fit(digits)
    with pytest.raises(GraphspecError, match="_slopes is a transform of your own, and pipeline"):
        graphspec.export(report, tmp_path / "no", formats=["pipeline"])
    bundle = graphspec.export(report, tmp_path / "yes", formats=["onnx"])
    assert "_slopes: the author's own Python" in (bundle.folder / "README.md").read_text()


@pytest.mark.parametrize("geometry", [None, False, True])
def test_masks_follow_one_among_transforms(geometry: bool | None) -> None:
    @graphspec.transform(geometry=geometry)
    def flip(image: Tensor) -> Tensor:
        return image.flip(-1)

    data = {"dataset": {"type": "shapes", "samples": 20, "size": 8}}
    plain = load(DataSpec.model_validate(data)).train
    spec = DataSpec.model_validate(data | {"transforms": ["flip"]})
    if geometry is None:
        with pytest.raises(GraphspecError, match="whether flip moves pixels is not known, and a target is an image"):
            load(spec)
        return
    changed = load(spec).train
    assert torch.equal(changed.inputs["image"], to_float(plain.inputs["image"]).flip(-1))
    truth = plain.targets["mask"]
    assert torch.equal(changed.targets["mask"], truth.flip(-1) if geometry else truth)


def test_one_among_transforms_of_files_draws_alike_for_each(tmp_path: Path, recwarn: Any) -> None:
    """Files are decoded by many threads: what it draws is the same, and torch's generator stays where it was."""
    from PIL import Image

    @graphspec.transform
    def speckled(image: Tensor) -> Tensor:
        return image + torch.rand(image.shape)

    pictures = np.random.default_rng(0).integers(0, 255, (80, 6, 6, 3), dtype=np.uint8)
    for row, picture in enumerate(pictures):
        (tmp_path / "ab"[row % 2]).mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "ab"[row % 2] / f"{row:02}.png")
    spec = {"dataset": "ImageFolder", "transforms": ["speckled"], "validation": 0, "test": 0}
    before = torch.get_rng_state()
    data = load(DataSpec.model_validate(spec), DataPlace(tmp_path, cache=tmp_path / "cache"))
    assert torch.equal(torch.get_rng_state(), before)
    stored = torch.from_numpy(np.concatenate([pictures[::2], pictures[1::2]])).permute(0, 3, 1, 2)
    noise = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(data.train.inputs["image"], to_float(stored) + noise)
    assert any("what speckled makes of images is not cached" in str(each.message) for each in recwarn)


def test_names_that_are_taken_are_refused() -> None:
    for register, name, owner in (
        (graphspec.loss, "MSELoss", "torch"), (graphspec.metric, "accuracy", "graphspec"),
        (graphspec.transform(geometry=False), "RandomCrop", "torchvision"),
    ):  # fmt: skip
        part = (lambda image: image) if name == "RandomCrop" else (lambda output, target: output)
        part.__name__ = name
        with pytest.raises(ValueError, match=f"{name} is {owner}'s name"):
            register(part)


def test_they_stand_in_the_schema(digits: Any) -> None:
    graphspec.loss(like="CrossEntropyLoss")(focal)

    @graphspec.callback
    def told(figures: dict[str, float], file: str = "x") -> None: ...

    import jsonschema

    graphspec.transform(_slopes)
    digits["data"]["transforms"] = [{"type": "_slopes", "gain": 1.0}]
    digits["train"] |= {"loss": {"type": "focal", "gamma": 1.0}, "callbacks": [{"type": "told", "file": "y"}]}
    jsonschema.validate(digits, json_schema())
    digits["train"]["loss"] = {"type": "focal", "gama": 1.0}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(digits, json_schema())


PARTS = """
import graphspec
@graphspec.loss(like="CrossEntropyLoss")
def mild(output, target, share: float = {share}):
    import torch
    return torch.nn.functional.cross_entropy(output, target, label_smoothing=share)
"""


@pytest.mark.slow
def test_another_text_of_a_part_is_said_when_a_run_goes_on(digits: Any, tmp_path: Path) -> None:
    digits["train"] |= {"loss": "mild", "epochs": 1}
    digits["train"].pop("scheduler")
    (tmp_path / "spec.json").write_text(json.dumps(digits))
    said = []
    for share, more in ((0.1, ()), (0.1, ("--resume", "--epochs", "2")), (0.2, ("--resume", "--epochs", "3"))):
        (tmp_path / "parts.py").write_text(PARTS.format(share=share))
        command = [sys.executable, "-m", "graphspec", "train", "spec.json", "--run", "run", "--import", "parts.py"]
        done = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
    assert "code of your own (mild) goes on bit for bit only" in said[1]
    assert ["the code of mild changed since the run began" in each for each in said] == [False, False, True]


@pytest.mark.parametrize("name", PACKAGES)
def test_trackers_are_ten_lines(name: str, digits: Any, fit: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """What the reference shows for MLflow, Weights & Biases (offline) and trackio, run where the package is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "WANDB_MODE", "offline")
    monkeypatch.setitem(os.environ, "MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setitem(os.environ, "TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip(PACKAGES[name])  # trackio reads its folder then
    spec = importlib.util.spec_from_file_location("trackers", EXAMPLES)
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    digits["train"] |= {"epochs": 2, "callbacks": [name]}
    report = fit(digits)
    if name == "Lines":
        rows = [json.loads(line) for line in (report.run / "figures.jsonl").read_text().splitlines()]
        assert [row.get("epoch") for row in rows] == [1, 2, None]
        assert rows[-1]["test_accuracy"] == report.metrics["test"]["accuracy"]
    if name == "MLflow":
        import mlflow

        (run,) = mlflow.search_runs(output_format="list")
        assert run.data.metrics["test_accuracy"] == report.metrics["test"]["accuracy"]
        assert run.info.status == "FINISHED"
    if name == "Wandb":
        assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    if name == "Trackio":
        assert list((tmp_path / "trackio").rglob("*"))
