"""``graphspec import``: where a network comes from, and each mistake in naming one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphspec.cli.app import app

NETWORKS = Path(__file__).parent / "networks.py"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["import", *words])
    return result.exit_code, result.output


def test_a_class_of_a_file_is_written_with_its_weights_and_compiles(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(f"{NETWORKS}:Width(width=3)", "-o", "net.toml", "--input", "x=N,8")
    assert (code, output) == (
        0, "wrote net.toml (11 lines) and net.safetensors: the same keys, and equal outputs at batches of 2 and 3\n"
    )  # fmt: skip
    text = (tmp_path / "net.toml").read_text()
    assert text.startswith(
        "# Width as it was imported: the same keys, and equal outputs at batches of 2 and 3.\ngraphspec = 1\n"
    )
    assert text.endswith('[train]\ninit = "net.safetensors"\n')
    result = CliRunner().invoke(app, ["compile", "net.toml"])
    assert result.exit_code == 0, result.output


def test_outside_the_working_directory_the_spec_is_one_of_its_own_folder(tmp_path, monkeypatch) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, output = run(f"{NETWORKS}:Width(width=3)", "-o", "../there/net.toml", "--input", "x=N,8")
    assert code == 0
    assert "to be used in ../there: a spec names files inside the working directory" in output
    monkeypatch.chdir(tmp_path / "there")
    result = CliRunner().invoke(app, ["compile", "net.toml"])
    assert result.exit_code == 0, result.output


#: Words of the command line, and what the error says.
MISTAKES = {
    "resnet18": '"resnet18" names no network; it takes torchvision:NAME, timm:NAME, FILE.py:NAME, FILE.onnx or ',
    "net.py": '"net.py" names no network; graphspec import net.py:NAME',
    "weights.pth": '"weights.pth" names no network; it holds weights alone',
    "torchvision:resnet81": 'torchvision has no model "resnet81"; did you mean "resnet18"?',
    "tensorflow:resnet18": '"tensorflow" is no kind of source',
    "missing.py:Net": 'no file "missing.py"',
    "missing.onnx": 'there is no file "missing.onnx"',
    "missing.pt2": '"missing.pt2" cannot be read: there is no such file',
    f"{NETWORKS}:Widht": 'has no "Widht"; did you mean "Width"?',
    f"{NETWORKS}:Width": "missing a required argument: 'width'",
    f"{NETWORKS}:Width(width=len)": "is no name and no call with literals",
    f"{NETWORKS}:Branches": "says nothing of its inputs; --input x=N,…",
}


@pytest.mark.parametrize("source", MISTAKES, ids=[str(n) for n in range(len(MISTAKES))])
def test_a_mistake_is_one_clear_error_and_nothing_is_written(source: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(source, "-o", "net.toml")
    assert code == 1
    assert MISTAKES[source] in output.replace("\n", " ")
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_cannot_be_said_writes_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(f"{NETWORKS}:ByValue", "-o", "net.toml", "--input", "x=N,8")
    assert code == 1
    assert "reads the numbers of a tensor" in output
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_when_asked(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.safetensors").write_bytes(b"precious")
    words = (f"{NETWORKS}:Width(width=3)", "-o", "net.toml", "--input", "x=N,8")
    code, output = run(*words)
    assert (code, output.count("\n")) == (1, 1)
    assert '"net.safetensors" exists; --overwrite replaces it' in output
    assert (tmp_path / "net.safetensors").read_bytes() == b"precious"
    assert run(*words, "--overwrite")[0] == 0


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(f"{NETWORKS}:Width(width=3)", "-o", "missing/net.toml", "--input", "x=N,8")
    assert code == 1
    assert "error[unwritable]" in output
    assert "Traceback" not in output
