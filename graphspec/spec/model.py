"""Stage 1's type: what a spec file says, with every field legal. See specs/README.md for the language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_serializer, field_validator, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from graphspec.diagnostics import quoted
from graphspec.spec.base import SpecModel, in_parts
from graphspec.spec.data import DataSpec
from graphspec.spec.dims import DimField, DimRange, NamedDim
from graphspec.spec.export import ExportSpec
from graphspec.spec.expressions import VOCABULARY
from graphspec.spec.source import Source
from graphspec.spec.train import TrainSpec
from graphspec.spec.tune import TuneSpec

FORMAT_VERSION = 1
#: Dims of one input, and different dynamic dims of all.
MOST_DIMS = 32
#: Ids of one input.
MOST_IDS = 1 << 31
RESERVED = ("type", "from", "repeat", "if", "reuse", "tie", "init", "parametrize", "freeze", "keep")
_RESERVED = frozenset(RESERVED)
Dtype = Literal["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
#: The names of values: one, several in order, or by forward's parameter names.
References = str | tuple[str, ...] | dict[str, str | tuple[str, ...]]


class InputSpec(SpecModel):
    """An input: ``["N", 1, 28, 28]``, or ``{ shape = ["N", "T"], dtype = "int64" }``.

    A string is a dynamic dim, or a multiple of one (``"16*H"``).
    """

    shape: Annotated[tuple[int | DimField, ...], Field(max_length=MOST_DIMS)]
    dtype: Dtype = "float32"

    @model_validator(mode="before")
    @classmethod
    def _from_shape(cls, data: Any) -> Any:
        return {"shape": tuple(data)} if isinstance(data, list | tuple) else data

    @model_serializer
    def _shortest(self) -> Any:
        shape = [size if isinstance(size, int) else str(size) for size in self.shape]
        return shape if self.dtype == "float32" else {"shape": shape, "dtype": self.dtype}


class LayerSpec(SpecModel):
    """One line of ``[layers]``: reserved keys as fields, everything else in ``args``."""

    type: str | None = None
    source: References | None = Field(None, alias="from")
    repeat: int | str | None = None
    condition: bool | str | None = Field(None, alias="if")
    reuse: str | None = None
    tie: str | dict[str, str] | None = None
    init: Any = None
    parametrize: str | dict[str, Any] | None = None
    freeze: bool | str = False
    keep: bool = False
    args: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_name_or_table(cls, data: Any) -> Any:
        found = in_parts(data, _RESERVED)
        source = found.get("from") if isinstance(found, dict) else None
        if isinstance(source, list):
            found["from"] = tuple(source)
        if isinstance(source, dict):
            found["from"] = {key: tuple(value) if isinstance(value, list) else value for key, value in source.items()}
        return found

    @model_serializer
    def _to_name_or_table(self) -> Any:
        fields: dict[str, Any] = {"type": self.type, "from": self.source, "repeat": self.repeat, "if": self.condition}
        fields |= {"reuse": self.reuse, "tie": self.tie, "init": self.init, "freeze": self.freeze or None}
        fields |= {"keep": self.keep or None, "parametrize": self.parametrize}
        table = {key: value for key, value in fields.items() if value is not None} | self.args
        return self.type if table == {"type": self.type} else table


class NetworkBody(SpecModel):
    """What a block and a model have in common: a model is just a block."""

    vars: dict[str, Any] = {}
    layers: Annotated[dict[str, LayerSpec], Field(min_length=1)]
    outputs: Annotated[dict[str, str], Field(min_length=1)] | None = None

    @field_validator("outputs", mode="before")
    @classmethod
    def _from_names(cls, data: Any) -> Any:
        """``["species", "age"]``: outputs that carry their layers' names."""
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            return data
        twice = next((name for n, name in enumerate(data) if name in data[:n]), None)
        if twice is not None:
            raise PydanticCustomError("twice", "{name} stands twice", {"name": quoted(twice)})
        return {name: name for name in data}

    @field_serializer("outputs")
    def _to_names(self, outputs: dict[str, str] | None) -> Any:
        same = outputs is not None and all(name == layer for name, layer in outputs.items())
        return list(outputs) if outputs and same else outputs


