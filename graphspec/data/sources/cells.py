"""What stands in a cell of a table that has no types: a number, a code, nothing, or a text."""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata
from collections.abc import Sequence

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
#: A zero before other digits is no number's: postal codes, article numbers.
_CODE = re.compile(r"[+-]?0\d+", re.ASCII)
#: What other notations than the table's would read as a number.
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_OTHER_MINUS = re.compile(r"[\u2212\u2013]\s*[\d.,]*\d|\([\d.,]*\d\)", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([,.' \u00a0\u202f]\d{3})+([.,]\d+)?", re.ASCII)
#: A number with a unit: 12%, $5, 3 kg.
_WITH_UNIT = re.compile(r"(?P<before>[^\w\s.,+-])?\s*[+-]?\d+([.,]\d+)?\s*(?P<after>[^\d\s.,]{1,4})?")
#: How tables write that there is no value, in lower case.
MISSING = frozenset(("", "na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", "."))
#: The same as a regular expression of RE2 and of Python alike, with the white space around it that ``str.strip`` takes.
_SPACE = f"[{''.join(filter(str.isspace, map(chr, range(0x3001))))}]*"
MISSING_TEXT = f"(?i){_SPACE}({'|'.join(sorted(map(re.escape, MISSING)))}){_SPACE}"
_INFINITE = frozenset(("inf", "infinity", "+inf", "-inf", "+infinity", "-infinity"))


#: How files of texts are written, by the names of Python's codecs.
ENCODINGS = tuple(
    "utf-8 utf-16 latin-1 iso-8859-1 iso-8859-2 iso-8859-15 cp1250 cp1251 cp1252 cp1253 cp1254 cp437 cp850 cp852 "
    "mac-roman koi8-r big5 gb18030 shift-jis euc-jp euc-kr".split()
)  # fmt: skip
_EXCHANGED = str.maketrans(",.", ".,")  # a point where the comma is the decimal point makes no number


@dataclasses.dataclass(frozen=True, slots=True)
class Notation:
    """How a table is written: what separates cells, the decimal point, and what stands between thousands, if anything.

    Raises ``ValueError`` for what cannot be.
    """

    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if self.encoding.lower().replace("_", "-") not in ENCODINGS:
            raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, not {self.encoding!r}")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"delimiter must be one character, not {self.delimiter!r}")
        if self.decimal not in (".", ","):
            raise ValueError(f'decimal must be "." or ",", not {self.decimal!r}')
        if self.thousands not in ("", ",", ".", "'", " ", "\u00a0", "\u202f") or self.thousands == self.decimal:
            raise ValueError(f"thousands must be a comma, point, quote or space, not the decimal, {self.thousands!r}")

    def plain(self, text: str) -> str:
        """`text` without white space around it, a number as Python writes it; anything else as it stands."""
        text = text.strip()
        if self.thousands and self.thousands in text:
            sep, point = re.escape(self.thousands), re.escape(self.decimal)
            if not re.fullmatch(rf"[+-]?\d{{1,3}}({sep}\d{{3}})+({point}\d*)?", text, re.ASCII):
                return text
            text = text.replace(self.thousands, "")
        return text if self.decimal == "." else text.translate(_EXCHANGED)


#: As Python writes numbers, with commas between cells.
PLAIN = Notation()


def unit_of(texts: Sequence[str]) -> str:
    """The unit that all `texts` have beside a number; empty where there is none."""
    found = [_WITH_UNIT.fullmatch(text.strip()) for text in texts]
    units = {(match["before"] or "") + (match["after"] or "") if match else "" for match in found}
    return units.pop() if len(units) == 1 else ""


_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ]\d{1,2}:\d{2}[^\n]{0,20})?", re.ASCII
)


