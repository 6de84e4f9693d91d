"""The contract of the command line's errors: one line, an exit code and no traceback."""

import errno

import pytest
import typer

from tf_lift import cli
from tf_lift.cli import application


@pytest.fixture
def commands(monkeypatch):
    """A command line of two commands in the place of the real one."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    monkeypatch.setattr(application, "app", app)

    @app.command()
    def work(count: int = 1, path: str = ""):
        if count == 1:
            raise ValueError("`landmarks` must have shape [..., 17, 2].\n  Received: shape=(3,)")
        if count == 2:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        if count == 3:
            raise KeyboardInterrupt
        if count == 4:
            raise typer.Exit(3)
        if count == 5:
            raise RuntimeError("a defect of the program itself")

    @app.command()
    def other():
        pass

    return app


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["work"],
            2,
            "tf-lift: error: `landmarks` must have shape [..., 17, 2]. Received: shape=(3,)",
        ),
        (
            ["work", "--count", "2", "--path", "people.npz"],
            2,
            "tf-lift: error: [Errno 2] No such file or directory: 'people.npz'",
        ),
        (["work", "--count", "many"], 2, "tf-lift: error: Invalid value for '--count'"),
        (["work", "--depth", "1"], 2, "tf-lift: error: No such option: --depth"),
        (["play"], 2, "tf-lift: error: No such command 'play'"),
    ],
)
def test_error_is_one_line_and_a_code(commands, capsys, arguments, code, message):
    assert cli.main(arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip().startswith(message)
    assert len(output.err.strip().splitlines()) == 1


def test_interruption_is_no_traceback(commands, capsys):
    assert cli.main(["work", "--count", "3"]) == 130
    assert len(capsys.readouterr().err.splitlines()) <= 1


def test_other_exit_codes_pass_through(commands):
    assert cli.main(["work", "--count", "4"]) == 3
    assert cli.main(["work", "--count", "0"]) == 0


def test_defects_keep_their_traceback(commands):
    with pytest.raises(RuntimeError, match="defect"):
        cli.main(["work", "--count", "5"])


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    names = [command.name or command.callback.__name__ for command in cli.app.registered_commands]
    assert len(names) >= 7
    for name in names:
        assert name.replace("_", "-") in text


def test_every_option_is_documented():
    group = typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"
