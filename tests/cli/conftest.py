"""The command as a user runs it, in this process so that torch is imported once."""

import dataclasses
import io
import json
import sys
from collections.abc import Callable

import pytest

from graphspec.cli.app import app


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path) -> Callable[..., Ended]:
    """``command("compile", path)``, in an empty working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: object, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            app([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ended(end.value.code or 0, printed.out, printed.err)

    return run
