"""C7 and C13: numbers, texts and labels of tables and arrays as people have them; a file to predict is read alike."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from further_predicting import told
from further_trial import Table, first, near, npz, says, spec, trained

from graphspec.data import DataSet, data_of
from graphspec.diagnostics import GraphspecError

TABLES = Table("C7")
ALIKE = Table("C13")


def read(content: str | bytes, inputs: dict[str, Any] | None = None, **dataset: Any) -> tuple[DataSet | None, str]:
    """The data of a CSV whose target is ``y``, or None where it is refused, and what was said."""
    Path("t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    source = {"type": "csv", "file": "t.csv", "target": "y"} | dataset
    given = {
        "graphspec": 1, "inputs": inputs or {"x": ["N", 2]}, "layers": {"fc": {"type": "Linear", "out_features": 1}},
        "data": {"dataset": source, "validation": 0, "test": 0},
    }  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            data = data_of(given, Path())
        except GraphspecError as error:
            return None, "\n".join([*(str(each.message) for each in caught), str(error)])
    return data, "\n".join(str(each.message) for each in caught)


#: é as one sign, and as two.
LETTERS = ("\u00e9", "e\u0301")


def rows(header: str, row: Any, count: int = 24) -> str:
    return "\n".join([header, *(row(i) for i in range(count))]) + "\n"


def reads(
    content: str | bytes, x: list[float] | str | None, *words: str, y: list[float] | None = None, **dataset: Any
) -> str:
    """Its first row's features and the first targets are these, or ``"said"``; without them it is refused."""
    data, said = read(content, **dataset)
    missing = [word for word in words if word.lower() not in said.lower()]
    if missing:
        return f"says nothing of {missing}: {said[:300]}" + (f"; x {values(data)[0].tolist()}" if data else "")
    if (data is None) != (x is None):
        return f"{'not ' * (x is None)}refused: {said[:300]}"
    if data is None or x is None or isinstance(x, str):
        return ""
    found = values(data)[0].tolist()
    goals = next(iter(data.train.targets.values())).flatten().tolist()
    return first("" if np.allclose(found, x, 1e-7) else f"{found}, not {x}",
                 "" if y is None or np.allclose(goals[: len(y)], y) else f"targets {goals[: len(y)]}, not {y}")  # fmt: skip


def values(data: DataSet) -> torch.Tensor:
    return next(iter(data.train.inputs.values()))


