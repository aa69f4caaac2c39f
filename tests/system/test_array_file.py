"""An .npz of a stranger's: its claims are counted before anything is unpacked, and every damage is a ValueError."""

import io
import zipfile

import numpy as np
import pytest

from graphspec.system.array_file import Claim, read_array, read_arrays


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def claiming(shape: tuple[int, ...], dtype: str = "<f4", content: bytes = b"") -> bytes:
    """One entry whose header claims `shape`."""
    header, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + content)
    return file.getvalue()


def read(content: bytes) -> dict[str, np.ndarray]:
    return read_arrays(io.BytesIO(content), lambda claims: None)


def test_arrays_are_read_as_numpy_reads_them():
    arrays = {"x": np.arange(6.0).reshape(2, 3), "y": np.array([1, 0], np.uint8), "t": np.array(["a", "bc"])}
    found = read(npz(**arrays))
    assert found.keys() == arrays.keys()
    assert all((found[name] == arrays[name]).all() for name in arrays)


def test_what_the_entries_claim_is_told_before_they_are_read():
    def refuse(claims):
        assert claims == {"x": Claim((10**6,), np.dtype("<f4"))}
        raise OSError("too much")

    with pytest.raises(OSError, match="too much"):
        read_arrays(io.BytesIO(npz(x=np.zeros(10**6, np.float32))), refuse)


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def damaged() -> bytes:
    content = bytearray(npz(x=np.random.default_rng(0).random(1000)))
    content[600:700] = bytes(100)
    return bytes(content)


DAMAGE = {
    "no archive": (b"hello", "not a zip file"),
    "empty": (b"", "not a zip file"),
    "half": (npz(x=np.zeros(9))[:100], "not a zip file"),
    "another size": (claiming((10**12,)), "x.npy claims 4,000,000,000,000 bytes and has 0"),
    "more than it says": (claiming((1,), content=bytes(99)), "claims 4 bytes and has 99"),
    "objects": (claiming((1,), "|O", bytes(8)), "holds pickled objects|does not exist|cannot be parsed|magic"),
    "no array": (zipped("x.npy", b"hello"), "magic string"),
    "bad bytes": (damaged(), "."),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_a_value_error(case):
    content, expected = DAMAGE[case]
    with pytest.raises(ValueError, match=expected):
        read(content)


HEADERS = {
    "deep": b"(" * 9000,
    "no dict": b"1",
    "objects": b"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}",
    "huge": b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}",
    "code": b"{'descr': '<f4', 'fortran_order': False, 'shape': exit()}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_is_a_value_error(name, tmp_path):
    content = b"\x93NUMPY\x02\x00" + len(HEADERS[name]).to_bytes(4, "little") + HEADERS[name]
    (tmp_path / "x.npy").write_bytes(content + bytes(8))
    with (tmp_path / "x.npy").open("rb") as file, pytest.raises(ValueError, match=r"\w"):
        read_array(file, lambda claim: None)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.npy", content + bytes(8))
    with pytest.raises(ValueError, match=r"\w"):
        read(packed.getvalue())


def test_one_array_is_told_before_it_is_read_and_read_as_numpy_reads_it(tmp_path):
    told = []
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(2, 3))
    with (tmp_path / "x.npy").open("rb") as file:
        found = read_array(file, told.append)
    assert (found == np.arange(6.0).reshape(2, 3)).all()
    assert told == [Claim((2, 3), np.dtype("<f8"))]
