"""Dynamic dims: a name, a multiple of one (``"16*H"``), and the range that ``[dims]`` gives a name."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from graphspec.spec.base import SpecModel

#: The greatest size of a dim.
GREATEST = 2**31 - 1
_MULTIPLE = re.compile(r"\s*(?:([0-9]{1,10})\s*\*\s*(.*?)|(.*?)\s*\*\s*([0-9]{1,10}))\s*", re.S)


@dataclasses.dataclass(frozen=True, slots=True)
class NamedDim:
    """A size that is known at run time: `factor` times what the dim `name` is."""

    name: str
    factor: int = 1

    @classmethod
    def of(cls, text: str) -> NamedDim:
        """``"H"``, ``"16*H"`` or ``"H*16"``; what is none of them is taken for a name, and refused as one."""
        multiple = _MULTIPLE.fullmatch(text)
        if not multiple:
            return cls(text)
        before, name, name_first, after = multiple.groups()
        return cls(name if before else name_first, int(before or after))

    def __str__(self) -> str:
        return self.name if self.factor == 1 else f"{self.factor}*{self.name}"


def _named(value: Any) -> NamedDim:
    if isinstance(value, NamedDim):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "a dim is a number or a name")
    return NamedDim.of(value)


#: A named dim as a field of a spec, written as text.
DimField = Annotated[NamedDim, BeforeValidator(_named, str), PlainSerializer(str)]

Bound = Annotated[int, Field(ge=1, le=GREATEST)]


class DimRange(SpecModel):
    """An entry of ``[dims]``: the sizes that a dynamic dim may have, both ends included."""

    min: Bound = 1
    max: Bound | None = None
