"""The page in a real browser: what it draws, and what its controls do."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from stage_poses import standing_poses

from tf_lift.viewing.html import page, pictures

DESKTOP = {"width": 1000, "height": 700}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def page_path(tiny_prior, tmp_path_factory):
    """Path of a page of two people in twelve frames, and an image."""
    pytest.importorskip("plotly", reason="needs the extra viewing")
    poses = standing_poses(tiny_prior, frames=12)
    rows = np.flatnonzero((poses.frame != 5) | (poses.person != 1))  # Person 2 misses frame 5.
    image = np.full([120, 160, 3], [90, 140, 90], np.uint8)
    path = tmp_path_factory.mktemp("page") / "poses.html"
    return page.write_page(
        poses.take(rows), path, title="Two <b>people</b>", pictures=pictures.from_image(image)
    )


@pytest.fixture
def show(browser, page_path):
    """Function that opens the page, and fails the test if the page reports an error."""
    with contextlib.ExitStack() as stack:

        def opened(size=DESKTOP, motion="reduce", **options):
            context = browser.new_context(viewport=size, reduced_motion=motion, **options)
            stack.callback(context.close)
            shown, errors = context.new_page(), []
            shown.on("pageerror", lambda error: errors.append(str(error)))
            shown.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
            shown.on(
                "request",
                lambda r: (
                    errors.append(r.url)
                    if not r.url.startswith(("file:", "data:", "blob:"))
                    else None
                ),
            )
            stack.callback(lambda: pytest.fail(f"{errors}") if errors else None)
            shown.goto(page_path.as_uri())
            shown.wait_for_function("window.viewer")
            shown.evaluate("viewer.ready")
            return shown

        yield opened


def pixels(shown, selector="#view"):
    """Pixels of an element, once it is drawn."""
    shown.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    shown.wait_for_timeout(150)
    image = Image.open(io.BytesIO(shown.locator(selector).screenshot()))
    return np.asarray(image.convert("RGB")).astype(int)


def differing(a, b):
    return (np.abs(a - b).max(-1) > 24).sum()


def coloured(image):
    """Number of pixels that are neither grey nor white."""
    return (np.ptp(image, -1) > 60).sum()


def frame(shown):
    return shown.evaluate("viewer.player.frame")


def test_people_are_drawn_and_frames_differ(show):
    shown = show()
    assert shown.inner_text("h1") == "Two <b>people</b>"
    assert shown.inner_text("#summary") == "2 people, 12 frames"
    first = pixels(shown)
    assert coloured(first) > 1500
    shown.fill("#slider", "11")
    assert frame(shown) == 11
    assert differing(first, pixels(shown)) > 50
    assert "frame 11" in shown.inner_text("#clock")


def test_dragging_and_buttons_turn_the_view(show):
    shown = show()
    first = pixels(shown)
    box = shown.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown.mouse.move(x, y)
    shown.mouse.down()
    shown.mouse.move(x + 150, y, steps=5)
    shown.mouse.up()
    dragged = pixels(shown)
    assert differing(first, dragged) > 1000
    shown.click("text=Top")
    assert differing(dragged, pixels(shown)) > 1000
    shown.keyboard.press("r")
    # Below the button that has the focus; the turn takes some frames.
    left = [differing(first[60:], pixels(shown)[60:])]
    while left[-1] >= 50 and len(left) < 20:
        left.append(differing(first[60:], pixels(shown)[60:]))
    assert left[-1] < 50, left


def test_it_plays_by_itself_and_pauses(show):
    shown = show(motion="no-preference")
    shown.wait_for_function("viewer.player.drawn > 3")
    assert shown.get_attribute("#play", "aria-label") == "Pause"
    shown.click("#play")
    stopped = frame(shown)
    shown.wait_for_timeout(400)
    assert frame(shown) == stopped
    assert shown.get_attribute("#play", "aria-label") == "Play"


def test_reduced_motion_waits(show):
    shown = show()
    shown.wait_for_timeout(300)
    assert frame(shown) == 0 and not shown.evaluate("viewer.player.isPlaying")


def test_keys(show):
    shown = show()
    for key, expected in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("Shift+ArrowRight", 11),
        ("ArrowRight", 0),
        ("ArrowLeft", 11),
    ):
        shown.keyboard.press(key)
        assert frame(shown) == expected
    shown.keyboard.press("ArrowUp")
    assert shown.evaluate("viewer.player.speed") == 2
    shown.keyboard.press("Space")
    shown.wait_for_function("viewer.player.drawn > 8")
    shown.keyboard.press("Space")
    assert not shown.evaluate("viewer.player.isPlaying")


def test_playing_keeps_time(show):
    shown = show()
    # 12 frames at 10 per second, a tenth as fast: 1 frame a second.
    shown.select_option("#speed", "0.1")
    shown.click("#play")
    shown.wait_for_function("viewer.player.frame === 2", timeout=15000)
    passed = shown.evaluate("viewer.player.time")
    assert 0.2 <= passed < 0.3


def test_a_person_is_picked(show):
    shown = show()
    both = pixels(shown)
    shown.click("#people >> text=Person 2")
    assert shown.evaluate("viewer.palette.picked") == 1
    assert differing(both, pixels(shown)) > 300
    assert shown.inner_text("#status").startswith(
        "Person 2: 17 of 17 joints seen, mean deviation 5.0 cm"
    )
    shown.fill("#slider", "5")
    assert shown.inner_text("#status") == "Person 2 is not here."
    shown.keyboard.press("1")
    assert "Person 1: 16 of 17" in shown.inner_text("#status")
    shown.keyboard.press("0")
    assert shown.evaluate("viewer.palette.picked") == -1


def test_a_person_who_is_missing_vanishes(show):
    shown = show()
    shown.click("text=Front")
    there = coloured(pixels(shown))
    shown.fill("#slider", "5")
    assert coloured(pixels(shown)) < 0.7 * there


def test_deviations_are_switched_off(show):
    shown = show()
    shown.click("text=Front")
    with_them = coloured(pixels(shown))
    shown.uncheck("#deviations")
    assert coloured(pixels(shown)) < with_them
    shown.check("#deviations")
    assert coloured(pixels(shown)) == pytest.approx(with_them, rel=0.02)


def test_following_centres_a_person(show):
    shown = show()
    shown.keyboard.press("2")
    shown.check("#follow")
    root = shown.evaluate("[...viewer.recording.root.slice(3, 5)]")  # Person 2, first frame.
    np.testing.assert_allclose(shown.evaluate("viewer.view.offset()"), root, atol=1e-6)
    assert root != shown.evaluate("viewer.view.centre")
    assert coloured(pixels(shown)) > 1000


def test_picture_shows_the_landmarks(show):
    shown = show()
    image = pixels(shown, "#canvas")
    background = (np.abs(image - [90, 140, 90]).max(-1) < 12).mean()
    assert 0.5 < background < 0.99


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(show, scheme):
    shown = show(color_scheme=scheme)
    is_dark = scheme == "dark"
    assert (pixels(shown)[2, 2].mean() < 60) == is_dark
    shown.click("#theme")
    assert (pixels(shown)[2, 2].mean() < 60) != is_dark
    assert (pixels(shown, "header")[2, 2].mean() < 60) != is_dark


def test_phone(show):
    shown = show(PHONE, has_touch=True, device_scale_factor=2)
    assert shown.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert coloured(pixels(shown)) > 1000
    # What one plays with is in sight without scrolling.
    box = shown.locator("#play").bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"] and box["height"] >= 40
    shown.tap("#forward")
    assert frame(shown) == 1


def test_everything_has_a_name(show):
    shown = show()
    nameless = shown.evaluate(
        """[...document.querySelectorAll("button, input, select, canvas, [role]")].filter((item) =>
            !(item.getAttribute("aria-label") || item.innerText || item.closest("label")
              || item.closest("#view"))).map((item) => item.outerHTML)"""
    )
    # The status line is empty until something is said.
    assert [text for text in nameless if "status" not in text] == []


def test_nobody_is_a_page_too(browser, tiny_prior, tmp_path):
    poses = standing_poses(tiny_prior, frames=3).take(np.zeros(0, np.int64))
    path = page.write_page(poses, tmp_path / "empty.html")
    context = browser.new_context(reduced_motion="reduce")
    shown = context.new_page()
    errors = []
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto(path.as_uri())
    shown.wait_for_function("window.viewer")
    shown.evaluate("viewer.ready")
    assert shown.inner_text("#status") == "Nobody is here."
    assert not errors
    context.close()
