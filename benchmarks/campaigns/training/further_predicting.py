"""C13 and C14: files that are predicted are read like those of training; pictures never decide over results."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from further_images import of_folder
from further_trial import Table, Trial, first, near, spec, trained
from PIL import Image

import graphspec
from graphspec.diagnostics import GraphspecError

READ = Table("C13")
DRAWN = Table("C14")
ROOT = Path(__file__).parents[3]


def told(folder: Path, path: str) -> tuple[list[Any], str]:
    """The predictions for a file, none where it is refused, and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = graphspec.predict(folder, [path])
        except GraphspecError as error:
            return [], "\n".join([*(str(each.message) for each in caught), str(error)])
    return list(found), "\n".join(str(each.message) for each in caught)


def table_run(**dataset: Any) -> Trial:
    """use = 10 × rooms + (5 where the town is "big"), exactly."""
    lines = ["rooms,town,use"]
    lines += [f"{rooms},{town},{10 * rooms + 5 * (town == 'big')}" for rooms in range(1, 9) for town in ("big", "small")] * 2  # fmt: skip
    Path("homes.csv").write_text("\n".join(lines) + "\n")
    data = {"dataset": {"type": "csv", "file": "homes.csv", "target": "use", **dataset}, "root": ".", "batch_size": 32,
            "validation": 0.0, "test": 0.0}  # fmt: skip
    train = {"epochs": 300, "loss": "MSELoss", "optimizer": {"type": "LBFGS", "lr": 1.0}}
    layers = {"fc": {"type": "Linear", "out_features": 1}}
    return trained(spec(data, layers, {**train, "epochs": 20}, inputs={"x": ["N", 3]}))


def _table(text: str, wanted: Sequence[float] | str, name: str = "new.csv", encoding: str = "utf-8") -> str:
    """`wanted`: the values, or words of the refusal or of what is said."""
    trial = table_run()
    if trial.parts is None:
        return trial.said
    Path(name).write_bytes(text.encode(encoding))
    found, said = told(trial.folder, name)
    if isinstance(wanted, str):
        missing = [word for word in wanted.split("|") if word.lower() not in said.lower()]
        return f"says nothing of {missing}: {said[:300]}" if missing else ""
    values = [float(np.ravel(next(iter(each.outputs.values())))[0]) for each in found]
    if len(values) != len(wanted):
        return f"{values}: {said[:300]}"
    return first(*(near(one, other, 0.02) for one, other in zip(values, wanted, strict=True)))


for _name, _text, _wanted in (
    ("a table in the training table's order", "rooms,town\n3,big\n2,small\n", (35, 20)),
    ("a table in another order", "town,rooms\nbig,3\n", (35,)),
    ("a table with the target", "use,town,rooms\n0,big,3\n", (35,)),
    ("a table with a column more", "id,town,rooms\n17,big,3\n", (35,)),
    ("a table with quotes and spaces behind", '"rooms","town"\n"3","big"\n', (35,)),
    ("a table with Windows' line ends", "rooms,town\r\n3,big\r\n2,small\r\n", (35, 20)),
    ("a table without a last line end", "rooms,town\n3,big", (35,)),
    ("a table of empty lines behind", "rooms,town\n3,big\n\n\n", (35,)),
    ("a table without a head", "3,big\n2,small\n", "column"),
    ("a table without a column", "rooms\n3\n", "town"),
    ("a table with a town that is new", "rooms,town\n3,huge\n", "huge"),
    ("a table with an empty cell", "rooms,town\n,big\n", "rooms"),
    ("a table with NA", "rooms,town\nNA,big\n", "rooms|NA"),
    ("a table with a text for a number", "rooms,town\nthree,big\n", "rooms|three"),
    ("a table with a decimal comma", 'rooms,town\n"3,5",big\n', "rooms|3,5"),
    ("a table of semicolons", "rooms;town\n3;big\n", ";"),
    ("a table whose head is in capitals", "Rooms,Town\n3,big\n", "rooms"),
    ("a table with a head alone", "rooms,town\n", "row"),
    ("an empty table", "", "no rows"),
    ("a table with a row too short", "rooms,town\n3\n", "row|2"),
    ("a table with a row too long", "rooms,town\n3,big,9\n", "row|2"),
):
    READ.add(_name, lambda text=_text, wanted=_wanted: _table(text, wanted))
