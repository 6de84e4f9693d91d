import sys

from tf_lift import cli


def test_bad_port_is_one_line(capsys):
    assert cli.main(["demo", "--port", "0"]) == 2
    error = capsys.readouterr().err.strip()
    assert error.endswith("`--port` must be 1 to 65535. Received: 0")


def test_missing_gradio_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert cli.main(["demo"]) == 2
    assert 'the demo needs `pip install "tf-lift[demo]"`' in capsys.readouterr().err
