"""The schemas of what ``[data]``, ``[train]`` and ``[tune]`` name: data sets, losses, optimisers, samplers, …"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from graphspec.data.augment import BATCHED, FROM_V2, MIXING, PER_SAMPLE
from graphspec.data.augment.follow import NOISE, VALUES
from graphspec.data.sources import sources
from graphspec.data.text.tokenizer import TOKENIZERS
from graphspec.data.transforms import TRANSFORMS
from graphspec.data.transforms.own import TRANSFORMS as OWN_TRANSFORMS
from graphspec.losses import loss_table
from graphspec.schema.argument_schema import documented, untyped
from graphspec.schema.pieces import EXPRESSION, Schema, list_of, name_or_table, named, or_expression, sentence
from graphspec.training.metrics.table import METRICS
from graphspec.training.optim.optimizer import optimizer_table, scheduler_table
from graphspec.training.own.callback import OWN as CALLBACKS

#: Arguments that graphspec gives, and those that it fills in where the spec does not.
_GIVEN = frozenset(
    ["place", "name", "resize", "params", "optimizer", "statistic", "num_classes", "search_space", "wrapped_pruner"]
)
_FILLED = frozenset(["T_max", "total_steps", "total_iters"])
_OUTPUT: Schema = {"description": "Which of the network's outputs.", "type": "string"}
#: Keys of graphspec's own that stand beside the arguments.
_SHARED: Mapping[str, Mapping[str, Schema]] = {
    "metrics": {"output": _OUTPUT},
    "optimizer": {
        "groups": {
            "description": "Options, and with type an optimiser, of their own for parameters by layers and kinds "
            "(norm, bias, embedding, matrix).",
            **list_of({"type": "object", "anyOf": [{"required": ["layers"]}, {"required": ["kinds"]}]}, minItems=1),
        },
        "layer_decay": or_expression(
            {"description": "The rate of a layer is so much of the next one's.", "type": "number", "maximum": 1}
        ),
    },
    "dataset": {
        "targets": {
            "description": "The arrays to predict; or input: the network is to give what it is given.",
            "anyOf": [{"const": "input"}, list_of({"type": "string"}, minItems=1)],
        }
    },
    "loss": {
        "reduce": {"description": "The mean of the output is the loss.", "const": "mean"},
        "output": {"anyOf": [_OUTPUT, list_of({"type": "string"}, minItems=2)]},
        "target": {"description": "The field of the data to compare with; teacher: what that gives.", "type": "string"},
        "temperature": or_expression(
            {"description": "Softens the logits of network and teacher.", "type": "number", "exclusiveMinimum": 0}
        ),
        "factor": or_expression({"description": "The weight in the sum.", "type": "number", "exclusiveMinimum": 0}),
    },
}

#: The key in its section → what it may name: ``name → function``.
Table = Mapping[str, Callable[..., Any]]


def component(key: str) -> Schema:
    """The schema of one component that the key `key` takes, as a name or a table."""
    return {"$ref": f"#/definitions/{key}"}


def component_definitions() -> dict[str, Schema]:
    """A definition for each key of the spec that names components."""
    anything: Schema = {"type": ["string", "object"]}
    return {"sampler": anything, "pruner": anything, "callbacks": anything} | {
        key: _component(table, _SHARED.get(key, {})) for key, table in component_tables().items() if table
    }


def component_tables() -> Mapping[str, Table]:
    """What each key may name: ``name → function``."""
    from torchvision.transforms import v2

    own = {name: entry.make for name, entry in OWN_TRANSFORMS.items()}
    return {
        "dataset": sources(),
        "transforms": {**{name: cls.signature() for name, cls in TRANSFORMS.items()}, **own},
        "augment": {**{name: getattr(v2, name) for name in (*FROM_V2, *PER_SAMPLE)}, **BATCHED, **MIXING, **own},
        "corrupt": {**{name: getattr(v2, name) for name in sorted(VALUES | NOISE)}, **own},
        "tokenizer": TOKENIZERS,
        "loss": loss_table(),
        "optimizer": optimizer_table(),
        "scheduler": scheduler_table(),
        "metrics": {name: kind.formula for name, kind in METRICS.items()},
        "callbacks": CALLBACKS,
        **_search_tables(),
    }


def _search_tables() -> Mapping[str, Table]:
    """What ``[tune]`` names; without Optuna, whose classes they are, nothing is known of them."""
    if importlib.util.find_spec("optuna") is None:
        return {}
    from graphspec.tuning.samplers import pruner_table, sampler_table

    return {"sampler": sampler_table(), "pruner": pruner_table()}


def _component(table: Table, shared: Mapping[str, Schema]) -> Schema:
    summaries = {name: sentence(inspect.getdoc(function) or "") for name, function in table.items()}
    types: Schema = {"type": "string", "anyOf": [named(summaries), EXPRESSION]}
    entries = {name: _entry(function) for name, function in table.items()}
    for entry in entries.values():
        entry["properties"] = {name: each for name, each in entry["properties"].items() if name not in shared}
    untyped_table: Schema = {"anyOf": [{"required": ["type"]}, {"required": ["reduce"]}]}
    return name_or_table(types, entries, shared, untyped_table if "reduce" in shared else {"required": ["type"]})


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that a spec gives."""
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in _GIVEN and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def is_required(name: str, parameter: inspect.Parameter) -> bool:
    """Whether the spec must give it: it has no default, and graphspec does not fill it in."""
    return parameter.default is parameter.empty and name not in _FILLED


def _entry(function: Callable[..., Any]) -> Schema:
    texts = documented(inspect.getdoc(function) or "")
    parameters = parameters_of(function)
    required = [name for name, parameter in parameters.items() if is_required(name, parameter)]
    properties = {name: _argument(entry.default, texts.get(name, "")) for name, entry in parameters.items()}
    return {"properties": properties, "required": required}


def _argument(default: Any, text: str) -> Schema:
    """By the type of the default: these functions are annotated too loosely to say more."""
    schema: Schema = {"description": text} if text else {}
    if isinstance(default, tuple) and all(isinstance(name, str) for name in default):
        schema |= list_of({"type": "string"}, minItems=1)
    elif isinstance(default, tuple):
        schema |= list_of({}, minItems=len(default), maxItems=len(default))
    else:
        schema |= untyped(default)
        if isinstance(default, bool | int | float | str):
            schema["default"] = default
    return or_expression(schema)
