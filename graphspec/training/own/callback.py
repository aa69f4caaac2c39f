"""``@graphspec.callback``: what a run tells to code of the user's, an epoch at a time."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from graphspec.diagnostics import Path as Place
from graphspec.diagnostics import fail, quoted, warn
from graphspec.ops.components import check_arguments, choose
from graphspec.spec.base import Component
from graphspec.system.own_parts import OwnParts, arguments_of, first_parameters
from graphspec.training.run.reporter import Course, Reporter

Part = TypeVar("Part", bound=Callable[..., Any])

#: Callbacks that have been imported, by name.
OWN: OwnParts[Callable[..., Any]] = OwnParts("a callback", lambda name: "")


@dataclasses.dataclass(frozen=True)
class _Moments:
    """What a callback is told of: its methods, None where it has none."""

    start: Callable[[Run], object] | None
    epoch: Callable[[Mapping[str, Any]], object] | None
    end: Callable[[Mapping[str, Any]], object] | None

    @classmethod
    def of(cls, made: Any) -> _Moments:
        return cls(getattr(made, "start", None), getattr(made, "epoch", None), getattr(made, "end", None))


@dataclasses.dataclass(frozen=True)
class Run:
    """What a callback is told when a run starts: its folder, its spec as plain data, and the epochs done already."""

    folder: Path
    spec: Mapping[str, Any]
    epochs_done: int = 0

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


def callback(part: Part) -> Part:
    """Decorator: make a class, or a function, one that ``[train] callbacks`` can name.

    A function takes the figures of each epoch: a row of ``metrics.csv``, ``{"epoch": 1, "step": …, "lr": …,
    "train_loss": …, "validation_accuracy": …, "seconds": …}``. A class has any of the methods ``start(run)`` (a
    :class:`Run`), ``epoch(figures)`` and ``end(figures)``, which has the best weights' figures of all parts,
    ``{"test_accuracy": …}``, and none where the run was stopped. The other parameters, of a class its constructor's,
    are arguments of the spec.

    Raises:
        TypeError: no such class or function.
        ValueError: the name is that of a callback in another file.
    """
    if inspect.isclass(part):
        if _Moments.of(part) == _Moments(None, None, None):
            raise TypeError(f"a callback is a class with start, epoch or end, not {part!r}")
        OWN.add(part, part)
    elif inspect.isfunction(part) and len(first_parameters(part)) == 1:
        OWN.add(part, _of_function(part))
    else:
        raise TypeError(f"a callback is a class, or a function of an epoch's figures, not {part!r}")
    return part


def _of_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as what a class's constructor is."""

    @functools.wraps(function)
    def make(**arguments: Any) -> Any:
        return _Epochs(functools.partial(function, **arguments))

    make.__signature__ = arguments_of(function, 1)  # type: ignore[attr-defined]
    return make


@dataclasses.dataclass(frozen=True)
class _Epochs:
    epoch: Callable[[Mapping[str, Any]], object]


def check_callback(component: Component, at: Place) -> Callable[..., Any]:
    """What `component` names, its arguments checked and nothing constructed."""
    found = choose(component, OWN, "callback", at)
    check_arguments(component, found, at)
    return found


class Callbacks:
    """The callbacks of a run, beside what another reporter says; one that fails in an epoch is left out from there."""

    def __init__(self, components: Sequence[Component], folder: Path, spec: Mapping[str, Any]) -> None:
        self._run = Run(folder, spec)
        self._called: dict[str, _Moments] = {}
        for i, component in enumerate(components):
            at = ("train", "callbacks", i)
            make = check_callback(component, at)
            key = component.type if component.type not in self._called else f"{component.type} {i}"
            made = _careful(functools.partial(make, **component.args), component.type, at)
            self._called[key] = _Moments.of(made)
        self._started: list[str] = []

    def beside(self, reporter: Reporter) -> Reporter:
        """`reporter`, which now tells the callbacks too."""
        return _Told(reporter, self) if self._called else reporter

    def start(self, epochs_done: int) -> None:
        """The run begins, or goes on. Raises ``GraphspecError`` where a callback fails."""
        run = dataclasses.replace(self._run, epochs_done=epochs_done)
        for i, (name, each) in enumerate(self._called.items()):
            if each.start is not None:
                _careful(functools.partial(each.start, run), name, ("train", "callbacks", i))
            self._started.append(name)

    def epoch(self, figures: Mapping[str, Any]) -> None:
        """An epoch is done."""
        self._tell(lambda told: told.epoch, figures)

    def end(self, parts: Mapping[str, Mapping[str, float]] | None = None) -> None:
        """Training has ended, with what the best weights reach on each part where that was measured; once."""
        reached = {f"{part}_{name}": value for part, row in (parts or {}).items() for name, value in row.items()}
        self._tell(lambda told: told.end, reached)
        self._started = []

    def _tell(self, moment: Callable[[_Moments], Callable[..., object] | None], figures: Mapping[str, Any]) -> None:
        for name in list(self._started):
            told = moment(self._called[name])
            try:
                if told is not None:
                    told(dict(figures))
            except Exception as error:  # the user's code can fail in any way, and hours of training are worth more
                message = f"the callback {quoted(name)} fails with {type(error).__name__}: {error}"
                warn("bad-value", f"{message}; it is told nothing more", at=("train", "callbacks"))
                self._started.remove(name)


def _careful(work: Callable[[], Any], name: str, at: Place) -> Any:
    try:
        return work()
    except Exception as error:  # the user's code can fail in any way
        message = f"the callback {quoted(name)} fails with {type(error).__name__}: {error}"
        raise fail("bad-value", message, at=at) from error


class _Told:
    """A reporter with callbacks beside it."""

    def __init__(self, reporter: Reporter, callbacks: Callbacks) -> None:
        self._reporter, self._callbacks = reporter, callbacks
        self.note, self.step, self.close = reporter.note, reporter.step, reporter.close

    def start(self, course: Course) -> None:
        """Training begins, or goes on."""
        self._callbacks.start(course.epoch)
        self._reporter.start(course)

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        """An epoch is done."""
        self._reporter.epoch(row, epochs, best_epoch)
        self._callbacks.epoch(row)
