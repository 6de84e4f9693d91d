import shutil

from tf_lift import cli
from tf_lift.inference.people import networks


def test_show_and_install(people_networks, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(networks.FOLDER_VARIABLE, str(tmp_path / "networks"))
    assert cli.main(["detector", "show"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("missing") == 2 and "tf-lift detector install" in shown
    assert cli.main(["detector", "install", "--from", str(people_networks)]) == 0
    assert f"Installed in {tmp_path / 'networks'}" in capsys.readouterr().out
    assert cli.main(["detector", "show"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("installed") == 2 and "Apache" in shown and "missing" not in shown
    assert str(tmp_path / "networks") in shown


def test_install_from_two_files(people_networks, tmp_path):
    arguments = []
    for number, file in enumerate(networks.NETWORKS):
        shutil.copy(people_networks / file.name, tmp_path / str(number))
        arguments += ["--from", str(tmp_path / str(number))]
    folder = tmp_path / "networks"
    assert cli.main(["detector", "install", "--folder", str(folder), *arguments]) == 0
    assert not networks.missing(folder)


def test_errors_are_one_line(tmp_path, capsys):
    arguments = ["detector", "install", "--folder", str(tmp_path), "--from", str(tmp_path / "no")]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert "must be files or folders" in error and len(error.splitlines()) == 1
