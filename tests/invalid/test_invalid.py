"""Each spec in this folder is wrong in one way; beside it stands what graphspec says, word for word.

Run with ``GRAPHSPEC_OVERWRITE_GOLDEN=1`` to write the expected texts anew; read the difference before committing it.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from pathlib import Path

import pytest

import graphspec
from graphspec.diagnostics import CODES, Diagnostic, render

HERE = Path(__file__).parent
SPECS = sorted(path.name for path in HERE.iterdir() if path.suffix in (".toml", ".json"))
#: Kinds of faults that a spec alone can cause, whatever files and machines there are.
KINDS = ("PARSE", "LIMIT", "SCHEMA", "NAME", "GRAPH", "SHAPE")
#: Codes of these kinds that come from elsewhere.
ELSEWHERE = {"no-such-path": "a --set", "unknown-component": "[data], when it is loaded"}
ONE_FORMAT = {
    "not-finite.toml": "nan and inf are TOML; a spec does not take them, which is a bad-value",
}

#: Spec → the line, what the caret stands under, and what is suggested.
PLACES: dict[str, tuple[int | None, str, str]] = {
    "arity--block.toml": (5, '"x"', 'name all with from = ["…", "…"]'),
    "arity--from-nothing.toml": (5, "[]", 'name it with from = "…"'),
    "arity--many.toml": (5, '["x", "x"]', "take the others out of `from`"),
    "arity--no-input.toml": (6, "relu", 'name it with from = "…"'),
    "arity.json": (5, '"add"', 'name both with from = ["…", "…"]'),
    "arity.toml": (5, "add", 'name both with from = ["…", "…"]'),
    "bad-expression--attribute.toml": (5, '"${x.__class__}"', ""),
    "bad-expression--circle.toml": (8, '"${a}"', ""),
    "bad-expression--dynamic.toml": (5, '"${x.shape[0] > 1}"', ""),
    "bad-expression--function.toml": (5, '"${open(1)}"', ""),
    "bad-expression--repeat-shape.toml": (5, '"${x.shape[1]}"', ""),
    "bad-expression--section.json": (5, '"${1 +}"', ""),
    "bad-expression--tokens.toml": (9, '"${a}"', ""),
    "bad-expression--zero.toml": (5, '"${8 // 0}"', ""),
    "bad-expression.json": (5, '"${4 *}"', ""),
    "bad-expression.toml": (5, '"${4 *}"', ""),
    "bad-name--dim.toml": (3, '"batch size"', ""),
    "bad-name--empty.toml": (5, '""', ""),
    "bad-name--escape.toml": (5, '"\\u001b[31mred"', ""),
    "bad-name--injection.toml": (5, '"forward\\"), eval(bytes([1])), (\\""', ""),
    "bad-name--input.toml": (3, '"x=open(1)"', ""),
    "bad-name--long.toml": (
        5,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "",
    ),
    "bad-name--path.toml": (5, '"../../etc/passwd"', ""),
    "bad-name--surrogate.json": (4, '"\\udc80"', ""),
    "bad-name--template.toml": (5, '"${1 - i}x"', ""),
    "bad-name--unicode.toml": (5, '"re\u202elu"', ""),
    "bad-name.json": (4, '"a.b"', ""),
    "bad-name.toml": (5, '"my layer"', ""),
    "bad-value--dilation.toml": (5, "0", ""),
    "bad-value--dim.toml": (3, "0", ""),
    "bad-value--dtype.toml": (3, '"float8_e4m3fn"', ""),
    "bad-value--eps.toml": (5, "-1.0", ""),
    "bad-value--format.toml": (7, '"torchscrpt"', 'did you mean "torchscript"?'),
    "bad-value--if.toml": (6, "0", ""),
    "bad-value--infinite.json": (4, "1e400", ""),
    "bad-value--init.toml": (5, '"kaiming_normal"', 'did you mean "kaiming_normal_"?'),
    "bad-value--nan.toml": (5, "nan", ""),
    "bad-value--padding-mode.toml": (5, '"reflection"', 'did you mean "reflect"?'),
    "bad-value--padding.toml": (5, "-1", ""),
    "bad-value--repeat.toml": (5, "0", ""),
    "bad-value.json": (4, "1.5", ""),
    "bad-value.toml": (5, "-1", ""),
    "bias-before-norm.json": (5, '"fc"', "write bias = false"),
    "bias-before-norm.toml": (5, "conv", "write bias = false"),
    "broadcast.json": (5, '"sub"', "write broadcast = true if that is meant"),
    "broadcast.toml": (6, "add", "write broadcast = true if that is meant"),
    "cycle--self.toml": (5, "a", ""),
    "cycle.json": (5, '"a"', ""),
    "cycle.toml": (5, "a", ""),
    "duplicate-key--inline.toml": (5, "out_features", "remove one of them"),
    "duplicate-key--list.toml": (8, '"act"', "rename one of them"),
    "duplicate-key--table.toml": (6, "inputs", "remove one of them"),
    "duplicate-key.json": (7, '"act"', "remove one of them"),
    "duplicate-key.toml": (7, "fc", "remove one of them"),
    "dynamic-dim.json": (5, '"fc"', ""),
    "dynamic-dim.toml": (6, "fc", ""),
    "empty.json": (None, "", "`graphspec init mlp` writes one to start from"),
    "empty.toml": (None, "", "`graphspec init mlp` writes one to start from"),
    "encoding--latin-1.toml": (None, "", "save it as UTF-8"),
    "encoding--surrogate.json": (4, '"\\ud800"', ""),
    "encoding.json": (None, "", "save it as UTF-8"),
    "encoding.toml": (None, "", "save it as UTF-8"),
    "format-version--missing.json": (None, "", ""),
    "format-version.json": (2, "2", ""),
    "format-version.toml": (1, "2", ""),
    "inferred-mismatch--batchnorm.toml": (5, "4", "leave num_features out: it is inferred"),
    "inferred-mismatch.json": (5, "3", "leave in_channels out: it is inferred"),
    "inferred-mismatch.toml": (6, "784", "add a Flatten layer before it"),
    "linear-after-conv.json": (7, '"fc"', "add a Flatten layer before it"),
    "linear-after-conv.toml": (7, "fc", "add a Flatten layer before it"),
    "missing-argument.json": (4, '"fc"', "add out_features = … (an integer)"),
    "missing-argument.toml": (5, "conv", "add kernel_size = … (an integer or 2 integers)"),
    "missing-key--block-outputs.toml": (9, "outputs", ""),
    "missing-key--dataset.toml": (6, "data", ""),
    "missing-key--layers.json": (None, "", ""),
    "missing-key--name.toml": (7, "layers", 'add name = "…"'),
    "missing-key--no-layers.toml": (4, "layers", ""),
    "missing-key--type.toml": (5, "fc", 'add type = "…"'),
    "missing-key.json": (None, "", ""),
    "missing-key.toml": (None, "", ""),
    "name-clash--copies.toml": (6, '"act${i}"', "rename one of them"),
    "name-clash--input.toml": (5, "x", "rename one of them"),
    "name-clash--output.toml": (7, "relu", "call it something else"),
    "name-clash.json": (6, '"ReLU"', ""),
    "name-clash.toml": (6, "ReLU", ""),
    "not-finite.json": (4, "NaN", ""),
    "recursion--mutual.toml": (9, '"A"', ""),
    "recursion.json": (8, '"B"', ""),
    "recursion.toml": (7, '"B"', ""),
    "reserved-name--device.toml": (5, "con", 'call it "con_"'),
    "reserved-name--input.toml": (3, "lambda", 'call it "lambda_"'),
    "reserved-name.json": (4, '"class"', 'call it "class_"'),
    "reserved-name.toml": (5, "forward", 'call it "forward_"'),
    "shape-mismatch--cat-dim.toml": (5, "2", "from -2 to 1"),
    "shape-mismatch--group-norm.toml": (5, "norm", ""),
    "shape-mismatch--groups.toml": (5, "conv", ""),
    "shape-mismatch--heads.toml": (5, "att", ""),
    "shape-mismatch--kernel.toml": (5, "conv", ""),
    "shape-mismatch--matmul.toml": (6, "m", ""),
    "shape-mismatch--output-padding.toml": (5, "2", "output_padding must be smaller than the stride or the dilation"),
    "shape-mismatch--pixel-shuffle.toml": (5, "up", ""),
    "shape-mismatch--pool-padding.toml": (5, "pool", ""),
    "shape-mismatch--pool.toml": (5, "pool", ""),
    "shape-mismatch--reshape.toml": (5, "r", ""),
    "shape-mismatch--residual.toml": (6, "add", ""),
    "shape-mismatch--reuse.toml": (6, "b", ""),
    "shape-mismatch--same-stride.toml": (5, "conv", ""),
    "shape-mismatch--softmax-dim.toml": (5, "99", "from -2 to 1"),
    "shape-mismatch--tie.toml": (6, '"a.weight"', ""),
    "shape-mismatch.json": (5, '"r"', ""),
    "shape-mismatch.toml": (7, "cat", ""),
    "softmax-before-loss.json": (6, '"softmax"', "remove it, or use LogSoftmax with NLLLoss"),
    "softmax-before-loss.toml": (6, "softmax", "remove it, or use LogSoftmax with NLLLoss"),
    "syntax--carriage-return.toml": (None, "", "save it with LF or CRLF line ends"),
    "syntax--comment.json": (2, "/", "JSON has no comments; use .toml"),
    "syntax--json-as-toml.toml": (1, "{", "this looks like JSON; TOML was read because of the name"),
    "syntax--trailing-comma.json": (5, "}", "JSON has no trailing comma"),
    "syntax--two-documents.json": (2, "{", "one document a file"),
    "syntax--value.toml": (5, "L", 'text stands in quotes: "Linear"'),
    "syntax.json": (4, '"', ""),
    "syntax.toml": (3, "[", ""),
    "too-deep--dotted.toml": (5, ".", ""),
    "too-deep.json": (1, "[", ""),
    "too-deep.toml": (5, "[", ""),
    "too-large--batch-size.toml": (8, "1000000000", ""),
    "too-large--input.toml": (3, "4294967296", ""),
    "too-large--layers.toml": (5, "1000000", ""),
    "too-large--padding.toml": (5, "1099511627776", ""),
    "too-large--pool.toml": (5, "1099511627776", ""),
    "too-large.json": (
        4,
        "9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
        "",
    ),
    "too-large.toml": (5, "1000000000000000000000000000000", ""),
    "too-many-layers--repeat.toml": (5, "relu", ""),
    "too-many-layers.json": (5, '"b"', ""),
    "too-many-layers.toml": (5, "b", ""),
    "too-many-parameters--embedding.toml": (5, "embed", ""),
    "too-many-parameters.json": (5, '"fc"', ""),
    "too-many-parameters.toml": (5, "fc", ""),
    "too-much-memory--input.toml": (3, "[1000000000, 3, 64, 64]", ""),
    "too-much-memory.json": (7, '"up2"', ""),
    "too-much-memory.toml": (7, "up2", ""),
    "unknown-argument--block.toml": (5, "widht", 'did you mean "width"?'),
    "unknown-argument--input.toml": (5, "attn_mask", ""),
    "unknown-argument--list.toml": (10, "out_feature", 'did you mean "out_features"?'),
    "unknown-argument--many.toml": (5, "bais", 'did you mean "bias"?'),
    "unknown-argument--port.toml": (5, "keys", 'did you mean "key"?'),
    "unknown-argument--reuse.toml": (6, "bias", ""),
    "unknown-argument--two-stages.toml": (5, "out_feature", 'did you mean "out_features"?'),
    "unknown-argument.json": (8, '"out_feature"', 'did you mean "out_features"?'),
    "unknown-argument.toml": (5, "kernal_size", 'did you mean "kernel_size"?'),
    "unknown-key--block.toml": (7, "input", 'did you mean "inputs"?'),
    "unknown-key--input.toml": (3, "dype", 'did you mean "dtype"?'),
    "unknown-key--target.toml": (1, "_target_", ""),
    "unknown-key--train.toml": (7, "epoch", 'did you mean "epochs"?'),
    "unknown-key.json": (4, '"layres"', 'did you mean "layers"?'),
    "unknown-key.toml": (2, "input", 'did you mean "inputs"?'),
    "unknown-layer--block.toml": (5, '"BasicBlok"', 'did you mean "BasicBlock"?'),
    "unknown-layer--call.toml": (5, '"os.system"', "`graphspec ops` lists them"),
    "unknown-layer.json": (6, '"Relu6"', 'did you mean "ReLU6"?'),
    "unknown-layer.toml": (5, '"Conv2D"', 'did you mean "Conv2d"?'),
    "unknown-reference--block-output.toml": (6, '"b.hihg"', 'did you mean "high"?'),
    "unknown-reference--output.toml": (7, '"logit"', 'did you mean "logits"?'),
    "unknown-reference--port.toml": (6, '"fv"', ""),
    "unknown-reference--reuse.toml": (6, '"encodr"', 'did you mean "encoder"?'),
    "unknown-reference--tie.toml": (6, '"embd.weight"', 'did you mean "embed"?'),
    "unknown-reference--value.toml": (6, '"lstm.hn"', 'did you mean "h_n"?'),
    "unknown-reference.json": (5, '"imgae"', 'did you mean "image"?'),
    "unknown-reference.toml": (7, '"fc3"', 'did you mean "fc2"?'),
    "unknown-variable.json": (6, '"${epoch}"', 'did you mean "epochs"?'),
    "unknown-variable.toml": (7, '"${widht * 2}"', 'did you mean "width"?'),
    "unused-block.json": (5, '"Spare"', ""),
    "unused-block.toml": (6, "blocks.Spare.layers", ""),
    "unused-input.json": (3, '"mask"', "name it in a `from`"),
    "unused-input.toml": (4, "mask", "name it in a `from`"),
    "unused-layer.json": (5, '"a"', "name it in a `from` or in [outputs], or remove it"),
    "unused-layer.toml": (5, "dead", "name it in a `from` or in [outputs], or remove it"),
    "wrong-dtype.json": (5, '"embed"', 'declare the input with dtype = "int64"'),
    "wrong-dtype.toml": (5, "fc", ""),
    "wrong-rank.json": (6, '"BatchNorm2d"', ""),
    "wrong-rank.toml": (5, "conv", ""),
    "wrong-type--batch-size.toml": (8, '"32"', ""),
    "wrong-type--boolean.toml": (5, "true", ""),
    "wrong-type--broadcast.toml": (5, "1", ""),
    "wrong-type--date.toml": (5, "1979-05-27", ""),
    "wrong-type--float.toml": (5, "3.0", "write 3"),
    "wrong-type--from.toml": (5, "3", ""),
    "wrong-type--inputs.toml": (2, '["N", 8]', ""),
    "wrong-type--kernel-list.toml": (5, "[3]", ""),
    "wrong-type--layer.toml": (5, "128", ""),
    "wrong-type--null.json": (4, "null", ""),
    "wrong-type--path.toml": (5, '"/etc/passwd"', ""),
    "wrong-type--sections.toml": (7, "2.5", ""),
    "wrong-type--string.toml": (5, '"3"', "write 3 without quotes"),
    "wrong-type--version.toml": (1, '"1"', "write `graphspec = 1`"),
    "wrong-type.json": (None, "", ""),
    "wrong-type.toml": (5, "128.0", "write 128"),
}


def faults_of(name: str) -> list[Diagnostic]:
    """What compiling the spec says, errors or warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", graphspec.GraphspecWarning)
        try:
            graphspec.compile(name)
        except graphspec.GraphspecError as error:
            return list(error.diagnostics)
    return [row.message.diagnostic for row in caught if isinstance(row.message, graphspec.GraphspecWarning)]


