import json

import numpy as np
import pytest
from PIL import Image

from tf_lift import skeletons


@pytest.fixture
def run(poses_file, tmp_path):
    from benchmarks.accuracy import skeletons as benchmark

    def call(*options):
        path = tmp_path / "figures.json"
        benchmark.main(["--poses", str(poses_file), "--json", str(path), *options])
        return json.loads(path.read_text())

    return call


def test_figures_of_every_skeleton(run, capsys, tmp_path):
    picture = tmp_path / "marks.png"
    record = run("--num-poses", "40", "--seed", "2", "--figure", str(picture))
    with Image.open(picture) as image:
        colours = {tuple(colour) for colour in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    assert {(31, 95, 168), (200, 89, 11)} <= colours  # The prior's marks, and others'.
    rows = record["results"]["landmarks"]
    assert set(skeletons.SKELETONS) <= set(rows)
    for name in skeletons.SKELETONS:
        missing = len(skeletons.report(name, "h36m17").missing)
        assert rows[name]["joints"] == 17 - missing
    # The same landmarks give the same lift, fewer another one.
    assert rows["h36m32"] == rows["h36m17"]
    assert rows["mpii16"]["mpjpe"] == pytest.approx(rows["coco17"]["mpjpe"], rel=1e-3)
    assert rows["coco17"]["mpjpe"] != rows["h36m17"]["mpjpe"]
    assert rows["lsp14 without its head_top"]["joints"] == 13
    for row in rows.values():
        assert 5 < row["mpjpe"] < 400
    for errors in record["results"]["priors"].values():
        assert np.isfinite([*errors["landmarks"], *errors["prior"]]).all()
    out = capsys.readouterr().out
    assert f"coco17 | 14 | {rows['coco17']['mpjpe']:.1f} | " in out
    assert record["seed"] == 2


def test_errors_are_distances(rng):
    from benchmarks.accuracy import skeletons as benchmark

    poses = rng.standard_normal([6, 17, 3]) * 300
    lifted = poses + [5.0, -7.0, 11.0]  # Their places do not count.
    lifted[:, skeletons.H36M_17.joint_names.index("left_wrist")] += [30, 0, 40]
    errors = benchmark._errors(lifted, poses)
    np.testing.assert_allclose(errors["mpjpe"], 50 / 17)
    np.testing.assert_allclose(errors["limbs"], 50 / 12)
    np.testing.assert_allclose(errors["spine"], 0, atol=1e-9)


def test_bad_input(run, tmp_path):
    with pytest.raises(ValueError, match="`num_poses` must be at least 1"):
        run("--num-poses", "0")
    with pytest.raises(ValueError, match="there are no poses at"):
        run("--poses", str(tmp_path / "none.npz"))
    assert not list(tmp_path.glob("*.json"))
