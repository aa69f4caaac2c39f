"""Words are completed in bash, zsh and fish, by the shells themselves where they are installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GRAPHSPEC = Path(sys.executable).with_name("graphspec")
pytestmark = pytest.mark.skipif(not GRAPHSPEC.is_file(), reason="graphspec is not installed as a command")

#: As ``--install-completion`` writes it into the shell's own files, then a word and the key TAB.
BASH = """eval "$(_GRAPHSPEC_COMPLETE=source_bash graphspec)"
COMP_WORDS=({words}) COMP_CWORD={last}; _graphspec_completion graphspec; printf '%s\\n' "${{COMPREPLY[@]}}" """
FISH = """_GRAPHSPEC_COMPLETE=source_fish graphspec | source; complete -C "{line}" """


def said(shell: str, script: str, **environment: str) -> list[str]:
    path = f"{GRAPHSPEC.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [shell, "-c", script],
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    pattern = r'"(\w+)":' if shell == "zsh" else r"^(\w+)"
    return re.findall(pattern, done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("graphspec tr", ["train"]), ("graphspec in", ["inspect", "init"]), ("graphspec init cn", ["cnn"])],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_word_is_completed(shell: str, line: str, wanted: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    words = line.split()
    if shell == "bash":
        found = said("bash", BASH.format(words=line, last=len(words) - 1))
    elif shell == "fish":
        found = said("fish", FISH.format(line=line))
    else:  # what zsh's function evaluates, an argument to _arguments
        found = said("zsh", "graphspec", _GRAPHSPEC_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)
    assert sorted(found) == sorted(wanted)
