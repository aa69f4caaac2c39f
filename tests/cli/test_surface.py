# ruff: noqa: E501
"""The command line's surface, frozen: what comes or goes is a change of the interface, made on purpose."""

import typer

from graphspec.cli.app import app

SURFACE = """
compile   spec --emit -o --depth --expand --variant --set --all --import --json --quiet
train     spec --run --resume --overwrite --epochs --init --tensorboard --parallel --find-lr --overfit-batch --data --download --cache --device --variant --set --import --json --quiet
tune      spec --run --resume --trials --data --download --cache --device --variant --set --import --json --quiet
evaluate  run --ensemble --data --download --cache --device --import --json --quiet
inspect   source --data --download --cache --device --variant --set --import --json --quiet
predict   source files --prompt --count --temperature --seed --masks --ensemble --data --download --cache --import --json --quiet
export    source -o --format --precision --overwrite --sign --triton --data --download --cache --variant --set --import --json --quiet
verify    source --against --runtime --key --import --json --quiet
import    source -o --input --overwrite --import --json --quiet
check     work_ --against --parameters --flops --reach --data --download --cache --device --import --json --quiet
diff      before after -o --import --json --quiet
report    source -o --no-model --data --download --cache --import --json --quiet
ops       name --import --json --quiet
data      spec --show --data --download --cache --variant --set --import --json --quiet
schema    -o --import --json --quiet
init      template file --list --json --quiet
"""


def test_the_commands_and_their_options():
    commands = typer.main.get_command(app).commands
    found = {
        name: [each.opts[0] if each.param_type_name == "option" else each.name for each in command.params]
        for name, command in commands.items()
    }
    assert found == {line.split()[0]: line.split()[1:] for line in SURFACE.strip().splitlines()}


def test_every_command_and_option_is_explained():
    for command in typer.main.get_command(app).commands.values():
        assert command.help
        assert [each.name for each in command.params if not each.help] == []
