"""What fuzzing found, in its shortest form: each ended in an exception of Python's own, and is a diagnostic now."""

from __future__ import annotations

from typing import Any

import pytest

from graphspec import compiler, pipeline
from graphspec.diagnostics import GraphspecError

HEAD = {"graphspec": 1, "inputs": {"x": ["N", 8]}}
FINDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a type that is a list": (
        {**HEAD, "vars": {"v": [1, 2]}, "layers": {"a": {"type": "${v}"}}},
        "wrong-type", 'the type of layer "a" is a list, not a name',
    ),
    "a type that is a number": (
        {**HEAD, "vars": {"v": 3}, "layers": {"a": {"type": "${v}"}}},
        "wrong-type", 'the type of layer "a" is an integer, not a name',
    ),
    "a type that is a table": (
        {**HEAD, "vars": {"v": {"type": "ReLU"}}, "layers": {"a": {"type": "${v}"}}},
        "wrong-type", 'the type of layer "a" is a table, not a name',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FINDS)
def test_a_find_is_a_diagnostic(name: str) -> None:
    spec, code, message = FINDS[name]
    with pytest.raises(GraphspecError) as caught:
        pipeline.compile(spec)
    found = caught.value.diagnostics[0]
    assert (found.code, message in found.message) == (code, True), str(found)


TEXTS = {
    "JSON: a key twice, where the grammar reads a key with a tab": '{"":{"":"","":[[]],"":"","":[[]],"":""}"\t":1',
    "JSON: a key twice, where the grammar reads a key with a NUL": '{"":{"type":"","":[[]],"type":""}"":0,"\0":}',
    "JSON: a key twice, where the grammar reads a key of NULs": '{"":{"type":"","":[],"type":""}e"":"","\0\0\0":}',
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_with_several_faults_is_a_diagnostic(name: str) -> None:
    """The parser stops at the key that stands twice; its places are looked up in a tree of what is broken below."""
    with pytest.raises(GraphspecError) as caught:
        compiler.load(TEXTS[name] + "\n")
    found = caught.value.diagnostics[0]
    assert found.code == "duplicate-key", str(found)