for _name, _text, _x, _words, _more in (
    ("old Macs' line ends", rows("a,y", lambda i: f"{i + 0.5},{i}.25").replace("\n", "\r"), [0.5], (), {}),
    ("a mark, and a quoted name behind it", "\ufeff" + rows('"a","y"', lambda i: f'"{i + 0.5}","{i}.25"'), [0.5], (), {}),
    ("names with white space around them", rows(" a , y ", lambda i: f"{i + 0.5},{i}.25"), [0.5], (), {"target": " y "}),
    ("a target that is named without its white space", rows("a, y", lambda i: f"{i + 0.5},{i}.25"), None, ("y",), {}),
    ("quoted cells after white space", rows("a,t,y", lambda i: f'{i + 0.5}, "{"ab"[i % 2]}",{i}.25'), [0.5, 1, 0], (), {}),
    ("quoted commas after white space", rows("a,t,y", lambda i: f'{i + 0.5}, "p, q",{i}.25'), None, ("row 2",), {}),
    ("a comment above the names", "# made by a sensor\n" + rows("a,y", lambda i: f"{i},{i}"), None, ("# made by a sensor",), {}),
    ("comments among the rows", rows("a,y", lambda i: f"{i},{i}" if i != 5 else "# a gap"), None, ("row 7",), {}),
    ("comments of as many cells", rows("a,y", lambda i: f"{i},{i}" if i != 5 else "# a, gap"), "said", ("row 7", "texts"), {}),
    ("lines of white space", rows("a,y", lambda i: f"{i + 0.5},{i}" + "\n  " * (i == 3)), None, ("row 6",), {}),
    ("lines of commas alone", rows("a,y", lambda i: f"{i + 0.5},{i}" + "\n," * (i == 3)), None, ("row 6",), {}),
    ("a sum below", rows("a,y", lambda i: f"{i},{i}") + "Total,276\n", "said", ("Total", "row 26"), {}),
    ("a line end in a quoted cell", rows("a,t,y", lambda i: f'{i + 0.5},"two\nlines{i % 2}",{i}.25'), [0.5, 1, 0], (), {}),
    ("doubled quotation marks", rows("a,t,y", lambda i: f'{i + 0.5},"say ""{"ab"[i % 2]}""",{i}.25'), [0.5, 1, 0], (), {}),
    ("commas behind the rows, none behind the names", rows("a,y", lambda i: f"{i},{i},"), None, ("3 fields",), {}),
    ("names that differ in their letters' case", rows("a,A,y", lambda i: f"{i + 0.5},{i * 2},{i}.25"), [0.5, 0], (), {}),
    ("digits of another script", rows("a,y", lambda i: f"{'٠١٢٣٤٥٦٧٨٩'[i % 10]},{i}.25"), None, ("0 to 9",), {}),
    ("full-width digits", rows("a,y", lambda i: f"{'０１２３４５６７８９'[i % 10]},{i}.25"), None, ("0 to 9",), {}),
    ("hexadecimal numbers", rows("a,y", lambda i: f"0x{i % 4},{i}.25"), [1, 0, 0, 0], (), {}),
    ("a number of 400 digits", rows("a,y", lambda i: f"{'9' * 400 if i == 2 else i},{i}.25"), None, ("row 4", '"a"'), {}),
    ("1e400", rows("a,y", lambda i: f"{'1e400' if i == 2 else i},{i}.25"), None, ("row 4", '"a"'), {}),
    ("infinity", rows("a,y", lambda i: f"{'Infinity' if i == 2 else i},{i}.25"), None, ("row 4", '"a"', "Infinity"), {}),
    ("a target that is infinite", rows("a,y", lambda i: f"{i},{'-inf' if i == 2 else i}"), None, ("row 4", '"y"', "-inf"), {}),
    ("Excel's errors", rows("a,y", lambda i: f"{'#DIV/0!' if i == 2 else i},{i}.25"), "said", ("#DIV/0!", "row 4"), {}),
    ("Excel's errors, to be filled", rows("a,y", lambda i: f"{'#VALUE!' if i == 2 else i},{i}.25"), "said", ("#VALUE!", "row 4"), {"missing": "mean"}),
    ("a minus that is no hyphen, once", rows("a,y", lambda i: f"{'−' if i == 3 else ''}{i},{i}.25"), None, ("−3",), {}),
    ("a hard space in a number", rows("a,y", lambda i: f"1\u00a0{i + 100},{i}.25"), None, ("thousands",), {}),
    ("a hard space behind a number", rows("a,y", lambda i: f"{i + 0.5}\u00a0,{i}.25"), [0.5], (), {}),
    ("a hidden character before a number", rows("a,y", lambda i: f"\u200b{i + 0.5},{i}.25"), "said", ("u200b",), {}),
    ("per cent", rows("a,y", lambda i: f"{i + 0.5}%,{i}.25"), "said", ("%",), {}),
    ("thousands in the target", rows("a,y", lambda i: f'{i},"{i + 1},000"'), None, ("thousands", '"y"'), {}),
    ("apostrophes between thousands", rows("a,y", lambda i: f"{i + 1}'000,{i}.25"), None, ("thousands",), {}),
    ("yes and no", rows("a,t,y", lambda i: f"{i + 0.5},{['no', 'yes'][i % 2]},{i}.25"), [0.5, 1, 0], (), {}),
    ("True and False as the target", rows("a,y", lambda i: f"{i + 0.5},{i % 2 == 0}"), [0.5], (), {"y": [1, 0, 1]}),
    ("whole numbers, one of them with a point", rows("a,y", lambda i: f"{i + 0.5},{i % 3}{'.0' * (i == 1)}"), [0.5], (), {"classes": True, "y": [0, 1, 2]}),
    ("whole numbers, one of them a fraction", rows("a,y", lambda i: f"{i + 0.5},{i % 3}{'.5' * (i == 1)}"), None, ("row 3", "1.5"), {"classes": True}),
    ("classes that are negative", rows("a,y", lambda i: f"{i + 0.5},{i % 3 - 1}"), [0.5], (), {"classes": True, "y": [0, 1, 2]}),
    ("classes 1, 2, 10", rows("a,y", lambda i: f"{i + 0.5},{[10, 2, 1][i % 3]}"), [0.5], (), {"classes": True, "y": [2, 1, 0]}),
    ("classes 1 and 1.0 and 01", rows("a,y", lambda i: f"{i + 0.5},{['1', '1.0', '2'][i % 3]}"), [0.5], (), {"classes": True, "y": [0, 0, 1]}),
    ("a target of one value", rows("a,y", lambda i: f"{i + 0.5},7"), [0.5], (), {}),
    ("a target of one class", rows("a,y", lambda i: f"{i + 0.5},cat"), [0.5], (), {}),
    ("a column of one value", rows("a,b,y", lambda i: f"{i + 0.5},3,{i}.25"), [0.5, 3], (), {}),
    ("numbers beyond 2^53", rows("a,y", lambda i: f"{2**53 + i},{i}.25"), "said", ("a",), {}),
    ("a target beyond 2^24", rows("a,y", lambda i: f"{i + 0.5},{2**24 + 2 * i + 1}"), [0.5], ("y",), {}),
    ("small numbers that float32 has not", rows("a,y", lambda i: f"{i + 1}e-50,{i}.25"), "said", ("a", "StandardScaler"), {}),
    ("days of another calendar's order", rows("d,y", lambda i: f"2024/{i % 12 + 1:02d}/13,{i}"), None, ("date",), {}),
    ("times with a zone", rows("d,y", lambda i: f"2024-01-{i + 1:02d}T10:00:00Z,{i}"), None, ("date",), {}),
    ("times with an offset and parts of seconds", rows("d,y", lambda i: f"2024-01-{i + 1:02d} 10:00:00.123456+02:00,{i}"), None, ("date",), {}),
    ("months", rows("d,y", lambda i: f"2024-{i % 12 + 1:02d},{i}"), None, ("2024-01", "date"), {}),
    ("days written without marks", rows("d,y", lambda i: f"202401{i + 1:02d},{i}.5"), [20240101], ("d",), {}),
    ("seconds since 1970", rows("d,y", lambda i: f"{1700000000 + i},{i}.5"), "said", ("d",), {}),
    ("a semicolon and a comma", rows("a;y", lambda i: f"{i},5;{i},25"), None, ("delimiter", ";"), {}),
    ("two tables' names", rows("a,y", lambda i: f"{i},{i}") + rows("a,y", lambda i: f"{i},{i}"), "said", ("row 26", '"a"'), {}),
    ("latin-1, undeclared", rows("größe,y", lambda i: f"{i},{i}").encode("latin-1"), None, ("UTF-8",), {}),
    ("bytes of 0", rows("a,y", lambda i: f"{i},{i}").replace("5", "\0"), "said", ("texts",), {}),
    ("texts that white space alone parts", rows("a,t,y", lambda i: f"{i},{['cat', 'cat '][i % 2]},{i}"), [0, 1, 0], ("cat ",), {}),
    ("texts of two forms of one letter", rows("a,t,y", lambda i: f"{i},{LETTERS[i % 2]},{i}"), "said", ("different texts",), {}),
    ("none and None as texts", rows("a,t,y", lambda i: f"{i},{['None', 'big'][i % 2]},{i}"), "said", ("None",), {}),
    ("one cell of a number in a column of texts", rows("a,t,y", lambda i: f"{i},{'cat' if i != 3 else 7},{i}"), [0, 0, 1], (), {}),
    ("one text in a column of numbers", rows("a,y", lambda i: f"{'many' if i == 3 else i},{i}"), "said", ("many", "row 5"), {}),
    ("a column of nothing but gaps", rows("a,b,y", lambda i: f"{i + 0.5},NA,{i}"), None, ('"b"',), {"missing": "mean"}),
    ("a target of gaps alone", rows("a,y", lambda i: f"{i + 0.5},NA"), None, ('"y"',), {"missing": "drop"}),
):  # fmt: skip
    TABLES.add(_name, lambda text=_text, x=_x, words=_words, more=_more: reads(text, x, *words, **more))


