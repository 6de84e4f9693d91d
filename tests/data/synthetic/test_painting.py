"""Clothes on rows: widths and colours."""

import dataclasses

import numpy as np
import pytest

from tf_lift.data.synthetic import painting, wardrobe
from tf_lift.data.synthetic.lofts import PART_INDEX

POSITIONS = np.linspace(0.05, 0.95, 10)


def dressed(**changes):
    outfit = wardrobe.draw_outfit(np.random.default_rng(1))
    return dataclasses.replace(
        outfit, skin=np.array([200.0, 0, 0]), top=np.array([0, 200.0, 0]), looseness=0.2, **changes
    )


@pytest.mark.parametrize(("sleeve", "num_covered"), [(0.0, 0), (0.5, 5), (1.0, 10)])
def test_sleeves_cover_and_widen_the_upper_arm_to_their_end(sleeve, num_covered):
    outfit = dressed(sleeve=sleeve)
    part = np.full(10, PART_INDEX["left_upper_arm"])
    colours, _ = painting.row_colours(outfit, part, POSITIONS)
    is_top = colours[:, 1] > colours[:, 0]
    np.testing.assert_array_equal(is_top, np.arange(10) < num_covered)
    factors = painting.widening_factors(outfit, part, POSITIONS)
    np.testing.assert_array_equal(factors > 1, is_top)
    assert (factors >= 1).all()


def test_sleeves_and_trousers_continue_on_the_second_bone():
    outfit = dressed(sleeve=1.5, leg=1.5, sock=0.95)
    for name in ("right_forearm", "right_shin"):
        part = np.full(10, PART_INDEX[name])
        widened = painting.widening_factors(outfit, part, POSITIONS) > 1
        np.testing.assert_array_equal(widened, POSITIONS < 0.5)


def test_a_print_is_at_the_front_of_the_chest():
    outfit = dressed(pattern="print", accent=np.array([0, 0, 200.0]), neckline=0.0)
    positions = np.full(2, 1.3)
    part = np.full(2, PART_INDEX["torso"])
    colours, kind = painting.row_colours(dataclasses.replace(outfit, waist=0.1), part, positions)
    front, back = np.array([1.0, -1.0]), np.zeros(2)
    painting.paint_points(outfit, colours, kind, positions, back, front)
    assert colours[0].argmax() == 2
    assert colours[1].argmax() == 1
