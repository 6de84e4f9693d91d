"""ASF/AMC clips as positions."""

import math

import numpy as np
import pytest
from reference import motion_capture

from tf_lift.data.formats import asf_amc, skeleton_maps

# name: (direction, length, axis, degrees of freedom); the hierarchy below gives the parents.
BONES = {
    "lfemur": ((0.3, -0.95, 0.1), 7.0, (0.0, 0.0, 20.0), "rx ry rz"),
    "ltibia": ((0.3, -0.95, 0.1), 7.5, (10.0, -35.0, 20.0), "rx"),
    "lfoot": ((0.0, -0.2, 0.98), 2.3, (-90.0, 5.0, 20.0), "rz rx"),
    "back": ((0.05, 0.99, -0.1), 6.0, (0.0, 0.0, 0.0), "rx ry rz"),
    "head": ((0.0, 1.0, 0.0), 5.0, (180.0, -30.0, -90.0), "ry"),
    "hat": ((0.0, 1.0, 0.0), 1.0, (180.0, -30.0, -90.0), ""),
}
HIERARCHY = [
    ("lfemur", "root"),
    ("back", "root"),
    ("ltibia", "lfemur"),
    ("lfoot", "ltibia"),
    ("head", "back"),
    ("hat", "head"),
]


def asf_text(length=0.45, angle="deg", bones=None):
    scale = 1.0 if angle == "deg" else math.pi / 180
    lines = ["# made for a test", ":version 1.10", ":name TEST", ":units", "  mass 1.0"]
    lines += [f"  length {length}", f"  angle {angle}", ":documentation", "   a  remark"]
    lines += [":root", "   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 1 -2 3"]
    lines += ["   orientation 0 0 0", ":bonedata"]
    for index, (name, (direction, size, axis, dof)) in enumerate((bones or BONES).items(), 1):
        lines += ["  begin", f"     id {index}", f"     name {name}"]
        # As in real files, the length of the direction is not exactly 1.
        lines += ["     direction " + " ".join(map(str, direction)), f"     length {size}"]
        lines += [f"     axis {' '.join(str(a * scale) for a in axis)}  XYZ"]
        lines += [f"    dof {dof}", "    limits (-160.0 20.0)", "           (-70.0 70.0)"] * bool(
            dof
        )
        lines += ["  end"]
    lines += [":hierarchy", "  begin", "    root lfemur back", "    lfemur ltibia"]
    return "\n".join([*lines, "    ltibia lfoot", "    back head", "    head hat", "  end"]) + "\n"


def amc_text(root, angles, header=":FULLY-SPECIFIED\n:DEGREES\n", bones=None):
    text = "#!OML:ASF F:\\x.ASF\n" + header
    for frame, numbers in enumerate(root):
        text += f"{frame + 1}\nroot {' '.join(map(str, numbers))}\n"
        for name, (*_, dof) in (bones or BONES).items():
            if dof:
                values = [angles[frame][name][key] for key in dof.split()]
                text += f"{name} {' '.join(map(str, values))}\n"
    return text


@pytest.fixture
def recording(rng):
    """Root numbers [9, 6] and angles of nine frames, degrees."""
    root = rng.uniform(-90, 90, [9, 6])
    angles = [
        {name: dict.fromkeys(dof.split(), 0.0) for name, (*_, dof) in BONES.items()}
        for _ in range(9)
    ]
    for frame in angles:
        for freedoms in frame.values():
            for key in freedoms:
                freedoms[key] = rng.uniform(-120, 120)
    return root, angles


def write(folder, asf, amc, name="05_02", asf_name=None):
    (folder / f"{asf_name or name}.asf").write_text(asf, encoding="utf-8")
    (folder / f"{name}.amc").write_text(amc, encoding="utf-8")
    return folder / f"{name}.amc"


def expected(recording, unit_mm=25.4 / 0.45):
    """Positions [T, J, 3] in mm, z up, by the slow reference."""
    bones = {n: (np.array(d) / np.linalg.norm(d), size, a) for n, (d, size, a, _) in BONES.items()}
    names = ["root", *(name for name, _ in HIERARCHY)]
    frames = []
    for root, angles in zip(*recording, strict=True):
        root = root + np.array([1, -2, 3, 0, 0, 0])  # Its position in the ASF file.
        ends = motion_capture.amc_frame(bones, HIERARCHY, root, angles)
        frames.append([ends[name] for name in names])
    x, y, z = np.moveaxis(np.array(frames), -1, 0) * unit_mm
    return names, np.stack([x, -z, y], axis=-1)


def test_positions_of_every_frame(recording, tmp_path):
    clip = asf_amc.read(write(tmp_path, asf_text(), amc_text(*recording)), up="y")
    names, positions = expected(recording)
    order = [clip.joint_names.index(name) for name in names]
    np.testing.assert_allclose(clip.positions[:, order], positions, rtol=0, atol=1e-6)
    for name, parent in HIERARCHY:
        assert clip.joint_names[clip.parents[clip.joint_names.index(name)]] == parent
    assert (clip.fps, clip.clip, clip.subject) == (120.0, "05_02", "05")