def array(x: Any, y: Any, *words: str, refused: bool | None = None, loss: str = "MSELoss", **more: Any) -> str:
    """Trained on arrays of an npz: `words` are said, and it is `refused` or not."""
    np.savez("d.npz", x=x, y=y)
    data = {
        "dataset": {"type": "npz", "file": "d.npz", **more},
        "root": ".",
        "batch_size": 5,
        "validation": 0.0,
        "test": 0.0,
    }
    layers = {"fc": {"type": "Linear", "out_features": 3 if loss == "CrossEntropyLoss" else 1}}
    trial = trained(spec(data, layers, {"loss": loss}, inputs={"x": ["N", 4]}))
    fault = says(trial, *words, refused=refused)
    if fault or trial.parts is None:
        return fault
    return "" if np.isfinite(trial.figure("loss")) else f"a loss of {trial.figure('loss')}, nothing said"


RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 4)).astype(np.float32)
Y = RNG.standard_normal((20, 1)).astype(np.float32)
CLASSES = np.arange(20) % 3


def put(given: Any, value: Any, dtype: Any = None) -> Any:
    found = given.astype(dtype or given.dtype)
    found.flat[7] = value
    return found


for _name, _case in {
    "a feature that is NaN": lambda: array(put(X, np.nan), Y, "x", "1", refused=True),
    "a feature that is infinite": lambda: array(put(X, np.inf), Y, "x", refused=True),
    "a target that is NaN": lambda: array(X, put(Y, np.nan), "y", refused=True),
    "a target that is infinite in an array": lambda: array(X, put(Y, -np.inf), "y", refused=True),
    "a feature beyond float32": lambda: array(put(X, 1e300, np.float64), Y, "x", refused=True),
    "a target beyond float32": lambda: array(X, put(Y, 1e300, np.float64), "y", refused=True),
    "half floats": lambda: array(X.astype(np.float16), Y.astype(np.float16), refused=False),
    "bytes in the other order": lambda: array(X.astype(">f4"), Y.astype(">f8"), refused=False),
    "columns first in memory": lambda: array(np.asfortranarray(X), Y, refused=False),
    "complex numbers": lambda: array(X.astype(np.complex64), Y, "complex", refused=True),
    "days in an array": lambda: array(X.astype("datetime64[D]"), Y, "datetime64", refused=True),
    "texts in an array": lambda: array(X.astype(str), Y, refused=True),
    "no samples": lambda: array(X[:0], Y[:0], refused=True),
    "one sample": lambda: array(X[:1], Y[:1], "batch_size", refused=True),
    "unequal numbers of samples": lambda: array(X, Y[:19], "19", "20", refused=True),
    "labels from 1 on": lambda: array(X, CLASSES + 1, "3", refused=True, loss="CrossEntropyLoss", classes=3),
    "labels below 0": lambda: array(X, CLASSES - 1, "-1", refused=True, loss="CrossEntropyLoss", classes=3),
    "labels as floats": lambda: array(X, CLASSES.astype(np.float32), refused=True, loss="CrossEntropyLoss"),
    "labels in a column": lambda: array(X, CLASSES[:, None], loss="CrossEntropyLoss", classes=3),
    "labels of 8 bits": lambda: array(X, CLASSES.astype(np.uint8), refused=False, loss="CrossEntropyLoss", classes=3),
    "labels of 64 bits without a sign": lambda: array(X, CLASSES.astype(np.uint64), refused=False, loss="CrossEntropyLoss", classes=3),
    "labels beyond int64": lambda: array(X, put(CLASSES, 2**63 + 1, np.uint64), refused=True, loss="CrossEntropyLoss", classes=3),
    "one value alone": lambda: array(X, Y * 0 + 7, "7", "every sample", refused=False),
    "one class alone": lambda: array(X, CLASSES * 0, "class", "every sample", loss="CrossEntropyLoss", classes=3),
    "a target of N for an output of N by 1": lambda: array(X, Y[:, 0], refused=False),
}.items():  # fmt: skip
    TABLES.add(_name, _case)


