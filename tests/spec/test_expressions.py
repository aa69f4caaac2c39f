"""What stands inside ``${…}``: Python's arithmetic and nothing else of Python."""

from __future__ import annotations

import contextlib
import operator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.spec.interpolation import Meter, template
from graphspec.spec.scope import Bindings

SCOPE = Bindings({"width": 16, "p": 0.5, "deep": True, "sizes": [3, 5, 7], "twice": "${2 * width}", "name": "relu",
                  "vocabulary.tokens": 50})  # fmt: skip


def value(text: str) -> Any:
    """The expression's value; `x` has the shape (2, 8)."""
    return SCOPE.close(f"${{{text}}}", lambda scope, reference: {"x": [2, 8], "lstm.h_n": [4]}[reference])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 / 2", 3.5),
        ("7 % 3", 1),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("2 ** -1", 0.5),
        ("width", 16),
        ("twice + 1", 33),
        ("p * 2", 1.0),
        ("1.5e2", 150.0),
        ("width if deep else 8", 16),
        ("1 if width > 20 else 2 if width > 10 else 3", 2),
        ("not deep or width == 16", True),
        ("1 < 2 and 2 <= 2 and 3 != 4", True),
        ("min(3, width, 5)", 3),
        ("max(sizes)", 7),
        ("len(sizes)", 3),
        ("sizes[1] + sizes[-1]", 12),
        ("[1, 2 * width]", [1, 32]),
        ("vocabulary.tokens + 1", 51),
        ("x.shape[1] // 2", 4),
        ("lstm.h_n.shape[0]", 4),
        ("x.shape", [2, 8]),
        ("'re' + \"lu\"", "relu"),
        ("name == 'relu'", True),
    ],
)
def test_value(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "", "1 +", "(1", "1)", "[1", "1 2", "1 = 1", "a b", "1 if 2", "x.shape[", "&", "1;2", "lambda: 1",
        "__import__('os')", "open('f')", "().__class__", "x.__class__", "x.size(0)", "width.real", "sizes.append",
        "name[0]", "sizes[9]", "sizes['a']", "[1, 2].shape", "len(3)", "min()", "1 // 0", "1 % 0", "1 / 0.0",
        "2 ** 65", "9 ** 40", "10 ** 19", "'a' * 2000", "sizes + 1", "'a' + 1", "nobody", "e" * 30,
        "-(" * 150 + "1" + ")" * 150, "+".join(["1"] * 200), "[n for n in sizes]", "f'{1}'", "width := 1",
        "~1", "1 << 70", "1 @ 1", "'%9s' % 'x'", "'%q' % 'x'", "'abc%' % 'x'", "'%99999999999999999999s' % 'x'",
        "'%4000000000s' % 'x'", "'a' % 1", "-'x'", "-[1]", "-x.shape", "+'x'", "2 * sizes", "'a' * 3", "None", "1j",
        "b'a'", "...", "1e999", "-(8.0) ** 0.5 + (-8) ** 0.5", "sizes[0:1]", "(1, 2)", "{1: 2}", "min(*sizes)",
        "max(1, key=len)", "1 in sizes", "1 is 1", "'\\x1b'", "'a' < 1", "min",
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text)


@pytest.mark.parametrize(
    ("text", "under", "says"),
    [
        ("${8 // (width - 16)}", "8 // (width - 16)", "division by zero"),
        ("a ${1 + widht * 2} b", "widht", "no variable"),
        ("${width} ${ 1 +}", "}", "missing at the end"),
        ("${1 2}", "2", 'unexpected "2"'),
        ("${max(sizes, open(1))}", "open(1)", "no function"),
        ("${len(sizes[0])}", "len(sizes[0])", "no len"),
        ("${bad}", "bad", "division by zero"),
        ("${1 if 1 > 0 else lambda: 1}", "lambda: 1", "not in the language"),
        ("${(1}", "(", "never closed"),
    ],
)
def test_a_fault_says_which_characters_are_wrong(text: str, under: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says) as raised:
        Bindings({**SCOPE.defaults, "bad": "${1 // 0}"}).close(text)
    assert raised.value.span is not None
    start, end = raised.value.span
    assert text[start:end] == under