def test_radians_other_units_and_rates(recording, tmp_path):
    root, angles = recording
    in_radians = [
        {name: {key: math.radians(v) for key, v in d.items()} for name, d in frame.items()}
        for frame in angles
    ]
    turned = np.concatenate([root[:, :3], np.deg2rad(root[:, 3:])], axis=1)
    positions = expected(recording, unit_mm=25.4 / 0.5)[1]
    for header in (":FULLY-SPECIFIED\n", ":FULLY-SPECIFIED\n:RADIANS\n"):
        amc = amc_text(turned, in_radians, header)
        path = write(tmp_path, asf_text(length=0.5, angle="rad"), amc)
        clip = asf_amc.read(path, fps=60.0, up="y")
        order = [clip.joint_names.index(name) for name in expected(recording)[0]]
        np.testing.assert_allclose(clip.positions[:, order], positions, rtol=0, atol=1e-6)
        assert clip.fps == 60.0
    # The clip is in degrees, the skeleton in radians.
    clip = asf_amc.read(write(tmp_path, asf_text(angle="rad"), amc_text(*recording)), up="y")
    np.testing.assert_allclose(clip.positions[:, order], expected(recording)[1], rtol=0, atol=1e-6)
    given = asf_amc.read(tmp_path / "05_02.amc", unit_mm=1.0, up="z")
    x, y, z = np.moveaxis(given.positions, -1, 0) * 25.4 / 0.45
    np.testing.assert_allclose(clip.positions, np.stack([x, -z, y], axis=-1), atol=1e-6)


def test_up_is_y_by_the_names_of_the_bones(recording, tmp_path):
    path = write(tmp_path, asf_text(), amc_text(*recording))
    np.testing.assert_array_equal(
        asf_amc.read(path).positions, asf_amc.read(path, up="y").positions
    )


def test_a_unit_that_gives_no_human_size_is_not_used(recording, tmp_path):
    # Centimetres from a program that writes `length 1.0`, which would mean inches.
    scale = 25.4 / 0.45 / 10
    bones = {name: (d, size * scale, a, dof) for name, (d, size, a, dof) in BONES.items()}
    root, angles = recording
    root = np.concatenate([root[:, :3] * scale, root[:, 3:]], axis=1)
    asf = asf_text(length=1.0, bones=bones).replace("position 1 -2 3", "position 0 0 0")
    path = write(tmp_path, asf, amc_text(root, angles))
    given = asf_amc.read(path, unit_mm=10.0)
    np.testing.assert_allclose(asf_amc.read(path).positions, given.positions)
    tiny = {name: (d, size * 5, a, dof) for name, (d, size, a, dof) in BONES.items()}
    path = write(tmp_path, asf_text(length=0.01, bones=tiny), amc_text(*recording))
    with pytest.raises(ValueError, match=r"05_02.amc: the file's unit must be given"):
        asf_amc.read(path)


@pytest.mark.parametrize("asf_name", ["05_02", "05", "skeleton"])
def test_the_skeleton_is_found_in_the_clips_folder(recording, tmp_path, asf_name):
    path = write(tmp_path, asf_text(), amc_text(*recording), asf_name=asf_name)
    assert asf_amc.find_asf(path) == tmp_path / f"{asf_name}.asf"
    assert asf_amc.read(path).num_frames == 9
    if asf_name != "skeleton":  # Others do not confuse.
        (tmp_path / "06.asf").write_text("")
        (tmp_path / "07.ASF").write_text("")
        assert asf_amc.find_asf(path) == tmp_path / f"{asf_name}.asf"


def test_a_missing_skeleton_is_asked_for(recording, tmp_path):
    path = write(tmp_path, asf_text(), amc_text(*recording), asf_name="06")
    (tmp_path / "07.asf").write_text("")
    with pytest.raises(FileNotFoundError, match="05_02.amc: needs its skeleton.*06, 07"):
        asf_amc.read(path)
    assert asf_amc.read(path, asf_path=tmp_path / "06.asf").num_frames == 9


def test_the_clip_or_the_skeleton_with_an_error_is_named(recording, tmp_path):
    amc = amc_text(*recording)
    path = write(tmp_path, asf_text(), amc[: amc.rindex("back")])
    with pytest.raises(ValueError, match="05_02.amc: line 64: frame 9 must have the bone 'back'"):
        asf_amc.read(path)
    path = write(tmp_path, asf_text().replace("length 7.5", ""), amc)
    with pytest.raises(ValueError, match="05_02.asf: line .* the bone that ends here has no l"):
        asf_amc.read(path)


@pytest.mark.parametrize(("name", "count"), [("05_02", 94), ("09_01", 13), ("16_35", 14)])
def test_real_clips_are_the_poses_of_the_training_file(shared_path, name, count):
    clip = asf_amc.read(shared_path(f"data/cmu/clips/{name}.amc"))
    with np.load(shared_path("data/cmu/cmu_h36m17_train.npz")) as content:
        of_clip = content["clip"] == name
        poses, frame = content["poses"][of_clip], content["frame"][of_clip]
    assert len(poses) == count
    found = skeleton_maps.to_skeleton(clip)[12 * frame]
    # The file is float32: 0.0002 mm at 4 m.
    np.testing.assert_allclose(found, poses, rtol=0, atol=0.001)
