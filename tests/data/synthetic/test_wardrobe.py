"""Outfits: colours, skirts, and parts that are not drawn."""

import dataclasses

import numpy as np
import pytest

from tf_lift.data.synthetic import bodies, wardrobe


@pytest.fixture
def outfit():
    return dataclasses.replace(wardrobe.draw_outfit(np.random.default_rng(0)), skirt=True)


def test_colours_are_colours():
    for seed in range(50):
        drawn = wardrobe.draw_outfit(np.random.default_rng(seed))
        for name in ("skin", "hair", "top", "accent", "bottom", "shoes", "sole", "socks"):
            colour = getattr(drawn, name)
            assert colour.shape == (3,)
            assert colour.min() > -30 and colour.max() < 300, name


def test_a_skirt_stays_where_the_legs_are_together(outfit):
    assert wardrobe.suited(outfit, bodies.STANDING) is outfit


@pytest.mark.parametrize("knees", [[(0, -450, -90), (0, 450, -90)], [(400, -89, 0), (400, 89, 0)]])
def test_a_skirt_becomes_shorts_where_the_legs_do_not_fit(outfit, knees):
    pose = bodies.STANDING.copy()
    pose[[2, 5]] = knees
    shorts = wardrobe.suited(outfit, pose)
    assert not shorts.skirt
    assert 0 < shorts.leg < 1


@pytest.mark.parametrize("skirt", [False, True])
@pytest.mark.parametrize("bald", [False, True])
def test_parts_left_out(outfit, skirt, bald):
    changed = dataclasses.replace(outfit, skirt=skirt, bald=bald)
    expected = ({"skirt"} if not skirt else set()) | ({"hair"} if bald else set())
    assert changed.left_out == expected
