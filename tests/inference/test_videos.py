"""Frames of real files: upright, at their times, and as many as there are."""

import struct

import coded_frames
import numpy as np
import pytest

from tf_lift.inference import videos

av = pytest.importorskip("av", reason="videos need the extra `video`")

_NONE, _ONE = 0, 1 << 16
_TURNED = {
    90: (0, _ONE, _NONE, -_ONE, 0, _NONE, 48 << 16, 0, 1 << 30),
    180: (-_ONE, 0, _NONE, 0, -_ONE, _NONE, 64 << 16, 48 << 16, 1 << 30),
    270: (0, -_ONE, _NONE, _ONE, 0, _NONE, 0, 64 << 16, 1 << 30),
}


def write(path, numbers=range(10), fps=25, size=coded_frames.SIZE):
    with videos.VideoWriter(path, fps, size) as writer:
        for number in numbers:
            writer.write(coded_frames.draw(number, size), number)
    return path


def encode(path, images, fps=25, codec="libx264", pix_fmt="yuv420p", **options):
    """Writes a video by PyAV alone."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_frames_have_numbers_and_times(tmp_path):
    video = videos.Video(write(tmp_path / "a.mp4"))
    assert (video.fps, video.num_frames, video.size) == (25.0, 10, coded_frames.SIZE)
    frames = list(video)
    assert [frame.number for frame in frames] == list(range(10))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(10) / 25)
    assert [coded_frames.read(frame.image) for frame in frames] == list(range(10))
    assert video.problem is None
    assert len(list(video)) == 10


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_are_turned_as_the_file_says(tmp_path, degrees):
    image = np.zeros([48, 64, 3], np.uint8)
    image[:16, :16] = 255
    with videos.VideoWriter(tmp_path / "a.mp4", 25, (64, 48)) as writer:
        for number in range(3):
            writer.write(image, number)
    content = (tmp_path / "a.mp4").read_bytes()
    # The matrix of the track header, ISO 14496-12, 8.3.2; clockwise by the angle.
    place = content.index(b"tkhd") + 8 + 20 + 16
    matrix = struct.pack(">9i", *_TURNED[degrees])
    (tmp_path / "b.mp4").write_bytes(content[:place] + matrix + content[place + 36 :])
    video = videos.Video(tmp_path / "b.mp4")
    expected = np.rot90(image, -degrees // 90)
    assert video.size == expected.shape[1::-1]
    for frame in video:
        assert np.abs(frame.image.astype(int) - expected).mean() < 3


def test_numbers_follow_the_times_of_uneven_frames(tmp_path):
    shown = [number for number in range(40) if number not in (5, 6, 17, 30, 31, 32)]
    video = videos.Video(write(tmp_path / "a.mp4", shown))
    frames = list(video)
    assert [coded_frames.read(frame.image) for frame in frames] == shown
    times = np.array([frame.time_s for frame in frames])
    np.testing.assert_allclose(times, np.array(shown) / 25, atol=1e-3)
    assert [frame.number for frame in frames] == shown and video.fps == 25
    assert video.problem is None


def test_frames_much_closer_than_on_average_are_left_out(tmp_path):
    shown = [0, 1, 2, 20, 40, 60]
    video = videos.Video(write(tmp_path / "a.mp4", shown))
    frames = list(video)
    assert {0, 20, 40, 60} <= {coded_frames.read(frame.image) for frame in frames}
    numbers = np.array([frame.number for frame in frames])
    assert (np.diff(numbers) > 0).all()
    np.testing.assert_allclose(numbers, video.fps * np.array([f.time_s for f in frames]), atol=0.5)


@pytest.mark.parametrize(("name", "part"), [("a.mkv", 0.5), ("a.mp4", 0.5), ("a.mp4", 0.9)])
def test_a_video_that_was_cut_gives_what_there_is(tmp_path, name, part):
    images = [coded_frames.draw(number, seed=number) for number in range(60)]
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    whole = encode(tmp_path / f"whole_{name}", images, **options)
    assert len(list(videos.Video(whole))) == 60 and videos.Video(whole).problem is None
    content = whole.read_bytes()
    (tmp_path / name).write_bytes(content[: int(part * len(content))])
    video = videos.Video(tmp_path / name)
    frames = list(video)
    assert 0.6 * part * 60 < len(frames) < 60
    numbers = [coded_frames.read(frame.image) for frame in frames]
    assert numbers == [frame.number for frame in frames] and numbers[:20] == list(range(20))
    assert name in video.problem


def test_damage_in_the_middle_costs_its_frames_alone(tmp_path):
    images = [coded_frames.draw(number, seed=number) for number in range(60)]
    whole = encode(tmp_path / "whole.mov", images, codec="png", pix_fmt="rgb24")
    content = bytearray(whole.read_bytes())
    place = content.index(b"\x89PNG", len(content) // 2)
    content[place : place + 4] = bytes(4)
    (tmp_path / "a.mov").write_bytes(content)
    video = videos.Video(tmp_path / "a.mov")
    numbers = [coded_frames.read(frame.image) for frame in video]
    assert len(numbers) == 59 and numbers[-1] == 59
    assert "1 parts are damaged" in video.problem


def test_grey_frames_and_one_frame_and_other_codecs(tmp_path):
    grey = [np.full([48, 64, 3], value, np.uint8) for value in (0, 128, 255)]
    video = videos.Video(encode(tmp_path / "a.mkv", grey, codec="ffv1", pix_fmt="gray"))
    assert [frame.image.mean().round() for frame in video] == [0, 128, 255]
    assert {frame.image.shape for frame in video} == {(48, 64, 3)}
    assert len(list(videos.Video(write(tmp_path / "one.mp4", [0])))) == 1


@pytest.mark.parametrize("size", [(101, 55), (2, 2), (1, 1), (700, 16)])
def test_videos_of_odd_sizes_are_written(tmp_path, size):
    with videos.VideoWriter(tmp_path / "a.mp4", 29.97, size) as writer:
        for number in range(3):
            writer.write(np.full([size[1], size[0], 3], 80, np.uint8), number)
    video = videos.Video(tmp_path / "a.mp4")
    assert video.size == tuple(side + side % 2 for side in size)
    assert video.fps == pytest.approx(29.97, rel=1e-3)


@pytest.mark.parametrize("content", [b"", b"no video", b"\0\0\0\x18ftypmp42" + bytes(4000)])
def test_what_is_no_video_is_named(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a video .*a\.mp4"):
        videos.Video(path)


def test_other_bad_files(tmp_path):
    with pytest.raises(ValueError, match="which does not exist"):
        videos.Video(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="which is not a file"):
        videos.Video(tmp_path)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros([1, 1024], np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="sound.mp4.* none of its streams"):
        videos.Video(tmp_path / "sound.mp4")
    with av.open(str(tmp_path / "none.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="none.mkv"):
        videos.Video(tmp_path / "none.mkv")


def test_a_webcam_that_is_not_there():
    with pytest.raises(ValueError, match="webcam:77"):
        videos.Video("webcam:77")
