"""A layer that is kept for its weights alone is never run: nothing of it is looked for in a file."""

from pathlib import Path

import graphspec

SPEC = """graphspec = 1
[inputs]
x = ["N", 8]
[layers]
fc = { type = "Linear", out_features = 3 }
auxiliary = { type = "Linear", from = "x", out_features = 5, keep = true }
[outputs]
y = "fc"
"""


def test_a_file_beside_kept_weights_is_verified(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.toml").write_text(SPEC)
    assert (graphspec.export("spec.toml", "out", formats=["onnx"]).folder / "model.onnx").exists()
