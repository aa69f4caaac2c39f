"""Going on from a checkpoint, where it belongs to the run that wants to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.diagnostics import Diagnostic, GraphspecError, fail, warn
from graphspec.training.learner import Learner

#: What may change: how long to train, where the files are, what is exported, who is told, and the name.
_FREE = (
    ("train", "epochs"), ("train", "callbacks"), ("data", "root"), ("export",), ("name",), ("variants",), ("tune",),
)  # fmt: skip
#: What a part of a state that is not as it was saved may raise.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError)


def take_up(learner: Learner, state: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Put `learner` where the run was that saved `state`; `now` is what this run is known by.

    Raises ``GraphspecError``: ``checkpoint-mismatch`` where it is another run's, ``checkpoint-damaged`` where it is
    none: hashes tell damage, but whoever forges a checkpoint computes them too.
    """
    try:
        check_same_run(state["run"], now)
        learner.load_state_dict(dict(state))
    except _MALFORMED as error:
        message = f"the checkpoint is not one that graphspec wrote: {type(error).__name__}: {error}"
        raise fail("checkpoint-damaged", message, hint="train into another folder") from error


def check_same_run(saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ``GraphspecError`` where spec or data differ; warn where a difference only costs bit-identity."""
    odd = [(path, a, b) for path, a, b in _differences(saved["spec"], now["spec"]) if not _is_free(path)]
    if odd:
        raise GraphspecError(
            Diagnostic(
                "checkpoint-mismatch",
                f"{'.'.join(path)} was {_text(a)} when the run began and is {_text(b)} now",
                at=tuple(path),
                hint="train into another folder",
            )
            for path, a, b in odd
        )
    if saved["data"] != now["data"]:
        raise fail("checkpoint-mismatch", "the training data changed since the run began", at=("data",))
    if saved.get("teacher", "") != now.get("teacher", ""):
        raise fail("checkpoint-mismatch", "the teacher is another than when the run began", at=("train", "teacher"))
    before, here = saved["environment"], now["environment"]
    changed = [key for key in ("device", "versions") if before[key] != here[key]]
    if before["threads"] > here["cpus"]:  # fewer are no change: a run takes up the count that it began with
        changed.append("threads")
    if changed:
        warn(
            "checkpoint-mismatch",
            f"{', '.join(changed)} changed since the run began: what follows is not bit-identical",
        )
    own = [part for part, text in now.get("own", {}).items() if saved.get("own", {}).get(part, text) != text]
    if own:
        message = f"the code of {', '.join(own)} changed since the run began: what follows is not bit-identical"
        warn("checkpoint-mismatch", message)


def _differences(a: Any, b: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in [*a, *(key for key in b if key not in a)]:
            yield from _differences(a.get(key), b.get(key), (*path, str(key)))
        if list(a) != list(b) and set(a) == set(b) and _is_ordered(path):
            yield path, list(a), list(b)
    elif a != b:
        yield path, a, b


def _is_ordered(path: tuple[str, ...]) -> bool:
    """Whether the order of the keys at `path` says what is computed: of layers, what follows what, in blocks too; of
    inputs and outputs, what stands where in a call."""
    body = path[2:] if path[:1] == ("blocks",) else path
    return body in (("layers",), ("inputs",), ("outputs",))


def _is_free(path: tuple[str, ...]) -> bool:
    return any(path[: len(free)] == free for free in _FREE)


def _text(value: Any) -> str:
    return "not set" if value is None else str(value)