READ.add("a table with a byte order mark", lambda: _table("rooms,town\n3,big\n", (35,), encoding="utf-8-sig"))
READ.add("a table called .CSV", lambda: _table("rooms,town\n3,big\n", (35,), name="NEW.CSV"))
READ.add("a table of UTF-16", lambda: _table("rooms,town\n3,big\n", "utf", encoding="utf-16"))


def _notation() -> str:
    """Trained on ``;`` and a decimal comma, predicted from the same notation."""
    lines = [f"{str(x / 4).replace('.', ',')};{str(x / 2).replace('.', ',')}" for x in range(40)]
    Path("t.csv").write_text("a;b\n" + "\n".join(lines) + "\n")
    dataset = {"type": "csv", "file": "t.csv", "target": "b", "delimiter": ";", "decimal": ","}
    data = {"dataset": dataset, "root": ".", "batch_size": 40, "validation": 0.0, "test": 0.0}
    train = {"epochs": 20, "loss": "MSELoss", "optimizer": {"type": "LBFGS", "lr": 1.0}}
    trial = trained(spec(data, {"fc": {"type": "Linear", "out_features": 1}}, train, inputs={"x": ["N", 1]}))
    if trial.parts is None:
        return trial.said
    Path("n.csv").write_text("a\n3,5\n")
    found, said = told(trial.folder, "n.csv")
    return near(float(np.ravel(next(iter(found[0].outputs.values())))[0]), 7.0, 0.01) if found else said


READ.add("a table in the notation of training", _notation)


def picture_run() -> Trial:
    """Dark discs' brightness on black: dim 40, bright 220, on most of the picture black."""
    for name, grey in (("dim", 90), ("bright", 250)):
        os.makedirs(f"data/{name}", exist_ok=True)
        for k in range(12):
            Image.fromarray(_disc(grey - k)).save(f"data/{name}/{k}.png")
    return of_folder(validation=0.0, test=0.0)


def _disc(grey: int, ground: int = 0) -> Any:
    made = np.full((8, 8, 3), ground, np.uint8)
    made[2:5, 2:5] = grey
    return made


def _picture(make: Any, path: str, wanted: str, *words: str) -> str:
    trial = picture_run()
    if trial.parts is None:
        return trial.said
    make(path)
    found, said = told(trial.folder, path)
    missing = [word for word in words if word.lower() not in said.lower()]
    label = str(found[0].label) if found else ""
    return first(f"says nothing of {missing}: {said[:200]}" if missing else "",
                 f"{label or said[:200]}, not {wanted}" if wanted != label else "")  # fmt: skip


def _save(mode: str, grey: int = 245, **options: Any) -> Any:
    def make(path: str) -> None:
        made: Any = Image.fromarray(_disc(grey))
        if mode == "I;16":
            made = Image.fromarray(_disc(grey)[:, :, 0].astype(np.uint16) * 257)
        elif mode == "black on white":
            made = Image.fromarray(255 - _disc(grey))
        elif mode == "big":
            made = made.resize((80, 80))
        elif mode != "RGB":
            made = made.convert(mode)
        made.save(path, **options)

    return make


for _mode, _path in (("RGB", "p.png"), ("L", "p.png"), ("RGBA", "p.png"), ("LA", "p.png"), ("P", "p.gif"), ("CMYK", "p.tif"),
                     ("I;16", "p.png"), ("RGB", "p.webp"), ("RGB", "p.bmp"), ("RGB", "P.PNG"), ("RGB", "p.jfif")):  # fmt: skip
    READ.add(
        f"a picture of mode {_mode} as {_path}",
        lambda mode=_mode, path=_path: _picture(_save(mode, **({"format": "JPEG"} if path.endswith("jfif") else {})), path, "bright"),
    )  # fmt: skip