@pytest.fixture(scope="module", autouse=True)
def _torch_is_there() -> None:
    """What the first compilation imports is not counted in the times below."""
    graphspec.compile({"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {"relu": "ReLU"}})


@pytest.fixture(autouse=True)
def _in_this_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.mark.parametrize("name", SPECS)
def test_says_what_is_expected(name: str) -> None:
    start = time.process_time()
    faults = faults_of(name)
    seconds = time.process_time() - start
    text = re.sub(r"machine has [\d.]+ .?B", "machine has … GB", render(faults)) + "\n"
    golden = HERE / f"{name}.expected"
    if os.environ.get("GRAPHSPEC_OVERWRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert faults[0].code == Path(name).stem.partition("--")[0]
    assert "Traceback" not in text
    assert len(text.encode()) < 1 << 16
    assert seconds < 2


@pytest.mark.parametrize("name", SPECS)
def test_points_at_the_place(name: str) -> None:
    line, under, suggestion = PLACES[name]
    fault = faults_of(name)[0]
    place = fault.position
    assert (place.line if place else None) == line
    if place:
        assert place.text[place.column - 1 : place.end_column - 1] == under
        assert place.text == (HERE / name).read_text(encoding="utf-8").splitlines()[place.line - 1]
    assert suggestion in fault.hint


def test_there_is_a_spec_for_each_code_in_each_format() -> None:
    wanted = {code for code, kind in CODES.items() if kind in KINDS} - ELSEWHERE.keys()
    assert {Path(name).stem.partition("--")[0] for name in SPECS} == wanted
    both = {f"{code}{suffix}" for code in wanted for suffix in (".toml", ".json")}
    assert both - set(SPECS) == ONE_FORMAT.keys()
    assert PLACES.keys() == set(SPECS)
    assert len(SPECS) >= 60


def test_every_expected_text_has_its_spec() -> None:
    assert {path.stem for path in HERE.glob("*.expected")} == set(SPECS)
