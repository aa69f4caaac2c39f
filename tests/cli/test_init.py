"""``graphspec init`` writes a new file, never over another."""

import pytest

from graphspec.templates import templates


def test_without_a_name_it_lists_them(command):
    ended = command("init")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()[2:]] == list(templates())


def test_it_writes_a_template(command, tmp_path):
    ended = command("init", "mlp")
    assert (ended.code, ended.out) == (0, "wrote mlp.toml; `graphspec compile mlp.toml` shows it\n")
    assert (tmp_path / "mlp.toml").read_text(encoding="utf-8") == templates()["mlp"]
    assert command("init", "cnn", "mine.toml", "--json").document["output"] == "mine.toml"


def test_it_does_not_overwrite(command, tmp_path):
    (tmp_path / "mlp.toml").write_text("mine")
    ended = command("init", "mlp")
    assert (ended.code, ended.out) == (1, "")
    assert '"mlp.toml" is there already; name another file' in ended.err
    assert (tmp_path / "mlp.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnt",), 'no template "resnt"; did you mean "resnet"?'),
        (("zzz",), "there are: cnn, images"),
        (("mlp", "a.json"), '"a.json" is not a spec'),
        (("mlp", "no/such/a.toml"), 'cannot write "no/such/a.toml": No such file or directory'),
    ],
)
def test_what_it_refuses(command, arguments, message):
    ended = command("init", *arguments)
    assert ended.code == 1
    assert message in ended.err
