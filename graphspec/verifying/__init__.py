"""Stage 7: every exported file is run and compared with the module it came from."""

from graphspec.verifying.runtimes.onnx_function import onnx_function
from graphspec.verifying.runtimes.runtime import Workers
from graphspec.verifying.variants import add_variants
from graphspec.verifying.verify import golden_sample, verify_bundle, verify_onnx
from graphspec.verifying.verify_report import VerifyReport

__all__ = ["VerifyReport", "Workers", "add_variants", "golden_sample", "onnx_function", "verify_bundle", "verify_onnx"]