def test_a_joined_text_is_limited_before_it_is_joined() -> None:
    long = {"a0": "x" * 990, **{f"a{n}": f"${{a{n - 1}}}" * 190 for n in (1, 2, 3)}}
    with pytest.raises(ExpressionError, match="longer than 1000 characters"):
        Bindings(long).close("${a3}")


def test_all_that_one_network_computes_is_limited() -> None:
    scope = Bindings({"a": [0] * 990}, meter=Meter(most=10_000))
    scope.close(["${a}"] * 5)
    with pytest.raises(ExpressionError, match="more than 10,000 steps and values"):
        scope.close(["${a}"] * 10)


def test_a_list_without_expressions_is_shared_and_not_copied() -> None:
    data = [1.0, [2.0, 3.0]]
    assert SCOPE.close({"data": data})["data"] is data


def test_a_lone_expression_keeps_its_type_and_a_mixed_one_is_text() -> None:
    assert SCOPE.close("${width}") == 16
    assert SCOPE.close("stage${width}_${sizes[0]}") == "stage16_3"
    assert SCOPE.close({"a": ["${p}", "plain", 3]}) == {"a": [0.5, "plain", 3]}


def test_a_shape_is_asked_for_only_where_it_is_known() -> None:
    with pytest.raises(NeedsShape):
        SCOPE.close("${x.shape[0]}")
    assert SCOPE.close("${1 if deep else x.shape[0]}") == 1


def test_the_branch_not_taken_is_not_computed() -> None:
    assert value("1 if true else 1 // 0") == 1
    assert value("deep or 1 // 0") is True
    assert value("false and 1 // 0") is False


def test_variables_may_stand_in_any_order_but_not_in_a_circle() -> None:
    assert Bindings({"a": "${b + 1}", "b": "${c}", "c": 1}).close("${a}") == 2
    with pytest.raises(ExpressionError, match="a → b → a"):
        Bindings({"a": "${b}", "b": "${a}"}).close("${a}")


def test_a_value_from_outside_is_computed_where_it_was_written() -> None:
    outer = Bindings({"width": 4})
    inner = Bindings({"width": 8, "depth": "${width * 10}"}, {"width": ("${width}", outer)})
    assert inner.close("${width}") == 4
    assert inner.close("${depth}") == 40


@pytest.mark.parametrize(
    "variables",
    [
        {**{f"v{n}": f"${{v{n + 1} + v{n + 1}}}" for n in range(70)}, "v70": 1},
        {**{f"v{n}": [f"${{v{n + 1}}}", f"${{v{n + 1}}}"] for n in range(60)}, "v60": [1, 1]},
        {**{f"v{n}": f"${{v{n + 1}}}" for n in range(5000)}, "v5000": 1},
        {**{f"v{n}": f"${{v{n + 1}{'+1' * 300}}}" for n in range(60)}, "v60": 1},
        {"v0": [1] * 5000},
    ],
    ids=["doubling", "nesting", "chain", "deep", "long"],
)
def test_variables_that_grow_take_no_time(variables: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError, match=r"deep|longer|64 bits"):
        Bindings(variables).close("${v0}")


OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}
COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt}
TREES = st.recursive(
    st.integers(0, 99).map(str) | st.sampled_from(["width", "p"]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from([*OPERATORS, "/"]), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(part, st.sampled_from([*OPERATORS]), part).map(" ".join),
        part.map(lambda inner: f"-{inner}"),
        st.tuples(part, st.sampled_from([*COMPARISONS]), part, part, part).map(
            lambda t: f"({t[3]} if {t[0]} {t[1]} {t[2]} else {t[4]})"
        ),
        st.tuples(part, part).map(lambda t: f"min({t[0]}, {t[1]})"),
    ),
    max_leaves=12,
)


