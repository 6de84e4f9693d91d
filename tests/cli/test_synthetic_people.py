import matplotlib.image
import numpy as np
import pytest

from tf_lift import cli


def test_command_draws_the_same_sheet_again(tmp_path):
    sheets = []
    for name in ("one.png", "two.png"):
        arguments = [
            "synthetic-people",
            "-o",
            str(tmp_path / name),
            "--number",
            "3",
            "--columns",
            "2",
        ]
        assert cli.main([*arguments, "--image-size", "32", "--seed", "4"]) == 0
        sheets.append(matplotlib.image.imread(tmp_path / name))
    np.testing.assert_array_equal(sheets[0], sheets[1])
    # Two rows of two images of 32 px, a gap of 1 px.
    assert sheets[0].shape[:2] == (65, 65)
    assert sheets[0][:32, :32, :3].std() > 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--number", "0"], "`--number` must be at least 1. Received: 0"),
        (["--bits", "9"], "`--bits` must be 1 to 8. Received: 9"),
        (["--image-size", "4"], "`image_size` must be an integer of at least 16 px"),
        (["--mocap", "absent.npz"], "absent.npz"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, capsys, tmp_path):
    assert cli.main(["synthetic-people", "-o", str(tmp_path / "sheet.png"), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())
