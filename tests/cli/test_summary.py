"""The table that `graphspec compile` prints: every line within 80 columns, in a pipe and in a terminal."""

import re

import pytest

RESIDUAL = """
graphspec = 1
[inputs]
image = ["N", 3, 32, 32]
[layers]
stem    = { type = "Conv2d", out_channels = 16, kernel_size = 3, padding = 1 }
stage   = { type = "Block", repeat = 2 }
pool    = { type = "AdaptiveAvgPool2d", output_size = 1 }
flatten = "Flatten"
logits  = { type = "Linear", out_features = 10, freeze = true }
[blocks.Block]
[blocks.Block.layers]
conv = { type = "Conv2d", out_channels = 16, kernel_size = 3, padding = 1, bias = false }
relu = "ReLU"
add  = { type = "add", from = ["relu", "x"] }
"""
SHARED = """
graphspec = 1
[inputs]
a = ["N", 8]
b = ["N", 8]
[layers]
encode = { type = "Linear", from = "a", out_features = 4 }
again  = { reuse = "encode", from = "b" }
sub    = { type = "sub", from = ["encode", "again"] }
"""
SEQUENCE = """
graphspec = 1
[inputs]
tokens = { shape = ["N", "T"], dtype = "int64" }
[layers]
embed = { type = "Embedding", num_embeddings = 100, embedding_dim = 16 }
lstm  = { type = "LSTM", hidden_size = 32, batch_first = true }
head  = { type = "Linear", from = "lstm.output", out_features = 5 }
"""


def chain(layers: int) -> str:
    lines = "\n".join(f'fc{n} = {{ type = "Linear", out_features = 4 }}' for n in range(layers))
    return f'graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\n{lines}\n'


@pytest.fixture
def table(command, tmp_path):
    """The printed table of a spec, row by row, cells split at two or more spaces."""

    def show(text: str, *options: str) -> dict[str, list[str]]:
        (tmp_path / "net.toml").write_text(text)
        ended = command("compile", "net.toml", *options)
        assert ended.code == 0, ended.err
        rows = [re.split(r" {2,}", line.rstrip()) for line in ended.out.splitlines() if line.strip()]
        return {next(cell for cell in row if cell): [cell for cell in row if cell][1:] for row in rows}

    return show


def test_a_row_has_type_shape_parameters_and_flops(table):
    rows = table(RESIDUAL)
    assert rows["image"] == ["input", "N × 3 × 32 × 32"]
    assert rows["stem"] == ["Conv2d", "N × 16 × 32 × 32", "448", "885 k"]  # 2 · 27 · 16 · 32 · 32
    assert rows["logits"] == ["Linear", "N × 10", "170", "320"]


def test_a_block_has_the_sum_of_its_layers(table):
    rows = table(RESIDUAL)
    assert rows["conv"] == ["Conv2d", "N × 16 × 32 × 32", "2,304", "4.72 M"]
    assert rows["0"] == ["Block", "N × 16 × 32 × 32", "2,304", "4.72 M"]
    assert rows["stage"] == ["N × 16 × 32 × 32", "4,608", "9.44 M"]


def test_totals(table):
    rows = table(RESIDUAL)
    assert rows["Outputs"] == ["output: N × 10"]
    assert rows["Parameters"] == ["5,226 (20.9 kB in float32, 170 frozen)"]
    assert rows["FLOPs"] == ["10.3 M for N = 1; a multiply-add counts 2"]


def test_a_shared_layer_counts_its_parameters_once(table):
    rows = table(SHARED)
    assert rows["again"] == ["Linear (= encode)", "N × 4", "64"]
    assert rows["Parameters"] == ["36 (144 B in float32)"]


def test_every_output_of_a_layer_has_its_shape(command, tmp_path):
    (tmp_path / "net.toml").write_text(SEQUENCE)
    out = command("compile", "net.toml").out
    assert re.search(r"tokens +input +N × T int64", out)
    assert re.search(r"lstm +LSTM +N × T × 32 .*\n +1 × N × 32 *\n +1 × N × 32", out)
    assert re.search(r"FLOPs .* for N = 1, T = 64;", out)


@pytest.mark.parametrize(("layers", "shown"), [(100, 100), (400, 110)])
def test_a_long_network_is_folded_unless_all_is_asked_for(table, layers, shown):
    names = re.compile(r"fc\d+$")
    assert len([name for name in table(chain(layers)) if names.match(name)]) == shown
    assert len([name for name in table(chain(layers), "--all") if names.match(name)]) == layers


def test_folding_keeps_the_sums(table):
    rows = table(chain(400))
    assert rows["… 290 more"] == ["(--all shows them)", "5,800", "9.28 k"]
    assert rows["Parameters"][0].startswith("8,000 ")


def test_deep_blocks_fold_to_one_row_each(table):
    rows = table(RESIDUAL.replace("repeat = 2", "repeat = 40"))
    assert rows["39"] == ["Block", "N × 16 × 32 × 32", "2,304", "4.72 M"]
    assert "conv" not in rows
    assert "conv" in table(RESIDUAL.replace("repeat = 2", "repeat = 40"), "--all")


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize("spec", [RESIDUAL, SHARED, SEQUENCE])
def test_no_line_is_wider_than_the_window(command, tmp_path, monkeypatch, columns, spec):
    monkeypatch.setenv("COLUMNS", columns)
    (tmp_path / "net.toml").write_text(spec)
    assert max(map(len, command("compile", "net.toml").out.splitlines())) <= int(columns)


def test_a_pipe_gets_no_colour_and_no_wrapped_row(command, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "a_rather_long_name_of_a_layer_that_would_not_fit_into_a_column_"
    (tmp_path / "net.toml").write_text(chain(1).replace("fc0", name))
    out = command("compile", "net.toml").out
    assert "\x1b" not in out
    assert re.search(rf"{name} +Linear +N × 4 +20 +32", out)
