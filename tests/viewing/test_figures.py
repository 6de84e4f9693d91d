import matplotlib
import numpy as np
import pytest
from PIL import Image

from tf_lift import skeletons
from tf_lift.viewing import figures, panels

LEFT, RIGHT, TRUE = (
    np.array([int(panels.COLOURS[name][i : i + 2], 16) for i in (1, 3, 5)])
    for name in ("left", "right", "true")
)


@pytest.fixture
def pose(tiny_prior):
    """A person seen from the front: joints [17, 3] mm in the camera's frame, and px."""
    x, y, z = np.moveaxis(tiny_prior.mean_pose[0], -1, 0)
    joints_3d = np.stack([x, -z, y], -1)
    return joints_3d, joints_3d[:, :2] * 0.1 + [100, 100]


def _render(figure, path):
    figures.save(figure, path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def _boxes(figure):
    """Pixel boxes (left, right, top, bottom) of the axes, as drawn at 200 dots per inch."""
    figure.canvas.draw()
    width, height = figure.get_size_inches() * 200
    boxes = [axes.get_position() for axes in figure.axes]
    return [
        tuple(
            int(v) for v in (b.x0 * width, b.x1 * width, (1 - b.y1) * height, (1 - b.y0) * height)
        )
        for b in boxes
    ]


def _count(pixels, colour, box=None):
    left, right, top, bottom = box or (0, pixels.shape[1], 0, pixels.shape[0])
    return (np.abs(pixels[top:bottom, left:right] - colour).max(-1) < 12).sum()


def test_pose_fills_three_panels(pose, tmp_path):
    joints_3d, landmarks = pose
    image = np.full([200, 200, 3], 220, np.uint8)
    figure = figures.draw_pose(image, landmarks, joints_3d)
    assert not any(len(_true_bones(axes)) for axes in figure.axes)
    boxes = _boxes(figure)
    pixels = _render(figure, tmp_path / "pose.png")
    assert len(boxes) == 3
    assert pixels.shape[1] > 1800
    assert pixels.shape[0] > 600
    for box in boxes:
        assert _count(pixels, LEFT, box) > 300
        assert _count(pixels, RIGHT, box) > 300
    assert _count(pixels, (220, 220, 220), boxes[0]) > 1e5


def test_truth_is_grey_and_errors_are_told(pose, tmp_path):
    joints_3d, landmarks = pose
    shift = np.zeros([17, 3])
    shift[1:, 2] = 170.0
    figure = figures.draw_pose(
        None,
        landmarks,
        joints_3d + shift,
        true_landmarks=landmarks + [3.0, 4.0],
        true_joints_3d=joints_3d,
    )
    titles = [axes.get_title(loc="right") for axes in figure.axes]
    assert titles == ["error 5.0 px", "", "MPJPE 160 mm"]
    # Every bone is drawn in grey; from the camera's right, 170 mm nearer is to the left.
    drawn, other, side = (_true_bones(axes) for axes in figure.axes)
    bones = list(skeletons.H36M_17.bones)
    np.testing.assert_allclose(drawn, (landmarks + [3.0, 4.0])[bones])
    np.testing.assert_allclose(other[..., 0], joints_3d[bones][..., 0])
    np.testing.assert_allclose(side[..., 0], joints_3d[bones][..., 2], atol=1e-9)
    boxes = _boxes(figure)
    pixels = _render(figure, tmp_path / "pose.png")
    assert _count(pixels, TRUE, boxes[0]) > 500


def _true_bones(axes):
    """Returns the ends [16, 2, 2] of the bones in the colour of the true pose."""
    lines = [line for line in axes.lines if line.get_color() == panels.COLOURS["true"]]
    return np.array([line.get_xydata() for line in lines])


def test_views_have_equal_scales_and_right_directions(pose):
    joints_3d, landmarks = pose
    scene = panels.Scene.enclosing(joints_3d)
    front, _ = panels._project(joints_3d, 0.0)
    side, _ = panels._project(joints_3d, np.pi / 2)
    # In the camera view x is to the right; from the camera's right, far points are to the right.
    np.testing.assert_allclose(front[:, 0], joints_3d[:, 0])
    np.testing.assert_allclose(side[:, 0], joints_3d[:, 2], atol=1e-9)
    # Up stays up, shortened by the view from above.
    head, ankle = 10, 3
    tall = joints_3d[ankle, 1] - joints_3d[head, 1]
    for view in (front, side):
        up = view[head, 1] - view[ankle, 1]
        assert up == pytest.approx(tall * np.cos(panels.ELEVATION), rel=0.03)
    # The far edge of the floor is higher, and far parts are behind near ones.
    far, depth = panels._project(scene.centre + [[0, 0, 500], [0, 0, -500]], 0.0)
    assert far[0, 1] > far[1, 1]
    assert depth[0] > depth[1]
    figure = figures.draw_pose(None, landmarks, joints_3d)
    figure.canvas.draw()
    scales = []
    for axes in figure.axes[1:]:
        unit = axes.transData.transform([[0, 0], [100, 0], [0, 100]])
        scales += [unit[1, 0] - unit[0, 0], unit[2, 1] - unit[0, 1]]
    np.testing.assert_allclose(scales, scales[0], rtol=1e-3)


def test_hidden_joints_are_hollow_and_their_bones_dashed(pose):
    joints_3d, landmarks = pose
    visibility = np.ones(17)
    visibility[16] = 0
    axes = figures.draw_pose(None, landmarks, joints_3d, visibility=visibility).axes[0]
    markers = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == "white" for line in markers] == [
        joint == 16 for joint in range(17)
    ]
    dashed = [line for line in axes.lines if line.is_dashed()]
    assert len(dashed) == 1
    np.testing.assert_allclose(dashed[0].get_xydata(), landmarks[[15, 16]])


