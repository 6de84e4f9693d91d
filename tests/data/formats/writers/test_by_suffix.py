"""Files for other programs, read back by libraries of others."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import bvh, c3d, trc, writers
from tf_lift.data.formats.writers import by_suffix
from tf_lift.data.motion.clip import Motion

H36M = skeletons.H36M_17
NAMES = H36M.joint_names


def breathing(num_frames=30):
    """A walk whose bones change their lengths by some per cent, as lifted poses do."""
    rng = np.random.default_rng(2)
    walk = mocap_files.walk(num_frames)
    return walk + rng.normal(0, 8, walk.shape)


def needs(module):
    return pytest.importorskip(module, reason=f"needs `{module}` of the extra `test`")


def test_bvh_as_bvhio_reads_it(tmp_path):
    bvhio = needs("bvhio")
    walk = breathing()
    writers.write(tmp_path / "a.bvh", walk, "h36m17", fps=25.0)
    tree = bvhio.readAsBvh(str(tmp_path / "a.bvh"))
    assert tree.FrameCount == 30
    assert tree.FrameTime == pytest.approx(0.04)
    joints = {joint.Name: joint for joint, _, _ in tree.Root.layout()}
    assert [n for n, j in joints.items() if len(j.Channels) == 6] == ["pelvis"]
    assert all(len(j.Channels) == 3 for n, j in joints.items() if n != "pelvis")
    hierarchy = bvhio.readAsHierarchy(str(tmp_path / "a.bvh"))
    constant = []
    for frame in (0, 11, 29):
        hierarchy.loadPose(frame)
        world = {joint.Name: joint for joint, _, _ in hierarchy.layout()}
        # Centimetres, y up, to millimetres, z up.
        found = np.array([list(world[name].PositionWorld) for name in NAMES])
        found = found[:, [0, 2, 1]] * [10.0, -10.0, 10.0]
        np.testing.assert_allclose(found[0], walk[frame, 0], atol=0.1)
        bones = np.array([(c, p) for c, p in enumerate(H36M.parents) if p >= 0]).T
        vectors = found[bones[0]] - found[bones[1]]
        constant.append(np.linalg.norm(vectors, axis=1))
        given = walk[frame, bones[0]] - walk[frame, bones[1]]
        # Each bone keeps its direction.
        cosines = np.sum(vectors * given, axis=1) / constant[-1] / np.linalg.norm(given, axis=1)
        assert cosines.min() > 0.999999
    np.testing.assert_allclose(constant[1:], [constant[0]] * 2, rtol=1e-4)
    median = np.median(np.linalg.norm(walk[:, bones[0]] - walk[:, bones[1]], axis=2), axis=0)
    np.testing.assert_allclose(constant[0], median, rtol=1e-4)


def test_exact_bvh_still_moves_every_joint(tmp_path):
    clip = Motion(breathing(), NAMES, H36M.parents, fps=25.0)
    bvh.write(tmp_path / "a.bvh", clip)
    found = bvh.read(tmp_path / "a.bvh", unit_mm=10.0, up="y")
    order = [found.joint_names.index(name) for name in NAMES]
    np.testing.assert_allclose(found.positions[:, order], clip.positions, atol=0.1)


@pytest.mark.filterwarnings("ignore:No analog data found")
def test_c3d_as_ezc3d_and_c3d_read_it(tmp_path):
    ezc3d = pytest.importorskip("ezc3d", reason="needs the extra `mocap`")
    walk = breathing()
    walk[4, 6] = np.nan
    stddev = np.full([30, 17], 12.0)
    stddev[:, 3] = 101.4
    stddev[5, 1:3] = np.nan, 0.0
    path = tmp_path / "a.c3d"
    writers.write(path, walk, "h36m17", fps=25.0, stddev=stddev)
    content = ezc3d.c3d(str(path))
    point = content["parameters"]["POINT"]
    assert point["UNITS"]["value"] == ["mm"]
    assert point["LABELS"]["value"] == list(NAMES)
    assert point["RATE"]["value"][0] == 25.0
    seen = np.isfinite(walk).all(axis=2)
    found = content["data"]["points"][:3].transpose(2, 1, 0)
    np.testing.assert_allclose(found[seen], walk[seen], atol=0.01)
    residuals = content["data"]["meta_points"]["residuals"][0].T
    assert residuals[4, 6] == -1.0
    np.testing.assert_array_equal(residuals[seen], np.nan_to_num(stddev[seen].round()))

    other = needs("c3d")
    with open(path, "rb") as stream:
        reader = other.Reader(stream)
        assert [label.strip() for label in reader.point_labels] == list(NAMES)
        assert reader.point_rate == 25.0
        points = np.stack([points for _, points, _ in reader.read_frames()])
    np.testing.assert_allclose(points[..., :3][seen], walk[seen], atol=0.01)
    assert points[4, 6, 3] == -1.0
    np.testing.assert_array_equal(points[..., 3][seen], np.nan_to_num(stddev[seen].round()))


def test_residuals_must_fit_the_clip(tmp_path):
    pytest.importorskip("ezc3d", reason="needs the extra `mocap`")
    clip = Motion(breathing(), NAMES, H36M.parents, fps=25.0)
    with pytest.raises(ValueError, match=r"`stddev` must have shape \[30, 17\]. Received: \(3,\)"):
        c3d.write(tmp_path / "a.c3d", clip, stddev=np.zeros(3))


def test_trc_as_opensim_reads_it(tmp_path):
    opensim = pytest.importorskip(
        "opensim", reason="needs OpenSim, 100 MB: `pip install tf-lift[interop]`"
    )
    walk = breathing()
    walk[4, 6] = np.nan
    path = tmp_path / "a.trc"
    writers.write(path, walk, "h36m17", fps=25.0)
    table = opensim.TimeSeriesTableVec3(str(path))
    assert table.getTableMetaDataString("Units") == "m"
    assert float(table.getTableMetaDataString("DataRate")) == 25.0
    assert list(table.getColumnLabels()) == list(NAMES)
    np.testing.assert_allclose(list(table.getIndependentColumn()), np.arange(30) / 25, atol=1e-6)
    found = np.array(
        [
            [[row[j][i] for i in range(3)] for j in range(17)]
            for row in (table.getRowAtIndex(index) for index in range(30))
        ]
    )
    # x forward, y up, z right: of a walk along x, the head is up in y, and the right hip in z.
    expected = walk[..., [0, 2, 1]] * [1, 1, -1] / 1000
    np.testing.assert_allclose(found, expected, atol=1e-6, equal_nan=True)
    assert (found[:, 10, 1] - found[:, 3, 1] > 1.2).all()


def test_glb_as_pygltflib_reads_it(tmp_path):
    gltf = needs("pygltflib")
    walk = breathing()
    writers.write(tmp_path / "a.glb", walk, "h36m17", fps=25.0)
    file = gltf.GLTF2().load_binary(str(tmp_path / "a.glb"))
    assert gltf.validator.summary(file) is None if hasattr(gltf, "validator") else True
    numbers = {5126: np.float32, 5125: np.uint32, 5123: np.uint16}
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def array(index):
        accessor = file.accessors[index]
        view = file.bufferViews[accessor.bufferView]
        data = file.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
        found = np.frombuffer(data, numbers[accessor.componentType])
        return found.reshape(accessor.count, widths[accessor.type])

    (animation,) = file.animations
    tracks = {}
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        tracks[channel.target.node, channel.target.path] = array(sampler.output)
        np.testing.assert_allclose(array(sampler.input)[:, 0], np.arange(30) / 25, rtol=1e-6)
    assert [key for key in tracks if key[1] == "translation"] == [(0, "translation")]

    def world(frame):
        """Positions of all nodes, by walking down the tree."""
        found = {}

        def visit(index, rotation, position):
            node = file.nodes[index]
            x, y, z, w = tracks[index, "rotation"][frame]
            local = np.array(
                [
                    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
                ]
            )
            moved = tracks.get((index, "translation"))
            offset = np.array(node.translation) if moved is None else moved[frame]
            place = position + rotation @ offset
            found[node.name] = place
            for child in node.children:
                visit(child, rotation @ local, place)

        visit(0, np.eye(3), np.zeros(3))
        return np.array([found[name] for name in NAMES])[:, [0, 2, 1]] * [1000, -1000, 1000]

    errors = by_suffix.constant_bone_errors(Motion(walk, NAMES, H36M.parents, fps=25.0))
    for frame in (0, 7, 29):
        distance = np.linalg.norm(world(frame) - walk[frame], axis=1)
        np.testing.assert_allclose(distance, errors[frame], atol=0.05)
    # Neighbouring quaternions are near each other, so that players can blend them.
    for (_, path), values in tracks.items():
        if path == "rotation":
            assert (np.sum(values[1:] * values[:-1], axis=1) > 0.5).all()
    (skin,) = file.skins
    assert len(skin.joints) == len(file.nodes) - 1
    assert file.nodes[-1].skin == 0


@pytest.mark.parametrize("suffix", [".c3d", ".csv", ".trc"])
def test_positions_are_kept(suffix, tmp_path):
    if suffix == ".c3d":
        pytest.importorskip("ezc3d", reason="needs the extra `mocap`")
    from tf_lift.data.formats import readers

    walk = breathing()
    path = tmp_path / f"a{suffix.upper()}"
    writers.write(path, walk, H36M, fps=25.0)
    (found,) = readers.read(path)
    np.testing.assert_allclose(found.positions, walk, atol=0.01)
    assert found.fps == 25.0


def test_constant_bones_of_a_rigid_walk_change_nothing():
    clip = Motion(mocap_files.walk(20), NAMES, H36M.parents, fps=50.0)
    assert by_suffix.constant_bone_errors(clip).max() < 0.1


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"must have shape \[T, 17, 3\]. Received: .*\(3, 16, 3\)"):
        writers.write(tmp_path / "a.bvh", np.zeros([3, 16, 3]), "h36m17", fps=25)
    with pytest.raises(ValueError, match=r"must have shape .*\(0, 17, 3\)"):
        writers.write(tmp_path / "a.bvh", np.zeros([0, 17, 3]), "h36m17", fps=25)
    with pytest.raises(ValueError, match="`path` must end in .bvh, .c3d, .csv, .glb, .trc"):
        writers.write(tmp_path / "a.fbx", np.zeros([3, 17, 3]), "h36m17", fps=25)
    markers = Motion(np.zeros([2, 3, 3]), ("a", "b", "c"), (-1, -1, -1), fps=1)
    with pytest.raises(ValueError, match="one root, .*write markers as C3D, TRC or CSV"):
        writers.write_motion(tmp_path / "a.bvh", markers)


def test_a_trc_that_was_written_is_of_the_format(tmp_path):
    writers.write(tmp_path / "a.trc", breathing(), "h36m17", fps=25.0)
    assert trc.read(tmp_path / "a.trc").unit_mm == 1000.0
