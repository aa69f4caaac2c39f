"""From a file name to text: a regular file of at most 1 MiB of UTF-8, refused before it is read otherwise."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from graphspec.diagnostics import fail, quoted

MOST_BYTES = 1 << 20
EXTENSIONS = {".toml": "toml", ".json": "json"}
_BOMS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\xff\xfe", b"\xfe\xff")


def read(path: Path) -> str:
    """The text of the spec at `path`, with LF line ends and without a byte order mark."""
    if path.suffix not in EXTENSIONS:
        hint = f"a spec is a .toml or .json file, not {path.suffix}" if path.suffix else "a spec ends in .toml or .json"
        if os.path.isdir(path):
            raise fail("not-a-file", f"{quoted(path)} is a directory", hint="name the spec file itself")
        raise fail("wrong-extension", f"{quoted(path)} is not a spec", hint=hint)
    # O_NONBLOCK: opening a FIFO must not wait for a writer
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError:
        raise fail("no-such-file", f"no file {quoted(path)}", hint="a file name has no NUL in it") from None
    except OSError as error:
        raise _refused(path, error) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise fail("not-a-file", f"{quoted(path)} is {kind}", hint="name the spec file itself")
    with open(descriptor, "rb") as file:
        if status.st_size > MOST_BYTES:
            raise _too_large(str(path), status.st_size)
        return decode(_read_capped(file, str(path)))


def read_stdin() -> str:
    """The text on standard input, under the same limit as a file."""
    if sys.stdin is None:
        raise fail("unreadable", "standard input is closed", hint="name the spec file itself")
    return decode(_read_capped(sys.stdin.buffer, "standard input"))


def decode(data: bytes) -> str:
    """UTF-8 bytes as text: BOM dropped, CRLF as LF; any other encoding is refused with its byte offset."""
    if data.startswith(_BOMS) or (len(data) > 1 and 0 in data[:2]):
        raise fail("encoding", "the file is UTF-16 or UTF-32", hint="save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start}, on line {line}, is not valid UTF-8"
        raise fail("encoding", message, hint="save it as UTF-8") from None
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        raise fail("syntax", "a carriage return without a line feed", hint="save it with LF or CRLF line ends")
    return text


def _read_capped(file: BinaryIO, name: str) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _too_large(name, len(data))
    return data


def _too_large(name: str, size: int) -> Exception:
    return fail("too-large", f"{quoted(name)} has {size:,} bytes or more", hint=f"a spec has at most {MOST_BYTES:,}")


def _refused(path: Path, error: OSError) -> Exception:
    if error.errno == errno.ELOOP:
        return fail("no-such-file", f"{quoted(path)} is a loop of symbolic links")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        if path.is_symlink():
            return fail("no-such-file", f"{quoted(path)} is a symbolic link to nothing")
        near = _nearest(path)
        return fail("no-such-file", f"no file {quoted(path)}", hint=f"did you mean {quoted(near)}?" if near else "")
    return fail("unreadable", f"cannot read {quoted(path)}: {error.strerror}")


def _nearest(path: Path) -> Path | None:
    """A spec beside `path` with a name close to it."""
    import difflib

    try:
        names = [entry.name for entry in os.scandir(path.parent) if entry.name.endswith(tuple(EXTENSIONS))]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names[:1000], n=1)
    return path.with_name(close[0]) if close else None
