"""One spec in several spellings: TOML, JSON, a dict, lists of layers, variants, ``--set``, dumped and read again."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.spec import NetworkSpec, digest, dump, load
from graphspec.spec.dims import NamedDim

TOML = """
graphspec = 1
[vars]
width = 16
[inputs]
x = ["N", 8]
[layers]
fc = { type = "Linear", out_features = "${width}" }
act = "ReLU"
[variants.small]
width = 4
[variants.wide]
width = 64
[train]
epochs = "${width // 8}"
"""


def said(spec: NetworkSpec) -> dict[str, Any]:
    return spec.model_dump(by_alias=True)


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(GraphspecError) as caught:
        load(*arguments, **options)
    return str(caught.value)


def test_json_a_dict_and_the_text_say_the_same() -> None:
    data = tomllib.loads(TOML)
    assert digest(load(data)) == digest(load(TOML)) == digest(load(json.dumps(data)))
    assert said(load(json.dumps({"$schema": "https://example.org/graphspec.json", **data}))) == said(load(TOML))


def test_a_list_of_layers_is_the_same_as_a_table() -> None:
    listed = TOML.replace(
        '[layers]\nfc = { type = "Linear", out_features = "${width}" }\nact = "ReLU"\n',
        '[[layers]]\nname = "fc"\ntype = "Linear"\nout_features = "${width}"\n'
        '[[layers]]\nname = "act"\ntype = "ReLU"\n',
    )
    assert "[[layers]]" in listed
    assert digest(load(listed)) == digest(load(TOML))


def test_the_digest_is_of_the_meaning_and_not_of_the_spelling() -> None:
    spaced = TOML.replace(" = ", "   =   ") + "# a comment\n"
    assert digest(load(spaced)) == digest(load(TOML))
    assert digest(load(TOML.replace("ReLU", "GELU"))) != digest(load(TOML))
    act, fc = 'act = "ReLU"\n', 'fc = { type = "Linear", out_features = "${width}" }\n'
    assert digest(load(TOML.replace(fc + act, act + fc))) != digest(load(TOML)), "the order of layers is the network"


@pytest.mark.parametrize(("variant", "width", "epochs"), [(None, 16, 2), ("small", 4, 0), ("wide", 64, 8)])
def test_a_variant_overrides_variables(variant: str | None, width: int, epochs: int) -> None:
    if epochs < 1:
        assert "train.epochs" in refusal(TOML, variant=variant)
        return
    spec = load(TOML, variant=variant)
    assert spec.vars["width"] == width
    assert spec.train is not None
    assert spec.train.epochs == epochs


def test_an_unknown_variant_is_named_with_the_known() -> None:
    assert 'did you mean "small"?' in refusal(TOML, variant="smal")
    assert "the spec has no [variants]" in refusal(TOML.split("[variants")[0], variant="small")


@pytest.mark.parametrize(
    ("override", "path", "expected"),
    [
        ("vars.width=32", ("vars", "width"), 32),
        ("layers.fc.out_features=3", ("layers", "fc", "args", "out_features"), 3),
        ("layers.act=GELU", ("layers", "act", "type"), "GELU"),
        ('layers.act="GELU"', ("layers", "act", "type"), "GELU"),
        ("layers.act.inplace=true", ("layers", "act", "args", "inplace"), True),
        ("train.epochs=7", ("train", "epochs"), 7),
        ("train.optimizer.type=SGD", ("train", "optimizer", "type"), "SGD"),
        ("data.dataset=digits", ("data", "dataset", "type"), "digits"),
        ('inputs.x=["N", 3]', ("inputs", "x", "shape"), (NamedDim("N"), 3)),
        ('layers.fc.out_features = "${width * 2}"', ("layers", "fc", "args", "out_features"), "${width * 2}"),
    ],
)
def test_set_changes_one_place(override: str, path: tuple[str, ...], expected: Any) -> None:
    value: Any = load(TOML, overrides=[override])
    for part in path:
        value = value[part] if isinstance(value, dict) else vars(value)[part]
    assert value == expected


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("layers.ac.inplace=true", 'did you mean "act"?'),
        ("layers.out.out_features=3", "there are: fc, act"),
        ("layers.fc.out_features=${width * 2}", "quote a string, as in TOML"),
        ("train.optimzer.lr=0.1", 'did you mean "optimizer"?'),
        ("layers.fc", "is not PATH=VALUE"),
        ("=3", "is not PATH=VALUE"),
        ("train.epochs=[", "is not a TOML value"),
        ("train.epochs=abc def", "is not a TOML value"),
        ("train.epoch=3", 'did you mean "epochs"?'),
        ("train.epochs=1.5", "train.epochs"),
        ("a.b.c=1", 'there is no "a"'),
        (f"train.seed={'9' * 5000}", "a number of 5,000 digits"),
        (f"train.seed=0x{'f' * 5000}", "a number of 5,002 digits"),
        ("train.optimizer.lr=nan", "is not a finite number"),
        (f"train.seed={2**70}", "does not fit 64 bits"),
        (f"vars.x={'[' * 100}{']' * 100}", "nested more than 32 deep"),
        (f"vars{'.a' * 100}=1", "a path of 101 parts"),
        ("train.seed=1\nepochs = 3", "is not a TOML value"),
    ],
)
def test_a_wrong_set_says_so(override: str, says: str) -> None:
    assert says in refusal(TOML, overrides=[override])


@pytest.mark.parametrize(("key", "number", "legal"), [
    ("value", "-inf", True), ("fill_value", "inf", True), ("value", "nan", False), ("p", "-inf", False),
])  # fmt: skip
def test_what_masks_and_borders_hold_may_be_infinite(key: str, number: str, legal: bool) -> None:
    text = f'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\nmask = {{ type = "pad", {key} = {number} }}\n'
    if legal:
        assert f"{key} = {number}" in dump(load(text))
    else:
        assert "is not a finite number" in refusal(text)


def test_a_fault_in_what_was_set_names_the_command_line() -> None:
    with pytest.raises(GraphspecError, match=r"^--set layers\.fc\.out_features: error\[bad-value\]"):
        graphspec.compile(TOML, overrides=["layers.fc.out_features=-1"])


def test_the_last_set_wins_and_the_dict_given_stays_as_it_was() -> None:
    data = tomllib.loads(TOML)
    before = json.dumps(data)
    spec = load(data, variant="wide", overrides=["vars.width=8", "vars.width=24", "layers.act.inplace=true"])
    assert spec.vars["width"] == 24
    assert json.dumps(data) == before


def test_dump_is_a_line_a_layer_as_a_person_would_write_it() -> None:
    assert dump(load(TOML)).splitlines()[:12] == [
        "graphspec = 1", 'name = "model"', "", "[vars]", "width = 16", "", "[inputs]", 'x = ["N", 8]', "", "[layers]",
        'fc  = { type = "Linear", out_features = "${width}" }', 'act = "ReLU"',
    ]  # fmt: skip


def names(prefix: str) -> st.SearchStrategy[str]:
    return st.integers(0, 20).map(lambda n: f"{prefix}{n}")


VALUES = st.one_of(
    st.integers(-(2**31), 2**31), st.booleans(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20).filter(lambda text: "${" not in text), st.lists(st.integers(0, 9), max_size=3),
)  # fmt: skip
LAYERS = st.one_of(
    st.sampled_from(["ReLU", "GELU", "Flatten"]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Linear", "Block", "ReLU"])},
        optional={
            "from": st.one_of(names("layer"), st.lists(names("layer"), min_size=1, max_size=3),
                              st.dictionaries(names("port"), names("layer"), min_size=1, max_size=2)),
            "repeat": st.one_of(st.integers(1, 5), st.just("${depth}")),
            "if": st.one_of(st.booleans(), st.just("${x.shape[1] != 8}")),
            "init": st.sampled_from(["zeros_", {"weight": "ones_", "bias": {"type": "normal_", "std": 0.5}}]),
            "tie": st.sampled_from(["layer0.weight", {"weight": "layer1.weight"}]),
            "freeze": st.booleans(),
            "argument": VALUES,
        },
    ),
)  # fmt: skip
SPECS = st.fixed_dictionaries(
    {
        "graphspec": st.just(1),
        "inputs": st.dictionaries(
            names("input"),
            st.one_of(st.lists(st.one_of(st.integers(1, 64), st.sampled_from(["N", "T"])), max_size=4),
                      st.fixed_dictionaries({"shape": st.just(["N", 4]), "dtype": st.sampled_from(["int64", "bool"])})),
            min_size=1, max_size=3,
        ),
        "layers": st.dictionaries(names("layer"), LAYERS, min_size=1, max_size=6),
    },
    optional={
        "vars": st.dictionaries(names("var"), VALUES, max_size=3),
        "outputs": st.dictionaries(names("out"), names("layer"), min_size=1, max_size=2),
        "blocks": st.fixed_dictionaries({"Block": st.fixed_dictionaries(
            {"layers": st.dictionaries(
                st.one_of(names("layer"), st.sampled_from(["layers", "outputs"])), LAYERS, min_size=1, max_size=3)},
            optional={"inputs": st.just(["a", "b"]), "vars": st.dictionaries(names("var"), VALUES, max_size=2)},
        )}),
        "train": st.fixed_dictionaries({}, optional={"epochs": st.integers(1, 9), "optimizer": st.just(
            {"type": "SGD", "lr": 0.1}), "metrics": st.just(["accuracy", {"type": "f1", "average": "macro"}])}),
        "data": st.fixed_dictionaries({"dataset": st.just("digits")}, optional={"validation": st.just(0.25)}),
        "export": st.fixed_dictionaries({}, optional={"formats": st.just(["onnx"])}),
    },
)  # fmt: skip


@given(SPECS)
@example({"graphspec": 1, "inputs": {"x": [8]}, "layers": {"a": {"type": "ReLU", "t": '\x7f\x1b"\\\n\u2028é'}}})
@settings(max_examples=150, deadline=None)
def test_what_is_dumped_reads_as_the_same_spec(data: dict[str, Any]) -> None:
    spec = load(data)
    again = load(dump(spec))
    assert digest(again) == digest(spec)
    assert dump(again) == dump(spec)
