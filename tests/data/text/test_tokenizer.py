"""Tokenizers: trained on texts, kept as one JSON file, and nobody else's file is read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from graphspec.data.text.tokenizer import PAD, UNKNOWN, check_tokenizer, names, opened, train
from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component

TEXTS = ["the cat sat on the mat.", "the dog sat on the cat!", "naïve café 中文"]


def trained(**settings: Any) -> str:
    return train(Component.model_validate(settings), TEXTS)


def ids(content: str, text: str) -> list[int]:
    return list(opened(content).encode(text, add_special_tokens=False).ids)


def test_characters_are_all_there_in_order_behind_the_two_special_ids() -> None:
    content = trained(type="Char")
    assert names(opened(content)) == (PAD, UNKNOWN, *sorted(set("".join(TEXTS))))
    for text in TEXTS:
        assert opened(content).decode(ids(content, text)) == text
    assert ids(content, "xc")[0] == 1  # no text has an x
    assert names(opened(trained(type="Char", vocab_size=4)))[2:] == (" ", "t")  # the most frequent two


def test_words_are_the_most_frequent_ones() -> None:
    content = trained(type="WordLevel", vocab_size=6)
    assert names(opened(content)) == (PAD, UNKNOWN, "the", "cat", "on", "sat")
    assert ids(content, "the dog sat") == [2, 1, 5]


def test_byte_pairs_know_every_text() -> None:
    content = trained(type="BPE", vocab_size=280)
    for text in [*TEXTS, "never seen: \x00 😀\n\ttabs"]:
        assert 1 not in ids(content, text)
        assert opened(content).decode(ids(content, text)) == text
    assert len(ids(content, "the cat")) < len("the cat")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"type": "Char"}, {"type": "WordLevel"}, {"type": "BPE", "vocab_size": 300}])
def test_equal_texts_give_equal_files_in_another_process_too(settings: dict[str, Any]) -> None:
    code = (
        "from graphspec.data.text.tokenizer import train; from graphspec.spec.base import Component;"
        f"print(train(Component.model_validate({settings!r}), {TEXTS!r}), end='')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == trained(**settings)


def test_a_special_token_written_in_a_text_is_a_text() -> None:
    content = train(Component(type="Char"), ["[PAD] is padding"])
    assert 0 not in ids(content, "[PAD]")
    assert len(ids(content, "[PAD]")) == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "Chars"}, r"unknown tokenizer \"Chars\".*did you mean \"Char\""),
        ({"type": "BPE", "vocab": 9}, r"BPE has no argument \"vocab\".*did you mean \"vocab_size\""),
        ({"type": "BPE", "vocab_size": 100}, r"vocab_size is a whole number from 258 to"),
        ({"type": "WordLevel", "vocab_size": 1 << 40}, r"vocab_size is a whole number from 3 to 1,048,576"),
        ({"type": "Char", "max_length": -1}, r"max_length is a whole number from 0"),
        ({"type": "Char", "max_length": 1.5}, r"max_length must be a whole number"),
        ({"type": "Char", "max_length": "long"}, r"max_length must be a number"),
    ],
)
def test_settings_are_checked_without_texts(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphspecError, match=f"(?s){message}"):
        check_tokenizer(Component.model_validate(settings))


def _changed(change: Any) -> str:
    said = json.loads(trained(type="WordLevel", vocab_size=6))
    change(said)
    return json.dumps(said)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[1]",
        "no json",
        _changed(lambda said: said["pre_tokenizer"].update(type="BertPreTokenizer")),
        _changed(lambda said: said.update(normalizer={"type": "Strip", "strip_left": True, "strip_right": True})),
        _changed(lambda said: said["model"].update(vocab={"a": 0, "b": 1})),
        _changed(lambda said: said["model"].update(vocab=[1, 2])),
        _changed(lambda said: said["model"].update(vocab={})),
        _changed(lambda said: said["model"]["vocab"].update(far=4_000_000_000)),
        _changed(lambda said: said["model"]["vocab"].update(twice=3)),
        _changed(lambda said: said["model"].pop("vocab")),
    ],
)
def test_a_file_that_was_not_trained_here_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        opened(content)


def test_the_package_is_imported_where_it_is_used_alone() -> None:
    code = "import sys, graphspec.data, graphspec.training; assert 'tokenizers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
