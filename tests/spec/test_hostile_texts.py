"""Texts made to hang or swell the reader: each ends within a second or two of processor time, with one clear error."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest

import graphspec
from graphspec.diagnostics import MOST_SHOWN, GraphspecError

HEAD = 'graphspec = 1\n[inputs]\nx = ["N", 8]\n[layers]\n'
USES_P = 'y = { type = "add", from = ["x", "p"], broadcast = true }\n'
TIMES_X = "'x', "
TIMES_A = "'${a}', "
NESTED = "".join(f'[blocks.B{n}.layers]\nb = {{ type = "B{n + 1}", repeat = 10 }}\n' for n in range(1, 13))
#: Name → text, the codes that may come of it, seconds of processor time (the machine may be slow and busy).
TEXTS: dict[str, tuple[str, str, float]] = {
    "an int of 5,000 digits": (HEAD + f"fc = {{ type = 'Linear', out_features = {'9' * 5000} }}\n", "too-large", 0.5),
    "an int of 5,000 digits in JSON": (
        f'{{"graphspec":1,"inputs":{{"x":["N",8]}},"layers":{{"a":{{"type":"Linear","out_features":{"9" * 5000}}}}}}}',
        "too-large", 0.5,
    ),
    "a negative int of 5,000 digits in JSON": (f'{{"graphspec":-{"9" * 5000}}}', "too-large", 0.5),
    "a hexadecimal int of 1e6 digits": (f"{HEAD}a = 0x{'f' * 1_000_000}\n", "too-large", 1),
    "JSON 1e5 deep": ('{"a":' + "[" * 100_000, "too-deep", 0.5),
    "JSON objects 1e5 deep": ('{"a":' * 100_000, "too-deep", 0.5),
    "TOML arrays 1,000 deep": (f"{HEAD}a = {'[' * 1000}{']' * 1000}\n", "too-deep", 0.5),
    "brackets behind four quotes": (f'x = ["""a"""", {"[" * 100_000}, "b"]\n', "too-deep", 0.5),
    "brackets behind four apostrophes": (f"x = ['''a'''', {'[' * 100_000}, 'b']\n", "too-deep", 0.5),
    "32,000 dotted parts": ("a." * 32_000 + "a = 1\n", "too-deep", 0.5),
    "32,000 dotted parts in a header": (f"[{'a.' * 32_000}a]\nb = 1\n", "too-deep", 0.5),
    "1,000 keys under a 1,000-part header": (
        f"[{'.'.join(['a'] * 1000)}]\n" + "".join(f"k{n} = 1\n" for n in range(1000)), "too-deep", 0.5,
    ),
    "an open string of escapes": ('{a = """' + '\\"""' * 200_000, "syntax", 2),
    "an open string of apostrophes": ("{a = '''" + "'' " * 200_000, "syntax", 2),
    "10^13 layers": (f'{HEAD}b = {{ type = "B1", repeat = 10 }}\n{NESTED}[blocks.B13.layers]\nr = "ReLU"\n',
                     "too-many-layers", 0.2),
    "10^12 layers that an if leaves out": (
        f'{HEAD}b = {{ type = "B1", repeat = 10 }}\n{NESTED}[blocks.B13.layers]\n'
        'r = { type = "ReLU", if = false }\n', "too-many-layers", 3,
    ),
    "10^12 layers by expressions": (
        f'{HEAD}b = {{ type = "B1", repeat = "${{5 * 2}}" }}\n' + NESTED.replace("= 10", '= "${5 * 2}"')
        + '[blocks.B13.layers]\nr = "ReLU"\n', "too-many-layers", 3,
    ),
    "5,000 blocks in each other": (
        f'{HEAD}b = "B0"\n' + "".join(f'[blocks.B{n}.layers]\nb = "B{n + 1}"\n' for n in range(5000))
        + '[blocks.B5000.layers]\nr = "ReLU"\n', "too-deep", 5,
    ),
    "60,000 layers": (HEAD + "".join(f'a{n} = "Z"\n' for n in range(60_000)), "too-many-layers", 8),
    "9,000 unknown layers": (HEAD + "".join(f'a{n} = "Zconv{n}"\n' for n in range(9000)), "unknown-layer", 5),
    "9,000 unknown references": (
        HEAD + "".join(f'a{n} = {{ type = "ReLU", from = "q{n}" }}\n' for n in range(9000)), "unknown-reference", 5,
    ),
    "60,000 unknown keys": (f'{HEAD}r = "ReLU"\n[train]\n' + "".join(f"a{n} = 1\n" for n in range(60_000)),
                            "unknown-key", 8),
    "60,000 bad names in one line": (
        '{"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {'
        + ", ".join(f'"é{n}": "Z"' for n in range(30_000)) + "}}", "bad-name", 8,
    ),
    "a repeated key at the end of one line": (
        "{" + ", ".join(f'"a{n}": 1' for n in range(60_000)) + ', "a0": 2}', "duplicate-key", 5,
    ),
    "a name of 1e5 characters": (f'{HEAD}"{"a" * 100_000}" = "ReLU"\n', "bad-name", 1),
    "a type of 1e5 characters": (f'{HEAD}a = "{"a" * 100_000}"\n', "unknown-layer", 1),
    "an input of 3,000 dims": (HEAD.replace('"N", 8', ", ".join(["2"] * 3000)) + 'r = "ReLU"\n', "too-large", 1),
    "2e9 pieces of a value": (
        HEAD.replace("8", "2000000000") + 'a = { type = "unbind", dim = 1 }\nb = { type = "ReLU", from = "a.0" }\n',
        "too-large", 1,
    ),
    "as many pieces as the batch": (
        HEAD + 'a = "unbind"\nb = { type = "ReLU", from = "a.0" }\n', "dynamic-dim", 1,
    ),
    "a size that doubles sixty times": (
        HEAD.replace("[inputs]", "[vars]\n" + "".join(f'v{n} = "${{v{n + 1} * v{n + 1} + v{n + 1}}}"\n'
                                                     for n in range(60)) + 'v60 = "${x.shape[0]}"\n[inputs]')
        + 'r = { type = "reshape", shape = ["${v0}", 8] }\n', "bad-expression", 2,
    ),
    "a Parameter of 1,001 dims": (
        f'{HEAD}p = {{ type = "Parameter", shape = [{", ".join(["1"] * 1001)}] }}\n{USES_P}', "too-large", 1,
    ),
    "10,000 layers of 300 inputs": (
        HEAD + f'r = {{ type = "ReLU", from = [{TIMES_X * 300}], repeat = 10000 }}\n', "too-large", 3,
    ),
    "a value of 100 dims": (
        HEAD + "".join(f'u{n} = {{ type = "unsqueeze", dim = 0 }}\n' for n in range(100)), "too-large", 3,
    ),
    "texts that join texts": (
        HEAD.replace("[inputs]", "[vars]\n" + f'a0 = "{"x" * 990}"\n'
                     + "".join(f'a{n} = "{f"${{a{n - 1}}}" * 190}"\n' for n in (1, 2, 3)) + "[inputs]")
        + 'fc = { type = "Linear", out_features = "${a3}" }\n', "bad-expression", 1,
    ),
    "120,000 times a list of 990": (
        HEAD.replace("[inputs]", f"[vars]\na = [{', '.join(['0'] * 990)}]\n[inputs]")
        + f'p = {{ type = "Buffer", data = [{TIMES_A * 120_000}] }}\n{USES_P}', "too-large", 4,
    ),
    "a table of tables that doubles": (
        HEAD.replace("[inputs]", "[vars]\n" + "".join(f'v{n} = {{ p = "${{v{n + 1}}}", q = "${{v{n + 1}}}" }}\n'
                                                      for n in range(60)) + "v60 = 1\n[inputs]")
        + 'fc = { type = "Linear", out_features = "${v0}" }\n', "bad-expression", 1,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _torch_is_there() -> None:
    graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {"relu": "ReLU"}})


@pytest.mark.parametrize("name", TEXTS)
def test_it_ends_with_one_clear_error(name: str) -> None:
    text, code, seconds = TEXTS[name]
    start = time.process_time()
    with pytest.raises(GraphspecError) as caught:
        graphspec.compile(text)
    assert time.process_time() - start < seconds
    assert caught.value.diagnostics[0].code == code
    printed = str(caught.value)
    assert "RecursionError" not in printed
    assert len(printed.encode()) < 1 << 16
    assert printed.count("error[") <= MOST_SHOWN


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["10^13 layers", "a hexadecimal int of 1e6 digits", "2e9 pieces of a value"])
def test_it_takes_no_memory(name: str) -> None:
    def work() -> None:
        with pytest.raises(GraphspecError):
            graphspec.compile(TEXTS[name][0])

    assert peak_of(work) < 64 << 20


def test_faults_beyond_the_first_twenty_are_counted() -> None:
    with pytest.raises(GraphspecError) as caught:
        graphspec.compile(HEAD + "".join(f'a{n} = "Z{n}"\n' for n in range(500)))
    assert len(caught.value.diagnostics) == 500
    assert str(caught.value).endswith("… and 480 more")


def test_24_diamonds_have_sixteen_million_paths_and_compile_at_once() -> None:
    lines = "".join(
        f'a{n} = "ReLU"\nb{n} = "GELU"\nc{n} = {{ type = "add", from = ["a{n}", "b{n}"] }}\n' for n in range(24)
    )
    start = time.process_time()
    module = graphspec.compile(HEAD + lines)
    assert time.process_time() - start < 2
    assert len(list(module.children())) == 72
