"""The part of the bundle's README on the data: from a raw sample to an input, and from an output to a class.

The lines of Python are those of every snippet: run on raw rows or pictures, they give what training saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphspec.data.transforms import SIZE_TRANSFORMS
from graphspec.exporting.bundle.markdown import code_of, plain
from graphspec.exporting.bundle.snippets import Signature, Sizes, code, example_shape
from graphspec.exporting.several_labels import EACH

_NORMALIZE = "Normalize"
#: Real samples in the bundle, by input name.
SAMPLE = "sample.npz"


def data_section(about: Signature) -> Iterator[str]:
    """What is done to a raw sample and what the outputs' columns mean; nothing where no data are known."""
    if about.get("transforms"):
        rows = [f"{k}. {_in_words(step)}" for k, step in enumerate(about["transforms"], 1)]
        yield "\n".join([
            "## Preprocessing\n",
            "The network takes samples as training saw them. Raw ones, as the data set holds them, go through this,"
            " in this order; the Python below does it.\n",
            *(["0. Pixels from 0 to 255 become floats from 0 to 1."] if "uint8" in _stored(about).values() else []),
            *rows,
            "",
        ])  # fmt: skip
    if about.get("labels") and not (about.get("text") or {}).get("running"):
        names = ", ".join(f"{k} {plain(label)}" for k, label in enumerate(about["labels"]))
        yield f"## Classes\n\n{names}\n"
    yield from _labels(about)


def _labels(about: Signature) -> Iterator[str]:
    """What the columns are of which each decides by itself, and from where on it does; nothing of others."""
    decision = about.get("decision") or {}
    if decision.get("rule") != EACH:
        return
    what = "`1 / (1 + exp(-x))` of its column `x`" if decision["sigmoid"] else "its column"
    pairs = enumerate(zip(decision["labels"], decision["thresholds"], strict=True))
    rows = [f"| {k} | {plain(name)} | {threshold:g} |" for k, (name, threshold) in pairs]
    heads = ["| column | label | applies above |", "|---|---|---|"]
    yield f"## Labels\n\nSeveral may apply to a sample, each where {what} is above its threshold.\n"
    yield "\n".join([*heads, *rows, ""])


def prepared(about: Signature, value: Mapping[str, Any], shape: Sequence[int]) -> list[str]:
    """Lines of Python that turn ``raw``, zeros of `shape` for real samples to take their place, into input `value`."""
    steps = [step for step in about.get("transforms") or () if step.get("input", value["name"]) == value["name"]]
    stored = _stored(about).get(value["name"], value["dtype"])
    dtype = {"bool": "bool_"}.get(stored, stored)
    sizes = [step for step in steps if step["type"] != _NORMALIZE]
    own = {"bool": "bool_"}.get(value["dtype"], value["dtype"])
    real = "float32" if stored in ("uint8", "float32") else "float64"
    if value["name"] in _stored(about):
        end = ", brought to size" if sizes else ""
        lines = [f'raw = np.load("{SAMPLE}")["{value["name"]}"]  # real samples, as the data set holds them{end}']
    else:
        lines = [f"raw = np.zeros({tuple(shape)}, dtype=np.{dtype})  # samples as the data set holds them"]
    if sizes:
        made = ", ".join(f"{'v2.' * _is_known(step)}{step['type']}({_arguments(step)})" for step in sizes)
        lines += ["# torchvision brings pictures of other sizes there:"]
        lines += [f"# v2.Compose([{made}])(torch.from_numpy(raw))"]
        lines += [f"# {step['type']} is code of the author's own" for step in sizes if not _is_known(step)]
    scaling = [step for step in steps if step["type"] == _NORMALIZE]
    if stored == "uint8" and value["dtype"].startswith("float"):
        lines.append("raw = raw.astype(np.float32) / np.float32(255)")
    elif scaling and stored != real:
        lines.append(f"raw = raw.astype(np.{real})")
    for step in scaling:
        mean, std = (f"np.{real}({step[key]})" for key in ("mean", "std"))
        by_channel = f".reshape({(1, -1, *[1] * (len(shape) - 2))})" if len(shape) > 2 else ""
        lines.append(f"raw = (raw - {mean}{by_channel}) / {std}{by_channel}")
    return [*lines, f"raw = raw.astype(np.{own})"]