READ.add("a picture black on white", lambda: _picture(_save("black on white"), "p.png", _any(), "unlike", "invert"))
READ.add("a picture of another size", lambda: _picture(_save("big"), "p.png", "", "8 × 8", "resize"))
READ.add("a text that is called .png", lambda: _picture(lambda path: Path(path).write_text("x"), "p.png", "", "p.png"))
READ.add("a picture that is not there", lambda: _picture(lambda path: None, "p.png", "", "p.png"))


class _Any(str):
    """Equal to every label."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def _any() -> str:
    return _Any("any")


IRIS = """graphspec = 1
name = "iris"
[inputs]
x = ["N", 4]
[layers]
fc = { type = "Linear", out_features = 3 }
[data]
dataset = "iris"
transforms = ["StandardScaler"]
[train]
epochs = 2
metrics = ["accuracy"]
"""


def command(*arguments: str, **environment: str) -> tuple[int, str]:
    env: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-m", "graphspec", *arguments], capture_output=True, text=True, env=env, timeout=300,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def _drawn(prepare: Any = None, pictures: bool = True, after: tuple[str, ...] = (), **environment: str) -> str:
    """A run ends well with its figures, and with its pictures where nothing makes them impossible."""
    Path("iris.toml").write_text(IRIS)
    if prepare:
        prepare()
    code, text = command("train", "iris.toml", **environment)
    faults = [f"exit code {code}: {text[-300:]}" if code else "", "traceback" if "Traceback" in text else ""]
    faults.append("" if Path("runs/iris/evaluation.json").is_file() else "no evaluation")
    made = Path("runs/iris/confusion_matrix.png").is_file()
    if made != pictures:
        faults.append(f"pictures: {made}; {text[-300:]}")
    if not pictures and "cannot be drawn" not in text:
        faults.append(f"nothing said of pictures: {text[-300:]}")
    if after:
        code, text = command(*after, **environment)
        faults.append(f"{after}: exit code {code}: {text[-300:]}" if code or "Traceback" in text else "")
    return first(*faults)


for _backend in ("widget", "module://ipympl.backend_nbagg", "module://matplotlib_inline.backend_inline", "TkAgg", "nonsense", "",
                 "module://no.such", "Qt5Agg", "agg", "ps"):  # fmt: skip
    DRAWN.add(f"MPLBACKEND = {_backend or 'empty'}", lambda backend=_backend: _drawn(MPLBACKEND=backend))
for _command in (("evaluate", "runs/iris"), ("inspect", "runs/iris"), ("report", "runs/iris", "-o", "page.html"),
                 ("export", "runs/iris"), ("predict", "runs/iris", "--count", "2")):  # fmt: skip
    DRAWN.add(
        f"MPLBACKEND = widget, then {_command[0]}", lambda after=_command: _drawn(after=after, MPLBACKEND="widget")
    )


def _settings(text: str) -> Any:
    return lambda: Path("matplotlibrc").write_text(text)


DRAWN.add("a matplotlibrc with usetex", lambda: _drawn(_settings("text.usetex: True\n")))
DRAWN.add("a matplotlibrc of another backend", lambda: _drawn(_settings("backend: widget\n")))
DRAWN.add("a matplotlibrc that is damaged", lambda: _drawn(_settings("figure.dpi: many\n:::\n")))
DRAWN.add(
    "a matplotlibrc that is no text",
    lambda: _drawn(lambda: Path("matplotlibrc").write_bytes(b"\xff\xfe\0\0"), pictures=False),
)
DRAWN.add("a folder of settings that cannot be written", lambda: _drawn(MPLCONFIGDIR="/proc/none"))


def _broken() -> None:
    """A matplotlib of another environment, that cannot be imported."""
    os.makedirs("other/matplotlib")
    Path("other/matplotlib/__init__.py").write_text(
        "raise ImportError('libfreetype.so.6: cannot open shared object')\n"
    )


DRAWN.add("a matplotlib that cannot be imported", lambda: _drawn(_broken, pictures=False, PYTHONPATH=f"{ROOT}:other"))
DRAWN.add(
    "a picture that stands as a folder", lambda: _drawn(lambda: None, pictures=True, after=("evaluate", "runs/iris"))
)
