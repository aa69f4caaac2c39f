"""The bundle's README as a model card (Mitchell et al. 2019, "Model Cards for Model Reporting"): what was measured,
where it ends, how it was made; with the front matter that Hugging Face's hub reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphspec.exporting.bundle.markdown import plain
from graphspec.exporting.bundle.verification_rows import HEADINGS, verification_rows

Manifest = Mapping[str, Any]


def completed(text: str, manifest: Manifest) -> str:
    """The README `text` as the model card of a bundle whose `manifest` holds everything that was measured.

    The sections come before those that say how each file is loaded.
    """
    head, mark, rest = text.partition("\n## ")
    return "\n".join([front_matter(manifest), head, *_sections(manifest)]) + mark + rest


def front_matter(manifest: Manifest) -> str:
    """The lines in YAML at the top of a card, as ``huggingface_hub.ModelCardData`` writes and reads them.

    A licence is not among them: that is for whoever owns the data and the weights to say.
    """
    about: dict[str, Any] = {"library_name": "graphspec"}
    if task := task_of(manifest):
        about["pipeline_tag"] = task
    about["tags"] = ["graphspec", *manifest["formats"]]
    made = _made(manifest)
    dataset = (made.get("data") or {}).get("dataset")
    rows = [(part, row) for part, row in (made.get("metrics") or {}).items() if row and part not in _BESIDE]
    if dataset and rows:
        about["model-index"] = [{"name": manifest["name"], "results": [_result(task, dataset, *row) for row in rows]}]
    return "\n".join(["---", *_yaml(about), "---", ""])


def task_of(manifest: Manifest) -> str:
    """The name of the task, of those that the hub knows (``pipeline_tag``); empty where none is certain."""
    text, labels = manifest.get("text"), manifest.get("labels")
    if text:
        return "text-generation" if text.get("running") else "text-classification" if labels else ""
    ranks = [len(value["shape"]) for value in manifest["inputs"]]
    answers = [len(value["shape"]) for value in manifest["outputs"][:1]]
    if ranks == [4] and labels and "blank" not in (manifest.get("decision") or {}):
        return "image-classification" if answers == [2] else "image-segmentation" if answers == [4] else ""
    stored = (_made(manifest).get("data") or {}).get("dataset")
    if stored in ("series", "seasons"):
        return "time-series-forecasting"
    if stored in _TABLES:
        return "tabular-classification" if labels else "tabular-regression"
    return ""


#: Data sets that are tables.
_TABLES = ("csv", "parquet", "iris", "wine", "breast_cancer", "diabetes")


def _result(task: str, dataset: str, part: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    return {
        "task": {"type": task or "other"},
        "dataset": {"type": dataset, "name": dataset, "split": part},
        "metrics": [{"type": name, "value": value} for name, value in metrics.items()],
    }


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """`value` in YAML's block style; a scalar as JSON has it, which YAML reads."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping | list):
                yield f"{indent}{key}:"
                yield from _yaml(item, indent + "  ")
            else:
                yield f"{indent}{key}: {json.dumps(item)}"
        return
    for item in value:
        first, *others = list(_yaml(item, indent + "  ")) if isinstance(item, Mapping) else [json.dumps(item)]
        yield f"{indent}- {first.lstrip()}"
        yield from others


def _made(manifest: Manifest) -> Mapping[str, Any]:
    return manifest.get("provenance") or {}


def _sections(manifest: Manifest) -> Iterator[str]:
    yield from _evaluation(manifest)
    yield from _verification(manifest["verification"])
    yield from _limits(manifest)
    yield from _how(manifest)


#: What stands among a run's parts and is none: what is said of it behind the name of the last part, which it forecasts.
_BESIDE = {"naive": "by a naive forecast: the last season again"}


def _evaluation(manifest: Manifest) -> Iterator[str]:
    metrics, samples = _made(manifest).get("metrics"), _made(manifest).get("samples") or {}
    if not metrics:
        return
    names = list(dict.fromkeys(name for row in metrics.values() for name in row))
    *_, last = (part for part in metrics if part not in _BESIDE)
    rows = []
    for part, row in metrics.items():
        name = f"{last}, {_BESIDE[part]}" if part in _BESIDE else part
        rows.append([name, _count(samples.get(part)), *(f"{row[key]:.4g}" if key in row else "" for key in names)])
    yield "## Evaluation\n\nThese weights on each part of the data they were trained with:\n"
    yield _table(["part", "samples", *names], rows)


def _count(samples: Any) -> str:
    if not (isinstance(samples, list | tuple) and len(samples) == 2):
        return ""
    measured, present = samples
    return f"{present}" if measured == present else f"{measured} of {present}"


def _verification(verification: Manifest) -> Iterator[str]:
    if not verification.get("runtimes"):
        return
    rows = [(f"`{name}`", *row) for name, *row in verification_rows(verification)]
    yield (
        "## Verification\n\nEach file was run beside the network in float64 before it was published. The error is that"
        " of the worst output, relative to its greatest value; 100 % of what is allowed is what rounding alone"
        " explains.\n"
    )
    yield _table([heading.lower() for heading in HEADINGS], rows)


def _limits(manifest: Manifest) -> Iterator[str]:
    rows = []
    if manifest.get("weights") == "seeded":
        rows.append("The weights are untrained.")
    if manifest.get("sizes") == "tried":
        rows.append("That it is right at every size was tried, not proven.")
    if manifest.get("labels") and manifest.get("decision"):
        rows.append(f"It knows {len(manifest['labels'])} classes, and calls whatever it is given one of them.")
    if manifest.get("transforms"):
        rows.append("An input that was not prepared as under Preprocessing gets a wrong answer, and no error.")
    if _made(manifest).get("metrics"):
        rows.append("The figures are of samples from the source it was trained on; others were not measured.")
    for row in (manifest.get("variants") or {}).values():
        rows.append(f"`{row['file']}` ({row['precision']}) is close to the network, not equal.")
    if rows:
        yield "\n".join(["## Limits\n", *(f"- {row}" for row in rows), ""])


def _how(manifest: Manifest) -> Iterator[str]:
    made, data = _made(manifest), _made(manifest).get("data") or {}
    rows = [["spec", f"`spec.toml`, sha256 of what it says `{manifest['spec_sha256']}`"]]
    if "seed" in made:
        rows.append(["seed", str(made["seed"])])
    if data.get("dataset"):
        rows.append(["data", f"{plain(str(data['dataset']))}, fingerprint `{plain(str(data.get('fingerprint')))}`"])
    if isinstance(files := data.get("files"), Mapping):
        rows.append(["files of the data", _files_text(files)])
    if made.get("device"):
        engine = f", engine {plain(str(made['engine']))}" if made.get("engine") else ""
        rows.append(["trained on", f"{plain(str(made['device']))} ({plain(str(made.get('device_name', '')))}){engine}"])
    for title, key, of in (("trained with", "versions", made), ("exported with", "versions", manifest)):
        if found := of.get(key):
            rows.append([title, ", ".join(f"{plain(str(k))} {plain(str(v))}" for k, v in found.items())])
    yield "## How it was made\n"
    yield _table(["what", "which"], rows)


def _files_text(files: Mapping[str, Any]) -> str:
    what = "of what they hold" if files.get("of") == "contents" else "of their names and sizes"
    named = "; each by name in `manifest.json`" if files.get("files") else ""
    return f"{files.get('count')}, {files.get('bytes')} bytes, sha256 {what} `{plain(str(files.get('sha256')))}`{named}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {' | '.join(row)} |" for row in rows), ""]
    return "\n".join(lines)
