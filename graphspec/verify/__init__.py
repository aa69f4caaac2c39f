"""Stage 7: every exported file is run and compared with the module it came from."""

from graphspec.verify.report import VerifyReport
from graphspec.verify.runtimes import Workers
from graphspec.verify.verify import verify_bundle

__all__ = ["VerifyReport", "Workers", "verify_bundle"]