@TABLES
def a_target_of_N_is_not_stretched_against_N_by_1() -> str:
    """The mean squared error of N against N × 1 is that of N pairs, not of N × N."""
    x, y = X, Y[:, 0]
    trial = trained(spec(npz(x=x, y=y), {"fc": {"type": "Linear", "out_features": 1, "init": {"weight": "zeros_", "bias": "zeros_"}}},
                         {"loss": "MSELoss", "optimizer": {"type": "SGD", "lr": 1e-30}}))  # fmt: skip
    return trial.said if trial.parts is None else near(trial.figure("loss"), float((y.astype(np.float64) ** 2).mean()))


def predicted(
    content: str, wanted: str | float, trained_on: str | None = None, name: str = "n.csv", **dataset: Any
) -> str:
    """y = 2a, trained on a table; what a new one gives: a number, or words that are said."""
    Path("t.csv").write_text(trained_on or rows("a,y", lambda i: f"{i / 4},{i / 2}", 40))
    data = {"dataset": {"type": "csv", "file": "t.csv", "target": "y", **dataset}, "root": ".", "batch_size": 40, "validation": 0.0, "test": 0.0}  # fmt: skip
    train = {"epochs": 20, "loss": "MSELoss", "optimizer": {"type": "LBFGS", "lr": 1.0}}
    trial = trained(spec(data, {"fc": {"type": "Linear", "out_features": 1}}, train, inputs={"x": ["N", 1]}))
    if trial.parts is None:
        return trial.said
    Path(name).write_text(content)
    found, said = told(trial.folder, name)
    if isinstance(wanted, str):
        missing = [word for word in wanted.split("|") if word.lower() not in said.lower()]
        return (
            f"says nothing of {missing}: {said[:300]}; {[list(each.outputs.values()) for each in found]}"
            if missing
            else ""
        )
    return near(float(np.ravel(next(iter(found[0].outputs.values())))[0]), wanted, 0.01) if found else said


