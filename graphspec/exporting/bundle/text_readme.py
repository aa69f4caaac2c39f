"""The part of the bundle's README on texts: ONNX has no tokenizer, and ``tokenizer.json`` beside the model is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.data.text.encoding import FILE, MASK
from graphspec.exporting.bundle.data_readme import prepared
from graphspec.exporting.bundle.snippets import Signature, Sizes, code, example_shape

_RUN = 'session = onnxruntime.InferenceSession("model.onnx")'


def text_section(about: Signature, sizes: Sizes) -> Iterator[str]:
    """How texts become inputs, in lines that run in the bundle's folder; nothing where there are no texts.

    `sizes` are example sizes of the dynamic dims.
    """
    text = about.get("text")
    if not text:
        return
    lines = ["import numpy as np", "import onnxruntime", "from tokenizers import Tokenizer", ""]
    lines += [f'tokenizer = Tokenizer.from_file("{FILE}")', "tokenizer.encode_special_tokens = True"]
    yield (
        f"## Texts\n\nA text becomes ids outside of the model: `{FILE}` is a tokenizer of Hugging Face's `tokenizers`"
        " (Python, Rust, JavaScript), trained on the training part.\n"
    )
    yield code("python", [*lines, *(_next(about, text) if text["running"] else _padded(about, text, sizes))])


def _padded(about: Signature, text: Mapping[str, Any], sizes: Sizes) -> list[str]:
    """Lines for two texts of each input that takes them; what else the network takes is a sample's."""
    length, wanted = text["length"], [value["name"] for value in about["inputs"]]
    lines = [f"tokenizer.enable_truncation({length})", f'tokenizer.enable_padding(pad_token="[PAD]", length={length})']
    given = []
    for name in text["inputs"]:
        if name not in wanted and len(wanted) > 1:
            continue
        lines.append(f'texts = ["a text", "another one"]  # {name}')
        lines.append("found = tokenizer.encode_batch(texts, add_special_tokens=False)")
        lines.append(f"{name} = np.array([each.ids for each in found])")
        given.append((name if name in wanted else wanted[0], name))
        if MASK.format(name) in wanted:
            lines.append(f"{MASK.format(name)} = np.array([each.attention_mask for each in found])")
            given.append((MASK.format(name), MASK.format(name)))
    dtypes = {value["name"]: {"bool": "bool_"}.get(value["dtype"], value["dtype"]) for value in about["inputs"]}
    inputs = ", ".join(f'"{taken}": {made}.astype(np.{dtypes[taken]})' for taken, made in given)
    for value in about["inputs"]:
        if value["name"] not in dict(given):
            lines += [
                *prepared(about, value, example_shape(value, sizes)),
                f"{value['name']} = np.resize(raw, (2, *raw.shape[1:]))",
            ]
            inputs += f', "{value["name"]}": {value["name"]}'
    return [*lines, _RUN, f"inputs = {{{inputs}}}", "print(session.run(None, inputs)[0])"]


def _next(about: Signature, text: Mapping[str, Any]) -> list[str]:
    (value,) = about["inputs"]
    return [
        f'ids = tokenizer.encode("The", add_special_tokens=False).ids[-{text["length"]}:]',
        _RUN,
        f'logits = session.run(None, {{"{value["name"]}": np.array([ids], dtype=np.{value["dtype"]})}})[0]',
        "print(tokenizer.decode([int(logits[0, :, -1].argmax())]))  # the likeliest next token",
    ]