def test_discs_have_the_radius_of_the_stddev(pose):
    joints_3d, landmarks = pose
    stddev = np.linspace(0, 160, 17)
    figure = figures.draw_pose(None, landmarks, joints_3d, joints_3d_stddev=stddev)
    for axes in figure.axes[1:]:
        np.testing.assert_allclose([disc.get_radius() for disc in axes.patches], stddev)
    assert "1 standard deviation" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_legend_names_what_is_there(pose):
    joints_3d, landmarks = pose
    labels = [
        text.get_text()
        for text in figures.draw_pose(None, landmarks, joints_3d).legends[0].get_texts()
    ]
    assert labels == ["person's right", "person's left"]
    figure = figures.draw_pose(
        None, landmarks, joints_3d, visibility=np.arange(17), true_landmarks=landmarks
    )
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[2:] == ["not seen, inferred", "true pose"]


def test_unknown_joints_are_left_out(pose, tmp_path):
    joints_3d, landmarks = pose
    joints_3d, landmarks = joints_3d.copy(), landmarks.copy()
    joints_3d[5:] = np.nan
    landmarks[:] = np.nan
    pixels = _render(figures.draw_pose(None, landmarks, joints_3d), tmp_path / "part.png")
    assert _count(pixels, RIGHT) > 500
    joints_3d[:] = np.nan
    _render(figures.draw_pose(None, landmarks, joints_3d), tmp_path / "empty.png")


def test_examples_make_rows(pose, tmp_path):
    joints_3d, landmarks = pose
    image = np.full([200, 150, 3], 0.8)
    example = {"image": image, "landmarks": landmarks, "joints_3d": joints_3d}
    figure = figures.draw_examples([{**example, "title": f"p{i}"} for i in range(3)])
    assert [axes.get_title(loc="left") for axes in figure.axes[::3]] == ["p0", "p1", "p2"]
    boxes = _boxes(figure)
    assert len(boxes) == 9
    pixels = _render(figure, tmp_path / "rows.png")
    for box in boxes:
        assert _count(pixels, LEFT, box) > 300
    np.testing.assert_array_equal(image, 0.8)


