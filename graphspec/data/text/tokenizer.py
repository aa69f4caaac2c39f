"""``[data] tokenizer``: Hugging Face's ``tokenizers`` by three names, trained on texts, kept as ``tokenizer.json``.

Id 0 pads and id 1 stands for what the training texts do not have. The package (extra ``text``) is imported where a
tokenizer is made or used, and nowhere else.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphspec.diagnostics import fail
from graphspec.ops.components import check_arguments, choose, construct
from graphspec.spec.base import Component

if TYPE_CHECKING:
    from tokenizers import Tokenizer

AT = ("data", "tokenizer")
PAD, UNKNOWN = "[PAD]", "[UNK]"
_SPECIAL = [PAD, UNKNOWN]
#: Bytes that stand for themselves before anything is merged.
_BYTES = 256
MOST_IDS = 1 << 20
#: A word that is longer is none that texts have in common.
_LONGEST_WORD = 256
#: Trains an untrained tokenizer on texts.
Trained = Callable[["Tokenizer", Iterable[str]], None]


def bpe(vocab_size: int = 4000, max_length: int = 0) -> Trained:
    """Pairs of bytes merged, the most frequent first (Sennrich et al. 2016, Radford et al. 2019): nothing is unknown.

    `vocab_size` counts the 256 bytes and the two special ids too. Texts are cut after `max_length` tokens; 0: the
    longest of the training part says how many.
    """
    _check(vocab_size, _BYTES + len(_SPECIAL), max_length)

    def train(tokenizer: Tokenizer, texts: Iterable[str]) -> None:
        from tokenizers import pre_tokenizers, trainers

        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, special_tokens=_SPECIAL, initial_alphabet=alphabet, show_progress=False,
            max_token_length=_LONGEST_WORD,
        )  # fmt: skip
        tokenizer.train_from_iterator(texts, trainer)

    return train


def word_level(vocab_size: int = 20_000, max_length: int = 0) -> Trained:
    """Words and punctuation marks, the `vocab_size` most frequent, the two special ids among them."""
    _check(vocab_size, len(_SPECIAL) + 1, max_length)

    def train(tokenizer: Tokenizer, texts: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
        tokenizer.model = _words(_most_frequent(counts, vocab_size))

    return train


def char(vocab_size: int = 0, max_length: int = 0) -> Trained:
    """Characters: all of the training part's, or its `vocab_size` most frequent, the two special ids among them."""
    if vocab_size:
        _check(vocab_size, len(_SPECIAL) + 1, max_length)
    _check(MOST_IDS, 0, max_length)

    def train(tokenizer: Tokenizer, texts: Iterable[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text)
        tokenizer.model = _words(sorted(_most_frequent(counts, vocab_size or MOST_IDS)))

    return train


#: The name in a spec → what is trained.
TOKENIZERS: Mapping[str, Callable[..., Trained]] = {"BPE": bpe, "WordLevel": word_level, "Char": char}


def check_tokenizer(settings: Component | None) -> None:
    """Raise ``GraphspecError`` for what is wrong with ``[data] tokenizer``, whatever the data are."""
    if settings is None:
        return
    function = choose(settings, TOKENIZERS, "tokenizer", AT)
    check_arguments(settings, function, AT)
    construct(settings, function, AT)


def train(settings: Component, texts: Sequence[str]) -> str:
    """The content of ``tokenizer.json`` of a tokenizer trained on `texts`: equal wherever texts and settings are."""
    trained, tokenizer = (
        construct(settings, choose(settings, TOKENIZERS, "tokenizer", AT), AT),
        _untrained(settings.type),
    )
    trained(tokenizer, texts)
    tokenizer.add_special_tokens(_SPECIAL)
    return str(tokenizer.to_str(pretty=True)) + "\n"


@functools.lru_cache(maxsize=8)
def opened(content: str) -> Tokenizer:
    """The tokenizer that :func:`train` wrote as `content`.

    Raises ``ValueError`` for any other: its patterns would be a stranger's, and can take for ever.
    """
    package = _package()
    said = json.loads(content)
    kind = next((name for name in TOKENIZERS if _frame(said) == _frame(json.loads(_untrained(name).to_str()))), None)
    if kind is None:
        raise ValueError("its parts are not those of a tokenizer of graphspec's")
    try:
        tokenizer = package.Tokenizer.from_str(content)
    except Exception as error:  # the package raises bare Exceptions
        raise ValueError(str(error)) from error
    tokenizer.encode_special_tokens = True  # "[PAD]" in a text is five characters
    ids = said["model"]["vocab"]
    if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
        raise ValueError("its ids are not 0, 1, … each once")
    if ids.get(PAD) != 0 or ids.get(UNKNOWN) != 1:
        raise ValueError(f"{PAD} and {UNKNOWN} are not its first two ids")
    return tokenizer


def names(tokenizer: Tokenizer) -> tuple[str, ...]:
    """What each id stands for, in order."""
    return tuple(tokenizer.id_to_token(number) or "" for number in range(tokenizer.get_vocab_size()))


def _untrained(kind: str) -> Tokenizer:
    """A tokenizer of a kind as it is before it has seen a text: how texts are cut up, and how pieces are joined."""
    _package()
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    if kind == "BPE":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        tokenizer = Tokenizer(models.WordLevel({PAD: 0, UNKNOWN: 1}, unk_token=UNKNOWN))
        each = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        tokenizer.pre_tokenizer = each if kind == "Char" else pre_tokenizers.Whitespace()
        if kind == "Char":
            tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(_SPECIAL)
    return tokenizer


def _frame(said: Any) -> Any:
    """All of a ``tokenizer.json`` but what training puts there."""
    if not isinstance(said, dict) or not isinstance(said.get("model"), dict):
        raise ValueError("it is no tokenizer.json")
    model = {key: value for key, value in said["model"].items() if key not in ("vocab", "merges")}
    return {**said, "model": model}


def _words(pieces: Iterable[str]) -> Any:
    from tokenizers import models

    ids = {piece: number for number, piece in enumerate([*_SPECIAL, *pieces])}
    return models.WordLevel(ids, unk_token=UNKNOWN)


def _most_frequent(counts: Counter[str], most: int) -> list[str]:
    """The pieces that occur most often, equals in their own order: with the special ones, `most` of them."""
    ordered = sorted((piece for piece in counts if piece not in _SPECIAL), key=lambda piece: (-counts[piece], piece))
    return ordered[: most - len(_SPECIAL)]


def _check(vocab_size: int, least: int, max_length: int) -> None:
    if isinstance(vocab_size, float) or not least <= vocab_size <= MOST_IDS:
        raise ValueError(f"vocab_size is a whole number from {least} to {MOST_IDS:,}, not {vocab_size}")
    if isinstance(max_length, float) or not 0 <= max_length <= 1 << 16:
        raise ValueError(f"max_length is a whole number from 0 to {1 << 16:,}, not {max_length}")


def _package() -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # or it warns of every process that is started later
    try:
        import tokenizers
    except ModuleNotFoundError as error:
        hint = 'pip install "graphspec[text]"'
        raise fail("missing-package", "a tokenizer needs the package tokenizers", at=AT, hint=hint) from error
    return tokenizers
