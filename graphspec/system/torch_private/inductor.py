"""AOTInductor, whose entry point is private. With a torch that has moved a name, the format ``aoti`` is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch._inductor import aoti_compile_and_package
from torch._inductor.codegen.cpp_wrapper_cpu import CppWrapperCpu
from torch._inductor.utils import fresh_cache

__all__ = ["CHECKS", "CppWrapperCpu", "aoti_compile_and_package", "fresh_cache", "rewrite_prefix"]

#: The method of ``CppWrapperCpu`` that writes the checks of inputs; where it changed, verification finds an input of
#: another size unrefused.
CHECKS = "generate_input_output_runtime_checks"


def rewrite_prefix(wrapper: Any, change: Callable[[str], str]) -> None:
    """Change the lines that `wrapper` has written so far at the beginning of its code."""
    lines = wrapper.prefix._lines
    lines[:] = [change(line) if isinstance(line, str) else line for line in lines]
