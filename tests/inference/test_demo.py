"""The demo's page, in a browser and with an estimator of the test."""

import warnings

import numpy as np
import pytest
from PIL import Image
from stage_poses import standing_poses

from tf_lift.inference import demo


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "person <i>.png"
    Image.fromarray(np.full([120, 160, 3], [90, 140, 90], np.uint8)).save(path)
    return path


@pytest.fixture
def estimate(tiny_prior):
    pytest.importorskip("plotly", reason="needs the extra viewing")
    return lambda path: standing_poses(tiny_prior, frames=1 if str(path).endswith("png") else 4)


def test_a_photo_becomes_a_page(photo, estimate):
    text = demo.lift_picture(str(photo), estimate)
    assert "<h1>person &lt;i&gt;.png</h1>" in text
    assert '"jpegs":[' in text and '"size":[160,120]' in text


def test_a_video_becomes_a_page(tmp_path, estimate):
    av = pytest.importorskip("av", reason="needs the extra video")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(4):
            image = np.full([120, 160, 3], 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    text = demo.lift_picture(str(path), estimate)
    assert '"frames":[0,1,2,3]' in text and '"times":[0.0,0.1,0.2,0.3]' in text


def test_demo_in_the_browser(photo, estimate, browser):
    with warnings.catch_warnings():
        # Of Gradio and what it needs.
        warnings.simplefilter("ignore")
        pytest.importorskip("gradio", reason="needs the extra demo")

        def refuse_first(path, calls=[]):  # noqa: B006
            calls.append(path)
            if len(calls) == 1:
                raise ValueError("`path` must be a better photo. Received: <b>this</b>")
            return estimate(path)

        blocks = demo.build(refuse_first)
        _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True)
        page = browser.new_page(reduced_motion="reduce")
        try:
            page.goto(url)
            page.set_input_files("input[type=file] >> nth=0", str(photo))
            page.click("text=Lift the photo")
            page.wait_for_selector("text=must be a better photo. Received: <b>this</b>")
            page.click("text=Lift the photo")
            frame = page.wait_for_selector("iframe[title='People in 3D']").content_frame()
            frame.wait_for_function("window.viewer")
            frame.evaluate("viewer.ready")
            assert frame.inner_text("#summary") == "2 people, 1 frame"
            page.wait_for_selector("text=Download this page")
        finally:
            page.close()
            blocks.close()
