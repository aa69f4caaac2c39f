"""One entry of the vocabulary: a module class read as a layer type, everything taken from its live signatures."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

#: A whole number that stays one, or any other: ``3 + 1`` is an int64, ``3 + 1.0`` a float. TorchScript spells it so.
Number = typing.Union[int, float, complex]  # noqa: UP007
#: What is known of the sizes that a layer gives, see :mod:`graphspec.shapes.unbranched`; "" where branches decide.
Sizes = Literal["", "anywhere", "each_sample", "on_one_dim"]
#: Constructor arguments that say where and in which dtype parameters live: the compiler's business.
_PLACEMENT = frozenset(["device", "dtype"])


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """An argument: its name, annotation (``Any`` where there is none) and default (``empty``: it is required)."""

    name: str
    annotation: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """A value that forward takes; `many` takes a list of them."""

    name: str
    required: bool
    many: bool = False


@dataclasses.dataclass(frozen=True)
class Op:
    """A layer type: `factory` is an nn.Module class; the spec writes `name`.

    ``arguments`` go to the constructor, ``options`` to each call, ``ports`` are the values that forward takes, and
    ``values`` names what comes out of a layer with several (``h_n`` → ``(1, 0)``).
    `scalar` is the variant of a function in which the port named by its first entry is a number instead; a function
    that `broadcasts` wants equal shapes unless the layer says ``broadcast = true``. `sizes` is what is known of the
    sizes that it gives, `example` what a typical line of it says.
    """

    name: str
    factory: type[nn.Module]
    values: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    origin: str = "torch.nn"
    scalar: tuple[str, Op] | None = None
    broadcasts: bool = False
    sizes: Sizes = ""
    example: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def arguments(self) -> Mapping[str, Parameter]:
        found = parameters_of(self.factory.__init__)
        placement = frozenset() if self.is_leaf else _PLACEMENT
        return {name: parameter for name, parameter in found.items() if name not in placement}

    @functools.cached_property
    def options(self) -> Mapping[str, Parameter]:
        forward = parameters_of(self.factory.forward)
        return {name: parameter for name, parameter in forward.items() if not _is_port(parameter)}

    @functools.cached_property
    def written(self) -> Mapping[str, Parameter]:
        """Arguments and options; one that the variant with a number has too takes what either takes."""
        own = {**self.arguments, **self.options}
        name, variant = self.scalar or ("", self)
        if name not in own:
            return own
        either: Any = typing.Union[own[name].annotation, variant.options[name].annotation]  # noqa: UP007
        return own | {name: dataclasses.replace(own[name], annotation=either)}

    @functools.cached_property
    def ports(self) -> tuple[Port, ...]:
        forward = parameters_of(self.factory.forward)
        return tuple(
            Port(name, parameter.required, _is_list(parameter.annotation))
            for name, parameter in forward.items()
            if _is_port(parameter)
        )

    @functools.cached_property
    def port_names(self) -> tuple[str, ...]:
        """The names of ``ports``."""
        return tuple(port.name for port in self.ports)

    @functools.cached_property
    def required_ports(self) -> frozenset[str]:
        """The names of those among ``ports`` that must be given."""
        return frozenset(port.name for port in self.ports if port.required)

    @functools.cached_property
    def many_port(self) -> str | None:
        """The name of the port that takes a list of values, if there is one."""
        return next((port.name for port in self.ports if port.many), None)

    @functools.cached_property
    def leading(self) -> tuple[str, ...]:
        """The ports that forward takes first, before any argument."""
        forward = parameters_of(self.factory.forward)
        return tuple(name for name, _ in itertools.takewhile(lambda item: _is_port(item[1]), forward.items()))

    @property
    def is_function(self) -> bool:
        """Whether this is a ``torch`` function, written in lower case."""
        return self.origin == "torch"

    @property
    def is_leaf(self) -> bool:
        """Whether this is a tensor of the network itself (``Parameter``, ``Buffer``), no module of its own."""
        return self.origin == "leaf"

    @property
    def summary(self) -> str:
        """The first paragraph of the class's own documentation, without the signature that torch's RNNs begin with."""
        paragraphs = inspect.cleandoc(self.factory.__doc__ or "").split("\n\n")
        return next((text.replace("\n", " ") for text in paragraphs if not text.startswith("__init__")), "")


def parameters_of(function: Any) -> dict[str, Parameter]:
    """A function's parameters by name, annotations evaluated where they can be."""
    # torch's recurrent layers say what they take in overloads
    function = next(iter(typing.get_overloads(function)), function)
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):
        hints = {}
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation = hints.get(name, parameter.annotation)
        if annotation is inspect.Parameter.empty or isinstance(annotation, str):
            annotation = Any
        found[name] = Parameter(name, annotation, parameter.default)
    return found


def _is_port(parameter: Parameter) -> bool:
    """A value, where the annotation says Tensor or, without one, where there is no default but None."""
    if parameter.annotation is Any:
        return parameter.required or parameter.default is None
    return _mentions_tensor(parameter.annotation)


def _mentions_tensor(annotation: Any) -> bool:
    return annotation is Tensor or any(_mentions_tensor(part) for part in typing.get_args(annotation))


def _is_list(annotation: Any) -> bool:
    return typing.get_origin(annotation) is list and _mentions_tensor(annotation)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone; a ``Number`` stays one, in a union too."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return (annotation,)
    members = typing.get_args(annotation)
    numbers = typing.get_args(Number)
    if set(numbers) <= set(members):
        rest = [part for member in members if member not in numbers for part in alternatives(member)]
        return (Number, *rest)
    return tuple(part for member in members for part in alternatives(member))
