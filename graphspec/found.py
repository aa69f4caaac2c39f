"""What lies at a path that a command was given, and what to do where it is something else than the command takes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from graphspec import spec as spec_stage
from graphspec.diagnostics import Code, GraphspecError, fail, quoted
from graphspec.spec import NetworkSpec
from graphspec.system.regular_file import require_regular

Kind = Literal["spec", "run", "export", "study", "folder", "file", "missing"]
#: What marks a folder of ours.
_MARKS: tuple[tuple[str, Kind], ...] = (
    ("manifest.json", "export"), ("journal.log", "study"), ("environment.json", "run"), ("best.safetensors", "run"),
)  # fmt: skip
_WORDS: dict[Kind, str] = {
    "spec": "a spec", "run": "a run", "export": "an export", "study": "a study", "folder": "a folder of other things",
    "file": "a file of another kind",
}  # fmt: skip
#: The code of an error, by the kind of thing that a command takes first.
_CODES: dict[Kind, Code] = {"spec": "not-a-file", "run": "no-run", "export": "no-such-file", "study": "no-run"}
_SPECS = (".toml", ".json")


#: What a spec can be given as: a path, ``"-"``, the text, a dict, or a spec already read.
SpecLike = str | os.PathLike[str] | Mapping[str, Any] | NetworkSpec


class HasSpec(Protocol):
    """A network, whose spec has been read."""

    @property
    def spec(self) -> NetworkSpec: ...


def is_path(source: SpecLike | HasSpec) -> bool:
    """Whether `source` names a file or a folder, and is no text, dict or network."""
    if isinstance(source, str):
        return source != "-" and "\n" not in source and "{" not in source
    return isinstance(source, os.PathLike)


def read_spec(source: SpecLike | HasSpec, variant: str | None = None, overrides: Iterable[str] = ()) -> NetworkSpec:
    """The spec that `source` is, or that lies there, as `variant` and `overrides` change it.

    Raises ``GraphspecError`` for what is wrong with it.
    """
    if isinstance(source, str | os.PathLike | Mapping):
        if is_path(source):
            expect(source, "spec")
        return spec_stage.load(source, variant=variant, overrides=overrides)
    spec = source if isinstance(source, NetworkSpec) else source.spec
    changes = list(overrides)
    return spec_stage.load(spec, variant=variant, overrides=changes) if variant is not None or changes else spec


def kind_of(path: Path) -> Kind:
    """What lies at `path`, by the names in it; what they hold is for their readers to judge."""
    if os.path.isdir(path):
        return next((kind for mark, kind in _MARKS if os.path.lexists(path / mark)), "folder")
    if not os.path.lexists(path):
        return "missing"
    return "spec" if path.suffix in _SPECS else "file"


def file_of(folder: Path, name: str) -> Path:
    """The file `name` of a run or an export, which came along: it is to be a regular file there, no link.

    Raises ``GraphspecError`` where it is not.
    """
    path = folder / name
    try:
        return require_regular(path, links=False)
    except FileNotFoundError:
        raise fail("no-run", f"{quoted(folder)} has no {name}", hint="graphspec train makes a run") from None
    except OSError as error:
        link = "put a copy of what it leads to in its place" if path.is_symlink() else ""
        raise fail("checkpoint-damaged", f"{quoted(path)} cannot be read: {error.strerror}", hint=link) from None


def expect(source: Any, *wanted: Kind) -> Kind:
    """The kind of `source`, a path, which is one of those `wanted`.

    Raises ``GraphspecError`` that says what it is instead, and which command takes it or makes what is wanted. Files
    that no reader of specs would take are left to that reader, which knows more of them.
    """
    path = Path(source)
    kind = kind_of(path)
    if kind in wanted or (kind in ("missing", "file") and (wanted == ("spec",) or _is_spec_name(path, wanted))):
        return kind if kind in wanted else "spec"
    raise _other(path, kind, wanted)


def _is_spec_name(path: Path, wanted: tuple[Kind, ...]) -> bool:
    return path.suffix in _SPECS and "spec" in wanted


def _other(path: Path, kind: Kind, wanted: tuple[Kind, ...]) -> GraphspecError:
    words = " nor ".join(_WORDS[each] for each in wanted) if len(wanted) > 1 else _WORDS[wanted[0]]
    if kind == "missing":
        near = _nearest(path, wanted)
        hint = f"did you mean {quoted(near)}?" if near else _way(path, kind, wanted)
        return fail("no-run" if wanted[0] == "run" else "no-such-file", f"there is no {quoted(path)}", hint=hint)
    neither = "neither " if len(wanted) > 1 else "not "
    message = f"{quoted(path)} is {_WORDS[kind]}, {neither}{words}"
    return fail(_CODES[wanted[0]], message, hint=_way(path, kind, wanted))


def _way(path: Path, kind: Kind, wanted: tuple[Kind, ...]) -> str:
    """How to come from `path` to what is wanted of it."""
    if "run" in wanted and kind == "spec":
        run = Path("runs") / _name(path)
        return f"its run is {run}" if kind_of(run) == "run" else f"graphspec train {path} makes a run of it"
    if "run" in wanted and kind == "study":
        return f"its trials are runs: {path}/trials/0 and so on; graphspec train {path}/best.toml trains the best"
    if wanted[0] == "export" and kind == "run":
        export = Path("exports") / path.name
        there = f", and {export} is an export" if kind_of(export) == "export" else ""
        return f"graphspec export {path} makes one of it{there}"
    if wanted[0] == "export" and kind == "spec":
        export = Path("exports") / _name(path)
        return f"its export is {export}" if kind_of(export) == "export" else f"graphspec export {path} makes one of it"
    if wanted == ("spec",) and kind in ("run", "export"):
        return f"its spec is {path}/spec.toml"
    if wanted == ("spec",) and kind == "study":
        return f"the study's spec is {path}/spec.toml, the best trial's {path}/best.toml"
    if wanted[0] == "run" and kind == "export":
        return "an export is for graphspec predict and graphspec verify"
    if kind == "file" and path.suffix == ".onnx" and "export" in wanted:
        return f"graphspec verify {path} --against EXPORT judges a file alone"
    makers = {"run": "graphspec train SPEC makes a run", "export": "graphspec export RUN makes an export"}
    return next((makers[each] for each in wanted if each in makers), "")


def _name(spec: Path) -> str:
    """The name of the network in a spec file, by which its run is called; the file's own where it cannot be read."""
    from graphspec import spec as spec_stage

    try:
        return spec_stage.load(spec).name
    except GraphspecError:
        return spec.stem


def _nearest(path: Path, wanted: tuple[Kind, ...]) -> Path | None:
    """What is beside `path`, is `wanted` and has a name close to it."""
    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except (OSError, ValueError):
        return None
    close = map(path.with_name, difflib.get_close_matches(path.name, names[:1000], n=5))
    return next((each for each in close if kind_of(each) in wanted), None)
