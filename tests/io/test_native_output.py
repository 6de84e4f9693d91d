"""Notes of native libraries are dropped, unless something goes wrong."""

import os
import sys

import pytest

from tf_lift.io import native_output


def test_notes_are_dropped_and_the_stream_comes_back(capfd):
    with native_output.hidden():
        os.write(2, b"a note\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_notes_before_an_error_are_shown(capfd):
    with pytest.raises(ValueError, match="wrong"), native_output.hidden():
        os.write(2, b"the reason\n")
        raise ValueError("wrong")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "the reason\nafter\n"


def test_a_module_loads_without_notes(tmp_path, monkeypatch, capfd):
    text = "import os\nos.write(2, b'a note')\nVALUE = 5\n"
    (tmp_path / "noisy_module.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before = list(sys.meta_path)
    native_output.hide_on_import("noisy_module")
    native_output.hide_on_import("noisy_module")
    assert len(sys.meta_path) == len(before) + 1
    import noisy_module

    assert noisy_module.VALUE == 5 and noisy_module.__spec__.name == "noisy_module"
    assert capfd.readouterr().err == ""
    assert sys.meta_path == before
    native_output.hide_on_import("noisy_module")
    assert sys.meta_path == before
    del sys.modules["noisy_module"]


def test_a_module_that_is_not_there():
    before = list(sys.meta_path)
    native_output.hide_on_import("no_such_module")
    with pytest.raises(ModuleNotFoundError):
        import no_such_module  # noqa: F401
    assert sys.meta_path == before
