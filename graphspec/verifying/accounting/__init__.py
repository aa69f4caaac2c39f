"""What is in an ONNX file, accounted for: every number, attribute and node beside those of the network's own file."""

from graphspec.verifying.accounting.account import Account, account

__all__ = ["Account", "account"]
