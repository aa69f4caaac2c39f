"""``graphspec ops``: what can be written, and how."""

import pytest

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


@pytest.mark.parametrize(
    ("name", "place", "example", "argument"),
    [
        ("Adam", ("train", "optimizer"), 'optimizer = "Adam"', ("lr", 0.001)),
        ("CrossEntropyLoss", ("train", "loss"), 'loss = "CrossEntropyLoss"', ("label_smoothing", 0.0)),
        ("digits", ("data", "dataset"), 'dataset = "digits"', None),
        ("RandomCrop", ("data", "augment"), 'augment = [{ type = "RandomCrop", size = … }]', ("fill", 0)),
        ("StepLR", ("train", "scheduler"), 'scheduler = { type = "StepLR", step_size = … }', ("gamma", 0.1)),
        ("accuracy", ("train", "metrics"), 'metrics = ["accuracy"]', None),
    ],
)
def test_whatever_a_spec_names_has_a_page(command, name, place, example, argument):
    (page,) = command("ops", name, "--json").document["components"]
    assert (page["section"], page["key"], page["example"]) == (*place, example)
    assert page["summary"]
    if argument:
        assert page["arguments"][argument[0]]["default"] == argument[1]
    assert example in command("ops", name).out


@pytest.mark.parametrize(
    ("name", "argument", "meaning"),
    [
        ("Adam", "eps", "term added to the denominator to improve numerical stability"),  # its text is indented anew
        ("RMSprop", "momentum", "momentum factor"),  # the next name has a blank before its colon
        ("CrossEntropyLoss", "weight", "a manual rescaling weight given to each class."),
        ("CyclicLR", "gamma", "Constant in 'exp_range' scaling function"),
    ],
)
def test_an_argument_has_its_meaning_alone(command, name, argument, meaning):
    (page,) = command("ops", name, "--json").document["components"]
    said = page["arguments"][argument]["meaning"]
    assert said.startswith(meaning)
    assert "Default" not in said
    assert len(said) < len(meaning) + 40


def test_what_arguments_mean_together_is_said(command):
    (page,) = command("ops", "csv", "--json").document["components"]
    assert any('"most_frequent"' in part for part in page["details"])
    text = command("ops", "csv").out
    assert "SimpleImputer" in text
    assert "Meaning" not in text, "an empty column says nothing"
    assert "Meaning" in command("ops", "Adam").out


def test_a_list_is_shown_as_a_spec_writes_it(command):
    assert command("ops", "conv2d", "--json").document["arguments"]["stride"]["default"] == [1]


def test_the_list_has_all_that_a_spec_names(command):
    listed = command("ops", "--json").document["components"]
    assert "CrossEntropyLoss" in listed["loss of [train]"]
    assert "digits" in listed["dataset of [data]"]


def test_a_mistyped_name(command):
    ended = command("ops", "Conv2D")
    assert ended.code == 1
    assert 'no layer type "Conv2D", nor' in ended.err
    assert 'did you mean "Conv2d"?' in ended.err
    assert 'did you mean "AdamW"?' in command("ops", "AdamWW").err
