import base64
import html.parser
import json
import re
import sys

import numpy as np
import pytest
from stage_poses import standing_poses

from tf_lift.viewing.html import page, pictures, stage

EVIL = '</script><script>alert(1)</script><!-- & "quoted" {{poses}}'


class Outline(html.parser.HTMLParser):
    """Collects a page's elements with an id or a source, and the text of its data."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self.inside = attributes.get("id", tag)

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


@pytest.fixture
def poses(tiny_prior):
    pytest.importorskip("plotly", reason="needs the extra viewing")
    return standing_poses(tiny_prior, frames=4)


def unpack(text, dtype, *shape):
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


def test_page_holds_the_poses(poses):
    content = json.loads(Outline(page.build_page(poses)).texts["poses-data"])
    expected = stage.arrange(poses)
    joints = unpack(content["joints"], "<i2", -1, 17, 3) / 1000
    root = unpack(content["root"], "<f4", -1, 1, 3)
    # Whole millimetres.
    np.testing.assert_allclose(root + joints, expected.joints, atol=0.0005 + 1e-6)
    np.testing.assert_allclose(unpack(content["stddev"], "<u2", -1, 17), 50)
    landmarks = unpack(content["landmarks"], "<f4", -1, 17, 2)
    np.testing.assert_allclose(landmarks, poses.drawn_landmarks(), rtol=1e-6)
    visibility = unpack(content["visibility"], "u1", -1, 17)
    np.testing.assert_array_equal(visibility, poses.visibility)


def test_unknown_deviations_are_marked(poses):
    poses.joints_3d_stddev[0, 3] = np.nan
    content = json.loads(Outline(page.build_page(poses)).texts["poses-data"])
    assert unpack(content["stddev"], "<u2", -1, 17)[0, 3] == 65535


def test_page_needs_no_other_file(poses):
    outline = Outline(page.build_page(poses))
    for tag, attributes in outline.elements:
        assert "src" not in attributes
        assert tag not in ("base", "iframe", "object", "embed")
        assert not attributes.get("href", "data:").startswith("http")
    assert "default-src 'none'" in dict(outline.elements)["meta"].get("content", "") or any(
        "default-src 'none'" in (attributes.get("content") or "")
        for _, attributes in outline.elements
    )


def test_any_title_is_text_alone(poses):
    text = page.build_page(poses, title=EVIL)
    outline = Outline(text)
    assert outline.texts["title"].strip() == EVIL
    assert outline.texts["h1"].strip() == EVIL
    assert json.loads(outline.texts["poses-data"])["title"] == EVIL
    assert text.count("<script") == page.build_page(poses).count("<script")


def test_pictures_are_in_the_page(poses):
    shown = pictures.from_image(np.zeros([12, 16, 3], np.uint8))
    outline = Outline(page.build_page(poses, pictures=shown))
    assert json.loads(outline.texts["pictures-data"]) == {
        "size": [16, 12],
        "frames": [0],
        "jpegs": shown.jpegs,
    }


def test_thousand_frames_of_three_people_are_small(tiny_prior):
    poses = standing_poses(tiny_prior, frames=1000, people=3)
    content = Outline(page.build_page(poses)).texts["poses-data"]
    # Base64 of 14 numbers of 17 joints and 5 of the row, 18 bytes a joint.
    assert len(content) < 3000 * (17 * 18 + 40) * 4 / 3


def test_file_is_written_whole(poses, tmp_path):
    path = page.write_page(poses, tmp_path / "new" / "poses.html", title="One")
    assert re.search("<title>One</title>", path.read_text(encoding="utf-8"))
    assert [entry.name for entry in path.parent.iterdir()] == ["poses.html"]
    with pytest.raises(ValueError, match=r"`path` must end in .html. Received: .*poses.png"):
        page.write_page(poses, tmp_path / "poses.png")


def test_missing_plotly_names_the_extra(poses, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r'needs `pip install "tf-lift\[viewing\]"`'):
        page.build_page(poses)
