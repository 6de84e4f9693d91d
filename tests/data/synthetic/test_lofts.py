"""Rows of lofts between control rings."""

import numpy as np

from tf_lift.data.synthetic import bodies, lofts


def test_rows_pass_through_the_control_rings():
    grid = lofts.RowGrid(12.0, frozenset({"skirt"}))
    rings = np.random.default_rng(0).normal(size=[bodies.NUM_RINGS, 10]).astype(np.float32)
    rows, slopes = (values.T for values in grid.rows(rings))
    first_ring = 0
    for index, (name, num_rings) in enumerate(bodies.PARTS.items()):
        of_part = rows[grid.part == index]
        if name == "skirt":
            assert not len(of_part)
        else:
            for ring in rings[first_ring : first_ring + num_rings]:
                assert np.abs(of_part - ring).max(1).min() < 1e-5
        first_ring += num_rings
    # The slopes are the derivative: the differences of neighbouring rows have their sign.
    steps = np.diff(rows[:, 0])
    same = grid.part[1:] == grid.part[:-1]
    assert np.corrcoef(np.sign(steps[same]), np.sign(slopes[:-1, 0][same]))[0, 1] > 0.8