def decided(about: Signature) -> list[str]:
    """Lines of Python that print the classes which ``outputs`` decide for; none where there are none."""
    decision = about.get("decision")
    if decision and decision["rule"] == EACH:
        column = f"outputs[{json.dumps(decision['output'])}]"
        return label_lines(decision, f"1 / (1 + np.exp(-{column}))" if decision["sigmoid"] else column)
    if not decision or not about.get("labels"):
        return []
    scores = f"outputs[{json.dumps(decision['output'])}]"
    if decision["rule"] in ("greatest", "least"):
        chosen = f"{scores}.{'argmax' if decision['rule'] == 'greatest' else 'argmin'}(1)"
    else:
        sign = ">" if decision["rule"] == "above" else "<"
        chosen = f"({scores}[:, 0] {sign} {decision['threshold']}).astype(int)"
    if "blank" in decision:
        return sequence_lines(chosen, decision["blank"], about["labels"])
    if len(about["outputs"][0]["shape"]) > 2:
        return [f"print({chosen})  # the number of a class at each position"]
    labels = json.dumps(about["labels"], ensure_ascii=False)
    return [f"labels = {labels}", f"print([labels[k] for k in {chosen}])"]


def run_on_samples(about: Signature, sizes: Sizes, keep: str, run: Sequence[str]) -> Iterator[str]:
    """Python that prepares ``inputs`` by name, each as `keep` makes it of ``raw``, does `run`, says what it decides."""
    lines = ["inputs = {}"]
    for value in about["inputs"]:
        lines += [*prepared(about, value, example_shape(value, sizes)), f'inputs["{value["name"]}"] = {keep}']
    yield code("python", [*run[:-1], *lines, run[-1], *decided(about)])
    if about.get("answers") and decided(about):
        yield f"It prints, as the network itself decides for these samples: {code_of(repr(about['answers']))}\n"


def sequence_lines(steps: str, blank: int, labels: Sequence[str]) -> list[str]:
    """Lines of Python that print the sequence which the classes of the first sample's `steps` stand for."""
    return [
        f"labels = {json.dumps(labels, ensure_ascii=False)}",
        f"steps = {steps}[0]  # one class of each that repeats, then none that is the blank",
        f"print([labels[k] for k, before in zip(steps, [-1, *steps[:-1]]) if k not in (before, {blank})])",
    ]


def label_lines(decision: Mapping[str, Any], shares: str) -> list[str]:
    """Lines of Python that print which labels apply to each sample, by `shares`, N × labels."""
    return [
        f"labels = {json.dumps(decision['labels'], ensure_ascii=False)}",
        f"above = {shares} > np.array({decision['thresholds']})",
        "print([[name for name, applies in zip(labels, row) if applies] for row in above])",
    ]


def _stored(about: Signature) -> dict[str, str]:
    return dict(about.get("stored") or {})


def _arguments(step: Mapping[str, Any]) -> str:
    given = {key: value for key, value in step.items() if key not in ("type", "input")}
    words = {key: f'v2.InterpolationMode("{value}")' for key, value in given.items() if key == "interpolation"}
    return ", ".join(f"{key}={words.get(key, repr(value))}" for key, value in given.items())


def _in_words(step: Mapping[str, Any]) -> str:
    of = f" (of `{step['input']}`)" if "input" in step else ""
    if step["type"] == _NORMALIZE:
        return f"Normalize{of}: (x − mean) / std for each feature or channel; mean {step['mean']}, std {step['std']}"
    if not _is_known(step):
        arguments = f"({_arguments(step)})" if _arguments(step) else ""
        return f"{step['type']}{arguments}{of}: the author's own Python, of one image C × H × W of floats in [0, 1]"
    return f"{step['type']}{of}: {_arguments(step) or 'as torchvision has it'}"


def _is_known(step: Mapping[str, Any]) -> bool:
    """Whether torchvision has it."""
    return step["type"] in SIZE_TRANSFORMS
