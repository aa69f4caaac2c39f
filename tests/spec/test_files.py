"""What may be handed over as a spec: a regular file of UTF-8 text, or the text itself; anything else ends at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.spec import digest, load

TOML = 'graphspec = 1\n[inputs]\nx = ["N", 8]\n[layers]\nrelu = "ReLU"\n'
JSON = '{"graphspec": 1, "inputs": {"x": ["N", 8]}, "layers": {"relu": "ReLU"}}'


def refused(path: object) -> tuple[str, str]:
    """The code and the whole text of the refusal."""
    with pytest.raises(GraphspecError) as caught:
        load(path)  # type: ignore[arg-type]
    return caught.value.diagnostics[0].code, str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["net.toml", "net.json"])
@pytest.mark.parametrize("kind", ["fifo", "zero", "directory", "missing", "dangling", "loop", "huge"])
def test_only_a_regular_file_is_read(here: Path, name: str, kind: str) -> None:
    path = here / name
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
        case "dangling":
            path.symlink_to(here / "nothing.toml")
        case "loop":
            path.symlink_to(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(10 << 30)
    code, text = refused(path)
    expected = {"missing": "no-such-file", "dangling": "no-such-file", "loop": "no-such-file", "huge": "too-large"}
    assert code == expected.get(kind, "not-a-file")
    assert text.startswith(f"{path}: error")
    assert {"dangling": "link to nothing", "loop": "loop of symbolic links"}.get(kind, "") in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(here: Path) -> None:
    (here / "net.toml").write_text(TOML)
    (here / "net.toml").chmod(0)
    assert refused("net.toml")[0] == "unreadable"


def test_a_link_to_a_regular_file_is_fine(here: Path) -> None:
    (here / "real.toml").write_text(TOML)
    (here / "link.toml").symlink_to("real.toml")
    assert load("link.toml").layers == load("real.toml").layers


def test_a_name_close_to_an_existing_one(here: Path) -> None:
    (here / "resnet18.toml").write_text(TOML)
    assert 'did you mean "resnet18.toml"?' in refused("resnet8.toml")[1]


@pytest.mark.parametrize(
    "name", ["net.yaml", "net.py", "net.pkl", "net.pt", "net", "net.TOML", "a\0b.toml", "x" * 5000]
)
def test_any_other_name_is_refused_unopened(here: Path, name: str) -> None:
    if len(name) < 100 and "\0" not in name:
        # opening this would wait for a writer for ever
        os.mkfifo(here / name)
    code, _ = refused(name)
    assert code == ("no-such-file" if "\0" in name else "wrong-extension")


@pytest.mark.parametrize("text", [TOML, JSON])
@pytest.mark.parametrize("change", ["bom", "crlf", "spaces"])
def test_the_same_spec_in_other_bytes(here: Path, text: str, change: str) -> None:
    name = "net.json" if text == JSON else "net.toml"
    data = text.encode()
    (here / name).write_bytes(data)
    plain = load(name)
    changed = {"bom": b"\xef\xbb\xbf" + data, "crlf": data.replace(b"\n", b"\r\n"), "spaces": data + b"\n\n  \n"}
    (here / name).write_bytes(changed[change])
    assert digest(load(name)) == digest(plain)


@pytest.mark.parametrize(
    ("data", "code", "part"),
    [
        (TOML.encode("utf-16"), "encoding", "UTF-16"),
        (TOML.encode("utf-16-le"), "encoding", "UTF-16"),
        (TOML.encode("utf-32"), "encoding", "UTF-32"),
        (TOML.encode() + b"# \xff\n", "encoding", "byte 61, on line 6,"),
        (TOML.replace("\n", "\r").encode(), "syntax", "carriage return"),
        (b"", "empty", "empty"),
        (b" \n\t\n", "empty", "empty"),
        (TOML.encode() + b'name = "a\0b"\n', "syntax", "TOML"),
        (b"#" * ((1 << 20) + 1), "too-large", "1,048,577 bytes"),
    ],
)
def test_bytes_that_are_no_spec(here: Path, data: bytes, code: str, part: str) -> None:
    (here / "net.toml").write_bytes(data)
    found, text = refused("net.toml")
    assert found == code
    assert part in text
    assert "\0" not in text


def test_standard_input_has_the_same_limit() -> None:
    code = "from graphspec.spec import load\nfrom graphspec import GraphspecError\ntry:\n    print(load('-').name)\n"
    code += "except GraphspecError as error:\n    print(error)"

    def run(data: bytes) -> str:
        done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=True)
        return done.stdout.decode()

    assert run(TOML.encode()) == "model\n"
    assert run(JSON.encode()) == "model\n"
    assert "too-large" in run(b"#" * ((1 << 20) + 1))


def test_what_is_hashed_is_what_was_read(here: Path) -> None:
    (here / "net.toml").write_text(TOML)
    spec = load("net.toml")
    before = digest(spec)
    (here / "net.toml").write_text(TOML.replace("ReLU", "GELU"))
    assert digest(spec) == before != digest(load("net.toml"))


def test_unreadable_symbols_are_printed_escaped(here: Path) -> None:
    (here / "net.toml").write_text(TOML + '"\\u001b[31m" = "ReLU"\n"\\u202e" = "ReLU"\n')
    text = refused("net.toml")[1]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert '"\\x1b[31m"' in text
    text.encode("ascii")