def test_contact_sheet_places_every_image(tmp_path):
    images = np.zeros([5, 16, 20, 3], np.uint8)
    images += (np.arange(5, dtype=np.uint8) * 40 + 20)[:, None, None, None]
    pixels = _render(figures.contact_sheet(images, columns=3), tmp_path / "sheet.png")
    # There are two dots per pixel, and a gap of one pixel.
    assert pixels.shape[:2] == (2 * 33, 2 * 62)
    for index in range(5):
        x, y = index % 3 * 42 + 20, index // 3 * 34 + 16
        np.testing.assert_array_equal(pixels[y, x], index * 40 + 20)
    assert (pixels[50, 110] == 255).all()


def test_contact_sheet_draws_landmarks(pose, tmp_path):
    landmarks = np.stack([pose[1] * 0.5] * 2)
    images = np.full([2, 100, 100, 3], 200, np.uint8)
    pixels = _render(figures.contact_sheet(images, "h36m17", landmarks), tmp_path / "sheet.png")
    for half in (pixels[:, :200], pixels[:, 206:]):
        assert _count(half, LEFT) > 50
        assert _count(half, RIGHT) > 50


def test_save_is_whole_and_leaves_the_backend_alone(pose, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    backend = matplotlib.rcParams["backend"]
    figure = figures.draw_pose(None, pose[1], pose[0])
    path = figures.save(figure, tmp_path / "new" / "pose")
    assert path == tmp_path / "new" / "pose.png"
    assert [entry.name for entry in path.parent.iterdir()] == ["pose.png"]
    assert not figure.axes
    assert not plt.get_fignums()
    assert matplotlib.rcParams["backend"] == backend
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(figures.FigureCanvasAgg, "print_figure", fail)
    with pytest.raises(OSError, match="no space"):
        figures.save(figures.draw_pose(None, pose[1], pose[0]), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["pose.png"]
    with pytest.raises(ValueError, match="`path` must end in .png.*pose.pdf"):
        figures.save(figure, tmp_path / "pose.pdf")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"landmarks": np.zeros([16, 2])}, r"`landmarks` must have shape .*17, 2\].*\(16, 2\)"),
        ({"joints_3d": np.zeros([1, 17, 3])}, r"`joints_3d` must have shape \[17, 3\].*\(1, 17"),
        ({"visibility": np.zeros([16])}, r"`visibility` must have shape .*17\].*\(16,\)"),
        ({"image": np.zeros([8, 8], np.uint8)}, r"`image` must have shape .*\(8, 8\)"),
        ({"image": np.full([8, 8, 3], 3.0)}, "`image` must be uint8, or float in .*3 to 3"),
        ({"image": np.full([8, 8, 3], np.nan)}, "`image` must be uint8, or float in"),
        ({"image": np.zeros([8, 8, 3], np.int32)}, "`image` must be uint8, .*int32"),
        ({"skeleton": "stick"}, "`skeleton` must be one of .*'stick'"),
    ],
)
def test_bad_arguments(pose, changes, message):
    arguments = {"image": None, "landmarks": pose[1], "joints_3d": pose[0]} | changes
    with pytest.raises(ValueError, match=message):
        figures.draw_pose(**arguments)


def test_bad_examples():
    with pytest.raises(ValueError, match="`examples` must not be empty"):
        figures.draw_examples([])
    with pytest.raises(ValueError, match=r"missing \['joints_3d'\], unknown \['joints'\]"):
        figures.draw_examples([{"image": None, "landmarks": np.zeros([17, 2]), "joints": 1}])
    with pytest.raises(ValueError, match="`columns` must be at least 1"):
        figures.contact_sheet(np.zeros([1, 4, 4, 3], np.uint8), columns=0)
    with pytest.raises(ValueError, match="`images` must not be empty"):
        figures.contact_sheet(np.zeros([0, 4, 4, 3], np.uint8))


def test_any_skeleton(rng, tmp_path):
    for skeleton in skeletons.SKELETONS.values():
        joints_3d = rng.normal(size=[skeleton.num_joints, 3]) * 300
        figure = figures.draw_pose(None, joints_3d[:, :2], joints_3d, skeleton)
        assert _count(_render(figure, tmp_path / "pose.png"), LEFT) > 500