_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\\.?"
_NAMED_DATE = re.compile(
    rf"(\d{{1,2}}(st|nd|rd|th)?[ .-]{{1,2}}{_MONTH}|{_MONTH}[ -]\d{{1,2}}(st|nd|rd|th)?)[ ,.-]{{1,3}}(\d{{4}}|\d{{2}})",
    re.ASCII | re.IGNORECASE,
)
_YEAR = r"(19|20)\d{2}"
_PART = rf"{_YEAR}[-. ]?(0[1-9]|1[0-2]|q[1-4]|w\d{{2}})|(0[1-9]|1[0-2])[/.-]{_YEAR}|{_MONTH}[ -]{_YEAR}"
_PART_OF_YEAR = re.compile(_PART, re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?", re.ASCII | re.IGNORECASE)


def kind_of_time(texts: Sequence[str]) -> str:
    """``"a date"`` where each of `texts` is a day, with or without a time, a month, a quarter or a week; ``"a time"``;
    empty otherwise.
    """
    plain = [text.strip() for text in texts]
    if plain and all(any(kind.fullmatch(text) for kind in (_DATE, _NAMED_DATE, _PART_OF_YEAR)) for text in plain):
        return "a date"
    return "a time" if plain and all(map(_TIME.fullmatch, plain)) else ""


def is_code(text: str) -> bool:
    """Whether `text`, written plainly, has a zero before other digits, as no number has."""
    return bool(_CODE.fullmatch(text))


def is_missing(text: str) -> bool:
    """Whether `text` stands for no value."""
    return text.strip().lower() in MISSING


def number(text: str) -> float:
    """`text`, written plainly, as a number; NaN where it is none."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def whole(text: str) -> int | None:
    """`text`, written plainly, as a whole number of any size; None where it is none, even where it is a number."""
    if _WHOLE.fullmatch(text):
        return int(text)
    value = number(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else None


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """A column of texts: how many cells are numbers, and the places (from 0) of the others, by what they are."""

    numbers: int
    codes: tuple[int, ...]
    missing: tuple[int, ...]
    infinite: tuple[int, ...]
    texts: tuple[int, ...]

    @classmethod
    def of(cls, values: Sequence[str], notation: Notation) -> Profile:
        """The profile of `values`."""
        numbers = 0
        found: dict[str, list[int]] = {"codes": [], "missing": [], "infinite": [], "texts": []}
        for place, value in enumerate(values):
            text = notation.plain(value)
            if _CODE.fullmatch(text):
                found["codes"].append(place)
            elif _NUMBER.fullmatch(text):
                numbers += 1
            elif (lower := value.strip().lower()) in MISSING:
                found["missing"].append(place)
            else:
                found["infinite" if lower in _INFINITE else "texts"].append(place)
        return cls(numbers, *(tuple(found[kind]) for kind in ("codes", "missing", "infinite", "texts")))

    @property
    def numeric(self) -> bool:
        """Whether every cell that holds something holds a number."""
        return not self.codes and not self.texts


def _in_ascii(text: str) -> str:
    """`text` with the decimal digits of every script as 0 to 9."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in text)


def other_notation(texts: Sequence[str]) -> str:
    """What to write in ``[data] dataset`` where all `texts` are numbers in another notation; empty where one is not."""
    plain = [text.strip() for text in texts]
    if plain and all(map(_OTHER_MINUS.fullmatch, plain)):
        return "write - before a negative number"
    if plain and all(_NUMBER.fullmatch(unicodedata.normalize("NFKC", _in_ascii(text))) for text in plain):
        return "write numbers in the digits 0 to 9"
    groups = [_GROUPED.fullmatch(text) for text in plain]
    if plain and all(groups):
        separators = {match.group(1)[0] for match in groups if match}
        if len(separators) == 1:
            (separator,) = separators
            comma = ' and decimal = ","' if separator != "," and any("," in text for text in plain) else ""
            other = ', or decimal = "," if it is the decimal point' if all(map(_DECIMAL_COMMA.fullmatch, plain)) else ""
            return f'write thousands = "{separator}"{comma}{other}'
    if plain and all(map(_DECIMAL_COMMA.fullmatch, plain)):
        return 'write decimal = ","'
    return ""
