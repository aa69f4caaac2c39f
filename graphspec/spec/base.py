"""What all sections of a spec share: strict frozen models, and components written as a name or a table."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict, model_serializer, model_validator


class SpecModel(BaseModel):
    """Strict (no coercion), frozen, and nothing but the fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", ser_json_inf_nan="constants")

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, data: Any) -> Any:
        """Strict mode wants tuples where the file has lists; the conversion loses nothing."""
        tuples = _tuple_fields(cls)
        if not tuples or not isinstance(data, dict):
            return data
        return {
            key: tuple(value) if key in tuples and isinstance(value, list) else value for key, value in data.items()
        }


@functools.cache
def _tuple_fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if str(field.annotation).startswith("tuple"))


def in_parts(data: Any, own: Collection[str]) -> Any:
    """A name, or a table, as fields: the keys in `own` by themselves, all others under ``args``."""
    if isinstance(data, str):
        return {"type": data}
    if not isinstance(data, dict):
        return data
    fields: dict[str, Any] = {}
    args: dict[str, Any] = {}
    for key, value in data.items():
        (fields if key in own else args)[key] = value
    return fields | {"args": args}


class Component(SpecModel):
    """Something named with arguments: ``"Adam"`` or ``{ type = "Adam", lr = 0.01 }``."""

    type: str
    args: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_name_or_table(cls, data: Any) -> Any:
        return in_parts(data, ("type",))

    @model_serializer
    def _to_name_or_table(self) -> Any:
        return {"type": self.type, **self.args} if self.args else self.type
