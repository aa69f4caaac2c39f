"""Regular files are read; everything else is refused at once, by what it is."""

import os
import socket
from pathlib import Path

import pytest

from graphspec.system.regular_file import open_regular, read_regular, require_regular


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


KINDS = {"a FIFO": _fifo, "a socket": _socket, "a device": _device, "a folder": Path.mkdir}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "read", [open_regular, require_regular, lambda path: read_regular(path, most=9)], ids=["open", "require", "read"]
)
def test_what_is_no_regular_file_is_refused_at_once_and_named(tmp_path, monkeypatch, kind, read):
    monkeypatch.chdir(tmp_path)
    KINDS[kind](tmp_path / "it")
    with pytest.raises(OSError, match=f"it is {kind}, not a regular file"):
        read(tmp_path / "it")


@pytest.mark.parametrize("links", [True, False])
def test_links_are_followed_where_that_is_asked_for(tmp_path, links):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    if links:
        assert read_regular(tmp_path / "link", most=7) == b"content"
        return
    for read in (open_regular, require_regular):
        with pytest.raises(OSError, match="a symbolic link, not a regular file"):
            read(tmp_path / "link", links=False)


def test_a_file_is_read_up_to_the_limit_and_refused_beyond_it(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert read_regular(tmp_path / "file", most=7) == b"content"
    with open(tmp_path / "file", "rb") as expected, open_regular(tmp_path / "file") as file:
        assert file.read() == expected.read()
    for read in (open_regular, require_regular, read_regular):
        with pytest.raises(OSError, match="it has 7 bytes, at most 6 are read"):
            read(tmp_path / "file", most=6)


def test_a_file_that_claims_no_size_is_read_no_further_than_the_limit():
    """Those of /proc have size 0."""
    with pytest.raises(OSError, match="at most 4 are read"):
        read_regular("/proc/self/status", most=4)
