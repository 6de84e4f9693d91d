"""Any file by its ending, and which files are meant."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import bvh, mocap, readers
from tf_lift.data.motion.clip import Motion

POSES = mocap_files.walk(20)
H36M = skeletons.H36M_17
WALK = Motion(POSES, H36M.joint_names, H36M.parents, fps=50.0, clip="01_01", subject="01")


def test_files_are_recognised_by_their_extensions(tmp_path):
    bvh.write(tmp_path / "01_01.BVH", WALK)
    mocap_files.write_c3d(tmp_path / "01_01.c3d", POSES, H36M.joint_names)
    mocap_files.write_cdf(tmp_path / "S1" / "Walking.cdf", POSES)
    mocap_files.write_videopose3d(tmp_path / "a.npz", {"S1": {"Walking": POSES}})
    np.savez(tmp_path / "b.npz", poses=POSES, fps=50.0)
    for name in ("01_01.BVH", "01_01.c3d", "S1/Walking.cdf", "a.npz", "b.npz"):
        (motion,) = readers.read(tmp_path / name)
        pelvis = motion.positions[:, 0]
        np.testing.assert_allclose(pelvis, POSES[:, 0], atol=0.01)
        assert motion.fps == pytest.approx(50.0)


def test_arguments_override_the_file(tmp_path):
    turned = POSES[..., [0, 2, 1]] * [1, 1, -1] / 10
    bvh.write(tmp_path / "a.bvh", WALK)  # In centimetres, y up.
    mocap_files.write_c3d(tmp_path / "a.c3d", turned, H36M.joint_names)
    mocap_files.write_cdf(tmp_path / "a.cdf", turned)
    np.savez(tmp_path / "a.npz", positions_3d=np.array({"S1": {"W": turned}}, dtype=object))
    np.savez(tmp_path / "b.npz", poses=turned)
    for name in ("a.bvh", "a.c3d", "a.cdf", "a.npz", "b.npz"):
        (motion,) = readers.read(tmp_path / name, unit="cm", up="y", fps=25.0)
        found = motion.positions[:, motion.joint_names.index("right_wrist")]
        np.testing.assert_allclose(found, POSES[:, 16], atol=0.1, err_msg=name)
        assert motion.fps == 25.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a.txt",
            r"a.txt: must end in .amc, .bvh, .c3d, .cdf, .npz, .trc, .csv, .npy. Received: '.txt'",
        ),
        ("a.asf", r"Received: '.asf' \(a skeleton without motion: give its .amc files\)"),
        ("a", "must end in .*Received: ''"),
    ],
)
def test_other_extensions_are_errors(tmp_path, name, message):
    (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=message):
        readers.read(tmp_path / name)


def test_missing_files_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a.bvh: no such file$"):
        readers.read(tmp_path / "a.bvh")
    with pytest.raises(FileNotFoundError, match="no file matches the pattern"):
        readers.read(tmp_path / "*.bvh")
    with pytest.raises(ValueError, match="no file in this folder ends in"):
        readers.read(tmp_path)


def test_our_files_clip_by_clip(tmp_path):
    data = mocap.MocapPoses(
        POSES.astype(np.float32),
        subject=np.repeat([7, 8], 10),
        clip=np.repeat(["b", "a"], 10),
        credit="free",
    )
    mocap.save_poses(tmp_path / "a.npz", data, fps=np.repeat([10.0, 20.0], 10))

    motions = readers.read(tmp_path / "a.npz")

    assert [(m.clip, m.subject, m.fps) for m in motions] == [("b", "7", 10.0), ("a", "8", 20.0)]
    np.testing.assert_allclose(motions[1].positions, POSES[10:], rtol=1e-6)
    assert readers.credit_of(tmp_path / "a.npz") == "free"
    (tmp_path / "b.bvh").write_text("x")
    assert readers.credit_of(tmp_path / "b.bvh") == ""


def test_our_files_of_other_skeletons(tmp_path):
    names = skeletons.get("mpii16").joint_names
    np.savez(tmp_path / "a.npz", poses=np.ones([3, 16, 3]), joint_names=names, fps=10)
    assert readers.read(tmp_path / "a.npz")[0].parents == skeletons.get("mpii16").parents
    np.savez(tmp_path / "a.npz", poses=np.ones([3, 2, 3]), joint_names=["a", "b"], fps=10)
    (motion,) = readers.read(tmp_path / "a.npz")
    assert (motion.joint_names, motion.parents) == (("a", "b"), (-1, -1))
    spelled = np.char.replace(np.array(H36M.joint_names), "right_", "r_")
    np.savez(tmp_path / "a.npz", poses=POSES, joint_names=spelled, fps=10)
    assert readers.read(tmp_path / "a.npz")[0].joint_names == H36M.joint_names


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": POSES}, "must state one `fps` for the clip 'a'.*Received: none"),
        ({"poses": POSES, "fps": np.r_[np.ones(10), np.full(10, 2)]}, "fps.*Received: 1, 2"),
        ({"poses": POSES, "fps": -1}, "`fps` must be positive. Received: -1"),
        ({"poses": POSES, "fps": np.ones(3)}, "`fps` must be a number, or one for each pose"),
        ({"poses": POSES[0], "fps": 1}, r"shape \[N, L, 3\], N > 0. Received: .*\(17, 3\)"),
        ({"poses": POSES.astype(str), "fps": 1}, "must be numbers"),
        ({"poses": POSES[:, :16], "fps": 1}, "must hold `joint_names`, since it has 16 joints"),
        ({"poses": POSES, "joint_names": ["a"], "fps": 1}, r"`joint_names` must have .*\[17\]"),
        ({"poses": POSES, "clip": ["a"], "fps": 1}, r"`clip` must have shape \[20\]"),
        (
            {"poses": POSES, "joint_names": np.array(H36M.joint_names)[list(H36M.swap)], "fps": 1},
            "must have 'right_hip' here. Received: 'left_hip'",
        ),
        ({"joints": POSES}, "must hold an array `poses`, or VideoPose3D's.*Received: joints"),
    ],
)
def test_arrays_that_do_not_fit_are_errors(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=f"a.npz: .*{message}"):
        readers.read(tmp_path / "a.npz")


def test_files_folders_and_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.bvh", "b/1.AMC", "b/1.asf", "b/deep/3.npz", "b/.hidden.bvh", "b/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "folder.bvh").mkdir()
    for name in ("z.bvh", "a.bvh", "b[1].bvh", "out.npz", "alone.asf"):
        (tmp_path / name).touch()

    def found(*paths):
        return [str(path) for path in readers.find_files(paths, leave_out=tmp_path / "out.npz")]

    assert found("z.bvh", "a.bvh", "z.bvh") == ["z.bvh", "a.bvh"]
    assert found("b") == ["b/1.AMC", "b/2.bvh", "b/deep/3.npz"]
    assert found("*.bvh") == ["a.bvh", "b[1].bvh", "z.bvh"]
    assert found("b[1].bvh") == ["b[1].bvh"]
    assert found("b/1.AMC", "b/1.asf") == ["b/1.AMC"]
    assert found("alone.asf", "b/x.txt") == ["alone.asf", "b/x.txt"]
    assert found("**/*.npz") == ["b/deep/3.npz"]
    assert found("out.npz") == ["out.npz"]
    assert found("none.bvh", "n*.bvh") == ["none.bvh", "n*.bvh"]
