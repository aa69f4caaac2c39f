"""Stage 7: every exported file is run and compared with the module it came from."""

from graphspec.verifying.onnx_function import OnnxFunction
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.variants import add_variants
from graphspec.verifying.verify import verify_bundle, verify_file
from graphspec.verifying.verify_again import verify_again
from graphspec.verifying.verify_report import VerifyReport

__all__ = ["OnnxFunction", "VerifyReport", "Workers", "add_variants", "verify_again", "verify_bundle", "verify_file"]
