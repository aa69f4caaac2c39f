"""Tables as people have them: each is read right, which is said, or refused with what to write."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphspec.data import DataSet, data_of
from graphspec.diagnostics import GraphspecError, GraphspecWarning


def lines(header: str, row: Callable[[int], str], end: str = "\n") -> str:
    return end.join([header, *map(row, range(24))]) + end


def read(root: Path, content: str | bytes, **dataset: Any) -> DataSet:
    (root / "t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    source = {"type": "csv", "file": "t.csv", "target": "y"} | dataset
    layers = {"fc": {"type": "Linear", "out_features": 1}}
    data = {"dataset": source, "validation": 0, "test": 0}
    return data_of({"graphspec": 1, "inputs": {"x": ["N", 2]}, "layers": layers, "data": data}, root)


PLAIN = lines("a,y", lambda i: f"{i * i % 7 + 0.5},{i + 0.25}")
RIGHT: dict[str, tuple[str | bytes, dict[str, Any], float]] = {
    "semicolons, decimal commas, cp1252": (
        lines("Größe;y", lambda i: f"{i},5;{i},25").encode("cp1252"),
        {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}, 1.5,
    ),
    "thousands": (lines("a,y", lambda i: f'"1,{i + 100}",{i + 0.25}'), {"thousands": ","}, 1101),
    "a mark before UTF-8": (PLAIN.encode("utf-8-sig"), {}, 1.5),
    "UTF-16": (PLAIN.encode("utf-16"), {"encoding": "utf-16"}, 1.5),
    "lines as Windows ends them": (PLAIN.replace("\n", "\r\n"), {}, 1.5),
    "white space around numbers": (lines("a,y", lambda i: f"  {i}.5 ,{i + 0.25}"), {}, 1.5),
    "exponents": (lines("a,y", lambda i: f"{i}.5E+02,{i + 0.25}"), {}, 150),
    "a column without a name that is dropped": (lines(",a,y", lambda i: f"{i},{i}.5,{i + 0.25}"), {"drop": [""]}, 1.5),
    "commas at the ends of all lines": (lines("a,y,", lambda i: f"{i}.5,{i + 0.25},"), {"drop": [""]}, 1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_read_right_without_a_word(name: str, tmp_path: Path) -> None:
    content, dataset, second = RIGHT[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", GraphspecWarning)
        data = read(tmp_path, content, **dataset)
    (features,) = data.train.inputs.values()
    assert features.shape == (24, 1)
    assert features[1].item() == second
    assert data.train.targets["y"].flatten().tolist() == [i + 0.25 for i in range(24)]


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "decimal commas": (lines("a,y", lambda i: f'"{i},5",{i}'), r'"0,5" is no number.*write decimal = ","'),
    "other delimiter": (lines("a;y", lambda i: f"{i};{i}"), r'its delimiter is ";"; write delimiter = ";"'),
    "cp1252": (lines("Größe,y", lambda i: f"{i},{i}").encode("cp1252"), r"save it as UTF-8, or write encoding"),
    "UTF-16": (PLAIN.encode("utf-16"), r't\.csv is written in UTF-16; write encoding = "utf-16"'),
    "two columns of one name": (lines("a,a,y", lambda i: f"{i},{i},{i}"), r'names a column twice: "a"'),
    "an empty column": (
        lines("a,b,y", lambda i: f"{i},,{i}"),
        r'the column "b" has no value; drop = \["b"\]',
    ),
    "a longer row": (PLAIN + "1,2,3\n", r"row 26: 3 fields, the header has 2"),
    "a title above": ("Sales 2024\n" + PLAIN, r'row 2: 2 fields.*names the columns, and is "Sales 2024"'),
    "Excel's own line": ("sep=,\n" + PLAIN, r'begins with "sep=".*leave that line out'),
    "an open quotation mark": (PLAIN + '"1,2\n' + PLAIN, r"row 26: 1 fields.*it goes on to line \d+: a quotation mark"),
    "a missing target": (lines("a,y", lambda i: f"{i},{i or ''}"), r'row 2, column "y": a missing value.*"drop"'),
    "days": (lines("day,y", lambda i: f"{i + 1:02d}.01.2024,{i}"), r'"01\.01\.2024" is a date, which is no feature'),
    "named days": (lines("day,y", lambda i: f'"Jan {i + 1}, 2024",{i}'), r'"Jan 1, 2024" is a date.*the year'),
    "days with names": (lines("day,y", lambda i: f"{i + 1} March 2024,{i}"), r'"1 March 2024" is a date'),
    "times": (lines("t,y", lambda i: f"{i:02d}:30,{i}"), r'"00:30" is a time, which is no feature.*since midnight'),
    "days to predict": (lines("a,y", lambda i: f"{i},2024-01-{i + 1:02d}"), r"is a date, which is no target; what"),
    "another minus": (lines("a,y", lambda i: f"{'−' if i % 2 else ''}{i},{i}"), r'"−1" is no number.*write - before'),
    "brackets": (lines("a,y", lambda i: f"({i}.5),{i}"), r'"\(0\.5\)" is no number.*write - before a negative'),
    "another script": (
        lines("a,y", lambda i: f"{'٠١٢٣'[i % 4]},{i}"),
        r"is no number as .* write numbers in the digits 0",
    ),
    "full-width digits": (lines("a,y", lambda i: f"１{'０１２３'[i % 4]},{i}"), r"write numbers in the digits 0 to 9"),
    "months": (lines("day,y", lambda i: f"2024-{i % 12 + 1:02d},{i}"), r'"2024-01" is a date, which is no feature'),
    "quarters": (lines("day,y", lambda i: f"2024Q{i % 4 + 1},{i}"), r'"2024Q1" is a date, which is no feature'),
    "months with names": (
        lines("day,y", lambda i: f"{'Jan Feb'.split()[i % 2]} 2024,{i}"),
        r'"(Jan|Feb) 2024" is a date',
    ),
    "a sheet": (b"PK\x03\x04" + bytes(200), r"is no CSV: it is a zip file, as Excel's \.xlsx is; save the sheet"),
    "gzip": (gzip.compress(PLAIN.encode()), r"is no CSV: it is compressed by gzip; unpack it"),
    "a web page": ("<!DOCTYPE html>\n<p>404</p>\n", r"is no CSV: it is a web page or XML"),
    "JSON": ('[{"a": 1, "y": 2}]\n', r"is no CSV: it is JSON"),
    "Parquet": (b"PAR1" + bytes(90), r'it is a Parquet file; type = "parquet" reads it'),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_refused_with_what_to_write(name: str, tmp_path: Path) -> None:
    content, message = REFUSED[name]
    with pytest.raises(GraphspecError, match=message):
        read(tmp_path, content)


GAPS = lines("a,b,y", lambda i: f"{i}.5,NA,{i}")


@pytest.mark.parametrize("missing", ["mean", "most_frequent", "drop"])
def test_a_column_of_gaps_alone_is_named(missing: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r'the column "b" has no value'):
        read(tmp_path, GAPS, missing=missing)


SAID: dict[str, tuple[str, str]] = {
    "codes": (
        lines("zip,y", lambda i: f"{i % 5:05d},{i + 0.25}"),
        r'"00000" begins with 0, so the column',
    ),
    "a few percents": (lines("p,y", lambda i: f"{i % 4}0%,{i + 0.25}"), r'"00%" is a number with a unit|begins with 0'),
    "amounts": (lines("p,y", lambda i: f"${i}.99,{i + 0.25}"), r'"\$0\.99" is a number with a unit'),
    "one text among numbers": (
        lines("a,y", lambda i: f"{i if i != 3 else 'some'},{i + 0.25}"),
        r"this one value",
    ),
    "spellings": (
        lines("a,y", lambda i: f"{['Yes', 'yes'][i % 2]},{i + 0.25}"),
        r'"Yes" and "yes" are different',
    ),
    "a code for missing": (
        lines("pay,y", lambda i: f"{-999 if i % 7 == 3 else 1000 + 37 * i % 800},{i + 0.25}"),
        r'of \d+ values of the column "pay" are -999, the others \d+ to \d+, and all are taken as numbers',
    ),
    "a code above": (lines("n,y", lambda i: f"{99 if i % 7 == 3 else i % 5},{i + 0.25}"), r"are 99, the others 0 to 4"),
    "a letter of two signs": (
        lines("a,y", lambda i: "\xe9,1.5" if i % 2 else "e\u0301,2.5"),
        r"are different texts",
    ),
    "numbers below float32": (lines("a,y", lambda i: f"{i}e-50,{i + 0.25}"), r"float32 has steps of 1\.4e-45"),
    "a count of rows": (lines(",a,y", lambda i: f"{i},{i * i % 7},{i + 0.25}"), r"counts the rows and is read as a"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_may_be_meant_otherwise_is_said(name: str, tmp_path: Path) -> None:
    content, message = SAID[name]
    with pytest.warns(GraphspecWarning, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize("values", [(9.99, 1.5, 4.25), (99, 98, 100, 55), (-99, -98, -5, 7), (999, 1, 2, 3, 5, 8, 13)])
@pytest.mark.filterwarnings("error::graphspec.diagnostics.GraphspecWarning")
def test_nines_among_others_are_no_codes(values: tuple[float, ...], tmp_path: Path) -> None:
    """Prices, marks, degrees; and 999 once among rows alone is a number like another."""
    once = values[-1] == 13
    read(
        tmp_path,
        lines("a,y", lambda i: f"{values[0 if i == 3 else 1 + i % 6] if once else values[i % len(values)]},{i}"),
    )


def test_texts_with_line_breaks_are_shown_in_one_line(tmp_path: Path) -> None:
    data = read(tmp_path, lines("note,y", lambda i: f'"one\n{i % 2}",{i}'))
    assert data.columns.lines()[0] == r'column "note": 2 features of 0 and 1: one\n0, one\n1'