class Model:
    """Python's own reading of the text, by its syntax tree and without running it."""

    def __init__(self, text: str) -> None:
        import ast

        self.ast = ast
        self.tree = ast.parse(text, mode="eval").body

    def value(self, node: Any = None) -> Any:
        ast, node = self.ast, node or self.tree
        binary = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
                  ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod}  # fmt: skip
        compare = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Eq: operator.eq, ast.NotEq: operator.ne,
                   ast.Gt: operator.gt}  # fmt: skip
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return {"width": 16, "p": 0.5}[node.id]
            case ast.UnaryOp():
                return -self.value(node.operand)
            case ast.BinOp():
                return binary[type(node.op)](self.value(node.left), self.value(node.right))
            case ast.Compare():
                return compare[type(node.ops[0])](self.value(node.left), self.value(node.comparators[0]))
            case ast.IfExp():
                return self.value(node.body if self.value(node.test) else node.orelse)
            case ast.Call():
                return min(self.value(argument) for argument in node.args)
        raise AssertionError(node)


@given(TREES)
@settings(max_examples=300, deadline=None)
def test_any_tree_has_pythons_value(text: str) -> None:
    expected: Any = ExpressionError
    with contextlib.suppress(ZeroDivisionError):
        expected = Model(text).value()
    found = result(text)
    if found is ExpressionError:
        # refused for its result, its size or its depth, but never for anything that Python computes within them
        assert expected is ExpressionError or abs(expected) > 2**40 or len(text) > 200 or text.count("(") > 30
    else:
        assert found == expected
        assert type(found) is type(expected)


def result(text: str) -> Any:
    try:
        return value(text)
    except ExpressionError:
        return ExpressionError


@given(st.text("0123456789abcxp+-*/%()[]<>=!., 'if else and or not ._\"", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_value_or_a_clear_refusal(text: str) -> None:
    with contextlib.suppress(ExpressionError, KeyError):
        value(text)


class TestCopies:
    """A line that is copied thousands of times costs little more than once."""

    def test_a_variable_is_computed_once_for_all_copies(self) -> None:
        chain = {"a0": 3} | {f"a{k}": f"${{a{k - 1} + 0}}" for k in range(1, 60)}
        scope = Bindings(chain)
        for i in range(1000):
            assert Bindings({}, {"i": (i, scope)}, scope, scope.meter).close("${a59 + i}") == 3 + i
        assert scope.meter.spent < 1000 * 10

    def test_a_variable_that_reads_a_shape_is_computed_anew(self) -> None:
        """Also where another that was computed before reads it."""
        scope = Bindings({"width": "${x.shape[1]}", "double": "${width + width}", "plain": "${2 * 3}"})
        for size in (4, 5):
            found = scope.close(["${width}", "${double}", "${plain}"], lambda scope, name, size=size: [1, size])
            assert found == [size, 2 * size, 6]
        assert scope.known == {"plain": 6}
        with pytest.raises(NeedsShape):
            scope.close("${double}")

    def test_what_is_no_expression_is_read_once_and_marked_each_time(self) -> None:
        text = "ab${1 +}"
        spans = []
        for _ in range(3):
            with pytest.raises(ExpressionError) as caught:
                template(text)
            spans.append(caught.value.span)
            caught.value.span = None
        assert spans[0] is not None
        assert spans == [spans[0]] * 3

    def test_a_list_without_expressions_is_looked_at_once(self) -> None:
        scope, numbers = Bindings(), [1] * 500
        for _ in range(100):
            assert scope.close(numbers) is numbers
        assert scope.meter.spent == 500
        assert Bindings({"a": 1}, meter=scope.meter).close(["${a}", 1]) == [1, 1]
