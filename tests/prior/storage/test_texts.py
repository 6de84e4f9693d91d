"""Tests that the text of a prior is exact, repeatable and shared, and that damage is an error."""

import base64
import dataclasses
import gc
import zlib

import numpy as np
import pytest

from tf_lift import PosePrior
from tf_lift.prior.storage import files, texts

FIELDS = [field.name for field in dataclasses.fields(PosePrior)]


@pytest.fixture
def make_prior(tiny_prior, request):
    """Function that builds a prior that is in no other test and has no other reference."""

    def make():
        noise_stddev = np.nextafter([10.0, 20.0], np.inf)
        credit = f"Dank\u00e9 \n\x00{request.node.name}"
        return dataclasses.replace(tiny_prior, noise_stddev=noise_stddev, credit=credit)

    return make


def make_text(content):
    """Returns a text of any content with the right check sum."""
    return base64.b64encode(content + zlib.crc32(content).to_bytes(4, "big")).decode()


def test_gives_back_every_bit(make_prior):
    prior = make_prior()
    expected = {name: getattr(prior, name) for name in FIELDS}
    text = prior.to_text()
    del prior
    gc.collect()
    restored = PosePrior.from_text(text)
    assert all(getattr(restored, name) is not expected[name] for name in files.ARRAY_NAMES)
    for name in files.ARRAY_NAMES:
        assert getattr(restored, name).tobytes() == expected[name].tobytes()
        assert getattr(restored, name).dtype == np.float64
    assert (restored.skeleton, restored.credit) == (expected["skeleton"], expected["credit"])
    assert text.isascii()
    assert restored.to_text() == text


def test_text_is_as_long_as_the_file(make_prior, tmp_path):
    prior = make_prior()
    prior.save(tmp_path / "prior.npz")
    assert len(prior.to_text()) <= 4 / 3 * (tmp_path / "prior.npz").stat().st_size + 8


def test_equal_priors_have_equal_texts_and_others_not(make_prior):
    prior = make_prior()
    text = prior.to_text()
    again = make_prior()
    assert again is not prior
    assert again.to_text() == text
    assert dataclasses.replace(prior, credit="").to_text() != text


def test_one_object_for_one_text(make_prior):
    prior = make_prior()
    text = prior.to_text()
    assert PosePrior.from_text(text) is prior
    # An equal text that is another object.
    assert PosePrior.from_text("".join(list(text))) is prior
    del prior
    gc.collect()
    first = PosePrior.from_text(text)
    assert PosePrior.from_text(text) is first


def test_a_prior_is_not_held_for_its_text(make_prior):
    prior = make_prior()
    text = prior.to_text()
    del prior
    gc.collect()
    assert text not in PosePrior.from_text.__globals__["_BY_TEXT"]


def test_every_damage_is_seen(make_prior, rng):
    prior = make_prior()
    text = prior.to_text()
    damaged = [text[:-4], text[4:], text[:-1], text + "AAAA", text + "?", text[::-1], "", "cmu"]
    for place in rng.integers(0, len(text) - 4, 100):
        other = "A" if text[place] != "A" else "B"
        damaged.append(text[:place] + other + text[place + 1 :])
    for wrong in damaged:
        with pytest.raises(
            ValueError, match="`text` must be undamaged and from `PosePrior.to_text`"
        ):
            PosePrior.from_text(wrong)


@pytest.mark.parametrize("wrong", [None, 3, b"text", {}])
def test_another_type_is_refused(wrong):
    with pytest.raises(
        ValueError, match=f"`text` must be a string. Received: {type(wrong).__name__}"
    ):
        PosePrior.from_text(wrong)


def test_long_texts_are_not_printed(make_prior):
    prior = make_prior()
    with pytest.raises(ValueError, match=r"Received: '\S{20}\.\.\. of \d+ characters'") as caught:
        PosePrior.from_text(prior.to_text()[:-4])
    assert len(str(caught.value)) < 200


def test_what_is_no_prior_is_named(make_prior):
    prior = make_prior()
    with pytest.raises(ValueError, match=r"Received: .*mean_pose.*Received: poses"):
        PosePrior.from_text(texts.encode({"poses": np.ones(3)}))
    with pytest.raises(ValueError, match="`text` must be"):
        PosePrior.from_text(make_text(b"no archive"))
    fields = {name: getattr(prior, name) for name in FIELDS} | {"stddev": -prior.stddev}
    with pytest.raises(ValueError, match="`stddev` must be positive"):
        PosePrior.from_text(texts.encode(fields))


def test_objects_are_not_unpickled(make_prior):
    prior = make_prior()
    fields = {name: getattr(prior, name) for name in FIELDS}
    with pytest.raises(ValueError, match="`text` must be"):
        PosePrior.from_text(texts.encode(fields | {"stddev": np.array([{}], object)}))
