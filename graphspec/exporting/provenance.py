"""Where an export comes from: what a run keeps of its seed, its data, its software and how good its weights are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphspec.diagnostics import quoted, warn
from graphspec.system.regular_file import MOST_JSON, read_regular, sha256


def provenance_of(run: Path | None) -> dict[str, Any] | None:
    """What the run folder `run` says of itself, for the manifest; None where there is no run.

    ``seed``, ``versions``, ``device``, ``engine`` and ``data`` (see :attr:`graphspec.data.DataSet.noted`) are those of
    the training; ``metrics`` by part and ``samples`` (measured, present) are left out where the run's
    evaluation measured other weights than its best ones, or there is none. What cannot be read is said.
    """
    if run is None:
        return None
    about = _read(run / "environment.json")
    found: dict[str, Any] = {}
    if isinstance(about.get("seed"), int):
        found["seed"] = about["seed"]
    for key in ("versions", "data", "teacher"):
        if isinstance(about.get(key), Mapping):
            found[key] = about[key]
    for key in ("device", "device_name"):
        if isinstance(about.get(key), str):
            found[key] = about[key]
    if isinstance(engine := about.get("engine"), Mapping) and isinstance(engine.get("name"), str):
        found["engine"] = engine["name"]
    return found | _measured(run)


def _measured(run: Path) -> dict[str, Any]:
    """``metrics`` and ``samples``, where they are those of the weights that the run has."""
    path, weights = run / "evaluation.json", run / "best.safetensors"
    if not path.is_file():
        return {}
    said = _read(path)
    parts, samples = said.get("parts"), said.get("samples")
    if said.get("weights") != sha256(weights) or not isinstance(parts, Mapping) or not isinstance(samples, Mapping):
        return {}
    metrics = {str(part): _numbers(row) for part, row in parts.items() if isinstance(row, Mapping)}
    return {"metrics": metrics, "samples": {part: samples[part] for part in metrics if part in samples}}


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Those of a row that are finite numbers."""
    return {str(k): v for k, v in row.items() if isinstance(v, int | float) and math.isfinite(v)}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(read_regular(path, most=MOST_JSON, links=False))
        if not isinstance(found, dict):
            raise ValueError("it is no object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        warn("checkpoint-damaged", f"{quoted(path)} is damaged ({reason}): the export says nothing of it")
        return {}
    return found
