"""Poses grouped by their masks, and laid out in rows of one group."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift.fast import mask_groups


def all_masks(num_joints):
    return np.float32(list(itertools.product([0, 1], repeat=num_joints)))


@pytest.mark.parametrize("number", [1, 2, 5, 8])
@pytest.mark.parametrize("num_masks", [1, 2, 5])
def test_groups_are_the_distinct_masks(rng, num_masks, number):
    distinct = rng.permutation(all_masks(5))[:num_masks]
    weights = distinct[np.concatenate([np.arange(num_masks), rng.integers(num_masks, size=20)])]
    groups = mask_groups.group(tf.constant(weights), number)
    assert groups.masks.shape == (number, 5) and groups.index.dtype == tf.int32
    assert bool(groups.is_whole) == (number >= num_masks)
    if number >= num_masks:
        np.testing.assert_array_equal(tf.gather(groups.masks, groups.index), weights)
        assert len(set(groups.index.numpy())) == num_masks
        left_over = np.delete(groups.masks, groups.index, axis=0)
        assert left_over.shape == (number - num_masks, 5) and np.all(left_over == 1)
    assert np.all((groups.index.numpy() >= 0) & (groups.index.numpy() < number))


def test_all_masks_of_some_landmarks_are_told_apart(rng):
    weights = tf.constant(rng.permutation(all_masks(7)), tf.float64)
    whole = mask_groups.group(weights, 128)
    assert bool(whole.is_whole) and whole.masks.dtype == tf.float64
    np.testing.assert_array_equal(np.sort(whole.index), np.arange(128))
    assert not bool(mask_groups.group(weights, 127).is_whole)


def test_masks_that_chance_gives_the_same_code_are_no_group(monkeypatch):
    class Zeros:
        def integers(self, high, size, dtype):
            return np.zeros(size, dtype)

    monkeypatch.setattr(mask_groups.np.random, "default_rng", lambda seed: Zeros())
    weights = tf.constant([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    assert not bool(mask_groups.group(weights, 2).is_whole)
    assert bool(mask_groups.group(weights[:1], 2).is_whole)


def check_slots(slots, index, number, size):
    pose, of_pose, group = (part.numpy() for part in (slots.pose, slots.of_pose, slots.group))
    assert pose.shape == (-(-len(index) // size) + number, size) and len(group) == len(pose)
    assert len(set(of_pose)) == len(index)
    np.testing.assert_array_equal(pose.ravel()[of_pose], np.arange(len(index)))
    np.testing.assert_array_equal(group[of_pose // size], index)
    assert np.all((group >= 0) & (group < number))
    free = np.setdiff1d(np.arange(pose.size), of_pose)
    assert np.all(pose.ravel()[free] == 0)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("static", [False, True])
def test_every_pose_has_a_slot_in_a_row_of_its_group(rng, static, jit_compile):
    indices = {
        "one pose": [2],
        "one group": [1] * 9,
        "full rows": [0] * 4 + [3] * 8,
        "one more": [0] * 5 + [3] * 9,
        "first and last empty": [1, 2, 1, 2, 2, 1, 1],
        "any": rng.integers(4, size=50),
    }
    signature = [tf.TensorSpec([None], tf.int32)]
    arrange = tf.function(
        lambda index: mask_groups.arrange(index, 4, 4),
        input_signature=None if static else signature,
        jit_compile=jit_compile,
    )
    for index in indices.values():
        check_slots(arrange(tf.constant(index, tf.int32)), np.array(index), 4, 4)
    eager = mask_groups.arrange(tf.constant(indices["any"], tf.int32), 5, 7)
    check_slots(eager, indices["any"], 5, 7)


def test_groups_of_a_batch_of_unknown_size(rng):
    def group(weights):
        groups = mask_groups.group(weights, 3)
        return tf.gather(groups.masks, groups.index), groups.is_whole

    compiled = tf.function(group, [tf.TensorSpec([None, 5])], jit_compile=True)
    weights = rng.permutation(all_masks(5))[[0, 1, 2, 1, 0]]
    for size in (5, 1):
        masks, is_whole = compiled(tf.constant(weights[:size]))
        np.testing.assert_array_equal(masks, weights[:size])
        assert bool(is_whole)
    assert not bool(compiled(tf.constant(all_masks(5)))[1])