class BlockSpec(NetworkBody):
    """``[blocks.NAME]``: layers with variables and inputs of their own."""

    inputs: tuple[str, ...] = ("x",)


class NetworkSpec(NetworkBody):
    """A whole spec file. ``name`` is the file's stem unless the file says otherwise."""

    _source: Source = PrivateAttr(default=Source("<dict>", {}))

    graphspec: Literal[1]
    name: str = "model"
    inputs: Annotated[dict[str, InputSpec], Field(min_length=1)]
    dims: dict[str, DimRange] = {}
    vocabulary: dict[str, Annotated[int, Field(ge=1, le=MOST_IDS)]] = {}
    blocks: dict[str, BlockSpec] = {}
    variants: dict[str, dict[str, Any]] = {}
    data: DataSpec | None = None
    train: TrainSpec | None = None
    export: ExportSpec = ExportSpec()
    tune: TuneSpec | None = None

    @property
    def source(self) -> Source:
        """Where the spec was read, for diagnostics."""
        return self._source

    @property
    def dim_names(self) -> tuple[str, ...]:
        """The dynamic dims in order of appearance."""
        sizes = [size for given in self.inputs.values() for size in given.shape]
        return tuple(dict.fromkeys(size.name for size in sizes if isinstance(size, NamedDim)))

    @property
    def folded(self) -> bool:
        """Whether it is trained several times, each time measured on another fold."""
        return self.data is not None and self.data.folds is not None and self.data.fold is None

    @property
    def variables(self) -> dict[str, Any]:
        """What the expressions of layers may name: ``[vars]``, and ``vocabulary.NAME``."""
        return self.vars | {f"{VOCABULARY}.{name}": count for name, count in self.vocabulary.items()}

    @property
    def unknown_ids(self) -> set[str]:
        """The inputs of which layers ask for ``vocabulary.NAME`` and ``[vocabulary]`` does not say it."""
        source = self._source
        if source.text and not source.overridden and f"{VOCABULARY}." not in source.text:
            return set()
        asking = {key: source.data.get(key) for key in ("vars", "layers", "blocks")}
        return set(re.findall(rf"\b{VOCABULARY}\.([A-Za-z_]\w*)", _expressions(asking))) - self.vocabulary.keys()

    def with_vocabulary(self, sizes: Mapping[str, int]) -> NetworkSpec:
        """This spec, whose ``[vocabulary]`` says what the data do; what it says already stays."""
        return self.model_copy(update={"vocabulary": dict(sizes) | self.vocabulary}).read_from(self._source)

    def without_weight_files(self) -> NetworkSpec:
        """This spec where weights come from elsewhere: no layer starts from a file of its own."""
        changes: dict[str, Any] = {"layers": _without_files(self.layers)}
        if self.train is not None and self.train.init is not None:
            changes["train"] = self.train.model_copy(update={"init": None})
        blocks = {
            name: block.model_copy(update={"layers": _without_files(block.layers)})
            for name, block in self.blocks.items()
        }
        return self.model_copy(update=changes | {"blocks": blocks})

    def read_from(self, source: Source) -> NetworkSpec:
        """This spec, knowing its source."""
        copy = self.model_copy()
        copy._source = source
        return copy


def _expressions(value: Any) -> str:
    """Every text with ``${`` inside `value`, one after the other."""
    if isinstance(value, str):
        return value if "${" in value else ""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return " ".join(filter(None, map(_expressions, items)))


def _without_files(layers: dict[str, LayerSpec]) -> dict[str, LayerSpec]:
    return {
        name: layer.model_copy(update={"init": None})
        if isinstance(layer.init, dict) and not {"file", "weights"}.isdisjoint(layer.init)
        else layer
        for name, layer in layers.items()
    }
