"""Running texts: a file of the user's, or the reference of the Python that is installed."""

from __future__ import annotations

from typing import Any

from graphspec.data.memory import check_size
from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.data.text.texts import RunningText
from graphspec.diagnostics import fail
from graphspec.system.regular_file import open_regular

_AT = ("data", "dataset")
_INPUT = "tokens"
#: Bytes of memory that a byte of text takes: as it is, in pieces, and as ids.
_GROWTH = 24
_LONGEST = 1 << 16


def text_file(place: Place, file: str, length: int = 128, test_file: str = "") -> Source:
    """The text ``root/file`` (UTF-8): windows of `length` tokens, ``N × length``, whose every next token is to be told.

    The parts are stretches of the text in its own order: training, validation, test; or ``test_file`` is the test part.
    """

    def read(name: str) -> str:
        path = place.root / name
        try:
            with open_regular(path) as binary:
                check_size(path, _GROWTH * path.stat().st_size)
                return binary.read().decode("utf-8-sig")
        except FileNotFoundError as error:
            hint = "--data DIR names another folder"
            raise fail("no-such-file", f"{path} does not exist", at=(*_AT, "file"), hint=hint) from error
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            hint = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else ""
            raise fail("bad-data", f"{path} cannot be read as a text: {reason}", at=_AT, hint=hint) from error

    test = (lambda: _samples(read(test_file), length, test_file)) if test_file else None
    return Source(_samples(read(file), length, file), test, in_order=True)


def python_reference(place: Place, length: int = 128) -> Source:
    """The reference of the Python language in English (460,000 characters), as Python carries it for ``help()``."""
    from pydoc_data.topics import topics

    return Source(_samples("\n\n".join(topics[name] for name in sorted(topics)), length, "topics"), in_order=True)


def _samples(text: str, length: int, name: str) -> Samples:
    if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= _LONGEST:
        raise fail("bad-value", f"length is a whole number from 1 to {_LONGEST:,}, not {length!r}", at=(*_AT, "length"))
    if not text.strip():
        raise fail("no-data", f"{name} holds no text", at=_AT)
    inputs: dict[str, Any] = {_INPUT: RunningText.of(text, length)}
    return Samples(inputs, {})