for _name, _text, _says, _more in (
    ("a code in a column of numbers", "a\n007\n", "007", {}),
    ("an infinite number", "a\ninf\n", "inf", {}),
    ("a number of 400 digits", "a\n" + "9" * 400 + "\n", '"a"', {}),
    ("a number beyond float32", "a\n1e300\n", "1e+300", {}),
    ("a gap, to be filled", "a\nNA\n", 9.75, {"missing": "mean"}),
    ("a gap, to be dropped", "a\nNA\n3\n", "NA|row", {"missing": "drop"}),
    ("thousands, undeclared", 'a\n"1,000"\n', "1,000", {}),
    ("a quoted number", 'a\n"3.5"\n', 7.0, {}),
    ("white space around the name", " a \n3.5\n", "a", {}),
    ("a name twice", "a,a\n3.5,4\n", "twice", {}),
    ("a tab between cells", "a\tb\n3.5\t1\n", "a", {}),
    ("an exponent", "a\n35e-1\n", 7.0, {}),
    ("a mark, Windows' ends and a quoted name", '\ufeff"a"\r\n"3.5"\r\n', 7.0, {}),
    ("the target's column alone", "y\n3\n", '"a"', {}),
    ("a target that is missing", "a,y\n3.5,\n", 7.0, {}),
    ("a target of texts", "a,y\n3.5,unknown\n", 7.0, {}),
):  # fmt: skip
    ALIKE.add(f"new rows: {_name}", lambda text=_text, wanted=_says, more=_more: predicted(text, wanted, **more))
