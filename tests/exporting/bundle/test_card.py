"""A bundle's README is a model card: its front matter is what Hugging Face's own class reads, its figures the run's."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from huggingface_hub import ModelCard

import graphspec
from graphspec.exporting.bundle.card import completed, task_of

TABLE = """
graphspec = 1
name = "no"
[inputs]
x = ["N", 2]
[layers]
fc = { type = "Linear", out_features = 2 }
[data]
dataset    = { type = "csv", file = "t.csv", target = "y", classes = true }
transforms = ["StandardScaler"]
[train]
epochs  = 2
metrics = ["accuracy"]
[export]
formats = ["onnx"]
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    folder.joinpath("t.csv").write_text("a,b,y\n" + "".join(f"{k},{k % 7},{k % 2}\n" for k in range(90)))
    return graphspec.train(TABLE, run=folder / "run", data=folder, device="cpu")


@pytest.fixture(scope="module")
def bundle(trained):
    return graphspec.export(trained.run, trained.run.parent / "export", data=trained.run.parent)


def card_of(bundle):
    return ModelCard((bundle.folder / "README.md").read_text(encoding="utf-8"))


def section(bundle, title):
    return card_of(bundle).text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_hub_s_own_class_reads_the_front_matter(bundle, trained):
    data = card_of(bundle).data
    assert (data.library_name, data.pipeline_tag, data.model_name) == (
        "graphspec",
        "tabular-classification",
        "no",
    )
    assert data.tags == ["graphspec", "onnx"]
    found = {(each.dataset_split, each.metric_type): each.metric_value for each in data.eval_results}
    assert found == {(part, name): value for part, row in trained.metrics.items() for name, value in row.items()}


def test_metrics_and_samples_are_those_of_the_run(bundle, trained):
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\S+) \| (\S+) \|$", section(bundle, "Evaluation"), re.M)
    evaluation = trained.evaluation
    assert rows == [
        (part, str(evaluation.samples[part][1]), f"{row['loss']:.4g}", f"{row['accuracy']:.4g}")
        for part, row in trained.metrics.items()
    ]


def test_a_naive_forecast_is_none_of_the_parts(bundle):
    made = bundle.manifest["provenance"]
    metrics = made["metrics"] | {"naive": {"loss": 0.5}}
    text = completed("# no\n\n## End\n", bundle.manifest | {"provenance": made | {"metrics": metrics}})
    assert "| test, by a naive forecast: the last season again |  | 0.5 |  |" in text
    assert {each.dataset_split for each in ModelCard(text).data.eval_results} == {"train", "validation", "test"}


def test_it_says_what_was_verified_and_how_it_was_made(bundle):
    assert "| `onnxruntime` |" in section(bundle, "Verification")
    made = section(bundle, "How it was made")
    said = bundle.manifest["provenance"]
    assert said["data"]["files"]["files"].keys() == {"t.csv"}
    for text in (bundle.manifest["spec_sha256"], said["data"]["fingerprint"], said["data"]["files"]["sha256"]):
        assert text in made
    assert "An input that was not prepared" in section(bundle, "Limits")


def test_figures_of_other_weights_are_left_out(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    shutil.copyfile(run / "last.safetensors", run / "best.safetensors")
    evaluation = json.loads((run / "evaluation.json").read_text())
    (run / "evaluation.json").write_text(json.dumps(evaluation | {"weights": "0" * 64}))
    made = graphspec.export(run, tmp_path / "export", data=trained.run.parent)
    assert "metrics" not in made.manifest["provenance"]
    assert "## Evaluation" not in card_of(made).text
    assert not card_of(made).data.eval_results


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"parts": 3, "samples": 4}', '{"seed": "x\\ny", "versions": {"a": "|b"}}']
)
def test_a_damaged_run_is_exported_without_what_cannot_be_read(content, trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    for name in ("evaluation.json", "environment.json"):
        (run / name).write_text(content)
    made = graphspec.export(run, tmp_path / "export", data=trained.run.parent)
    assert "seed" not in made.manifest.get("provenance", {})
    assert card_of(made).data.library_name == "graphspec"


def test_a_spec_s_export_makes_no_claim(tmp_path):
    made = graphspec.export(TABLE, tmp_path / "export", overwrite=True)
    text = card_of(made).text
    assert "provenance" not in made.manifest
    assert "## Evaluation" not in text
    assert "- The weights are untrained." in text


CNN = {"inputs": [{"shape": ["N", 3, 8, 8]}], "labels": ["a", "b"]}
TASKS = {
    "image-classification": CNN | {"outputs": [{"shape": ["N", 2]}]},
    "image-segmentation": CNN | {"outputs": [{"shape": ["N", 2, 8, 8]}]},
    "text-generation": {"text": {"running": True}, "labels": ["a"]},
    "text-classification": {"text": {"running": False}, "labels": ["a"]},
    "tabular-regression": {
        "inputs": [{"shape": ["N", 3]}], "outputs": [{"shape": ["N", 1]}], "provenance": {"data": {"dataset": "csv"}},
    },
    "": {"inputs": [{"shape": ["N", 3]}], "outputs": [{"shape": ["N", 1]}]},
}  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_the_task_is_named_as_the_hub_names_it(task):
    assert task_of(TASKS[task]) == task
