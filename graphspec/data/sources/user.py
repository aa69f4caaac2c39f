"""Data sets of the user's own: classes marked with ``@graphspec.dataset`` in a file that ``--import`` names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor

from graphspec.data.rows import read_rows
from graphspec.data.samples import Samples
from graphspec.data.sources.builtin import SOURCES
from graphspec.data.sources.source import Place, Source
from graphspec.data.transforms import SizeTransforms
from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.system.own_parts import OwnParts

#: Constructor arguments that graphspec gives; ``train`` and ``split`` are how torchvision's classes name a part.
_GIVEN = ("root", "train", "split", "download")
_AT = ("data", "dataset")
_classes: OwnParts[type] = OwnParts("a data set", lambda name: "graphspec" if name in SOURCES else "")

Class = TypeVar("Class", bound=type)


def dataset(cls: Class) -> Class:
    """Class decorator: make a map-style data set (``__len__``, ``__getitem__``) one that ``[data] dataset`` can name.

    A sample is ``(input, target)``, each a value or a dict by name. Of the constructor's arguments graphspec gives
    ``root``, ``download``, and ``train`` (bool) or ``split`` (``"train"``, ``"test"``) where it has them; the spec
    gives the others. A class with neither ``train`` nor ``split`` has its test part split off. Class names are its
    ``classes`` attribute, else the numbers of the labels.

    Raises:
        TypeError: no such class.
        ValueError: the name is graphspec's, or that of a data set in another module.
    """
    if not inspect.isclass(cls) or not hasattr(cls, "__getitem__") or not hasattr(cls, "__len__"):
        raise TypeError(f"a data set is a class with __len__ and __getitem__, not {cls!r}")
    _classes.add(cls, cls)
    return cls


def own_datasets() -> OwnParts[type]:
    """The classes that have been imported, by name."""
    return _classes


def user_sources() -> Mapping[str, Callable[..., Source]]:
    """The data sets that have been imported, by name, as sources."""
    return {name: _source(name, cls) for name, cls in _classes.items()}


def _source(name: str, cls: type) -> Callable[..., Source]:
    """A source with the signature of `cls`, but for what graphspec gives."""
    signature = inspect.signature(cls)

    def read(place: Place, resize: SizeTransforms, **arguments: Any) -> Source:
        given = {"root": str(place.root), "download": place.download}
        arguments |= {key: value for key, value in given.items() if key in signature.parameters}
        parts = next(({key: values} for key, values in _PARTS.items() if key in signature.parameters), {})

        def part(index: int) -> Any:
            return _construct(cls, name, arguments | {key: values[index] for key, values in parts.items()})

        first = part(0)
        training = place.wanted.settled(read_rows(first, name, resize))
        labels = {
            key: _names(first, key, value, place.wanted.ignored)
            for key, value in training.targets.items()
            if _is_label(value)
        }
        test: Callable[[], Samples] | None = (
            (lambda: place.wanted.settled(read_rows(part(1), name, resize))) if parts else None
        )
        return Source(training, test, labels, sized=True)

    free = [p.replace(kind=p.KEYWORD_ONLY) for key, p in signature.parameters.items() if key not in _GIVEN]
    own = list(inspect.signature(read).parameters.values())[:2]
    read.__signature__ = signature.replace(parameters=[*own, *free])  # type: ignore[attr-defined]
    read.__doc__ = inspect.getdoc(cls)
    return read


_PARTS: Mapping[str, tuple[Any, Any]] = {"train": (True, False), "split": ("train", "test")}


def _construct(cls: type, name: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return cls(**arguments)
    except GraphspecError:
        raise
    except Exception as error:  # the user's code can fail in any way
        raise fail("bad-data", f"{name} fails with {type(error).__name__}: {error}", at=_AT) from error


def _is_label(target: Tensor) -> bool:
    return not target.is_floating_point()


def _names(dataset: Any, target: str, labels: Tensor, ignored: Collection[int]) -> tuple[str, ...]:
    """The ``classes`` of the data set (a list, or lists by target), else the numbers up to the greatest label."""
    named = getattr(dataset, "classes", None)
    chosen = named.get(target) if isinstance(named, Mapping) else named
    if chosen is None:
        counted = [label for label in labels.unique().tolist() if label not in ignored]
        return tuple(map(str, range(max(counted, default=-1) + 1)))
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise fail("bad-data", f"the classes of {quoted(target)} are no list of names", at=_AT)
    return tuple(map(str, chosen))
