"""``graphspec ops``: what can be written, and how."""

from graphspec.ops import names


def test_the_list_has_every_type(command):
    groups = command("ops", "--json").document["ops"]
    assert sorted(name for group in groups.values() for name in group) == sorted(names())


def test_a_page_says_what_is_required_inferred_and_by_default(command):
    page = command("ops", "Conv2d", "--json").document
    assert page["example"] == 'conv2d = { type = "Conv2d", out_channels = 16, kernel_size = 3 }'
    rows = page["arguments"]
    assert rows["in_channels"] == {"takes": "an integer", "required": False, "inferred": True}
    assert rows["out_channels"]["required"]
    assert rows["stride"]["default"] == 1
    text = command("ops", "Conv2d").out
    assert page["example"] in text
    assert any(line.split() == ["in_channels", "an", "integer", "from", "the", "input"] for line in text.splitlines())


def test_an_operand_that_may_be_a_number(command):
    assert command("ops", "mul", "--json").document["arguments"]["other"]["takes"] == "a number"


def test_torchvisions_models_have_pages_too(command):
    assert command("ops", "torchvision.resnet18", "--json").document["arguments"]["features"]["default"] is False


def test_a_mistyped_name(command):
    ended = command("ops", "Conv2D")
    assert ended.code == 1
    assert 'no layer type "Conv2D"; did you mean "Conv2d"?' in ended.err
