"""onnxscript's functions tell their domain without being parsed, and the right one."""

from __future__ import annotations

import onnxscript
from onnxscript._internal import ast_utils
from onnxscript.function_libs.torch_lib import ops, registration

from graphspec.exporting.onnx.unparsed import unparsed


def test_a_function_tells_its_domain_without_being_parsed_until_the_file_is_written(monkeypatch):
    functions = [each for entry in registration.default_registry.values() for each in entry.overloads]
    traced = [each for each in functions if isinstance(each, onnxscript.TracedOnnxFunction)][::20]
    assert len(traced) > 10, ops
    wanted = [each.function_ir.domain for each in traced]
    read, parsed = ast_utils.get_src_and_ast, []
    monkeypatch.setattr(ast_utils, "get_src_and_ast", lambda function: parsed.append(function) or read(function))
    with unparsed():
        assert [each.function_ir.domain for each in traced] == wanted
        assert parsed == []
    assert traced[0].function_ir.name
    assert len(parsed) == 1
