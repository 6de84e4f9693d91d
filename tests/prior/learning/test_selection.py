import math

import numpy as np
import pytest

from tf_lift import PosePrior
from tf_lift.prior import select
from tf_lift.prior.gaussian import alignment
from tf_lift.prior.learning import em as learning
from tf_lift.prior.learning import report, selection

SIZES = {"mixture_sizes": (1, 2), "num_bases": (2, 4), "max_iterations": 2}


@pytest.fixture
def people(rng, tiny_prior):
    """Poses of five people of different size, of two kinds of pose, and the people's names."""
    poses = tiny_prior.sample(300, seed=3, noise=True)
    subjects = np.array(["ann", "bob", "cid", "dan", "eve"])[rng.integers(0, 5, 300)]
    poses *= (1.0 + 0.1 * (subjects == "dan"))[:, None, None]
    return alignment.rotate(poses, rng.uniform(-np.pi, np.pi, 300)), subjects


def row(result, mixture_size, num_bases):
    return next(
        row for row in result.rows if (row.mixture_size, row.num_bases) == (mixture_size, num_bases)
    )


def test_a_row_is_what_fit_does_on_people_held_out(people):
    poses, subjects = people
    groups = np.arange(300) // 10

    result = select(poses, subjects, groups=groups, num_folds=5, seed=2, **SIZES)

    means = []
    for name in np.unique(subjects):
        test = subjects == name
        prior = PosePrior.fit(poses[~test], 2, 4, seed=2, groups=groups[~test], max_iterations=2)
        centred = poses[test] - poses[test, :1]
        means.append(prior.log_likelihood(centred, selection.NUM_ROTATIONS).mean())
    found = row(result, 2, 4)
    assert found.log_likelihood == pytest.approx(np.mean(means), rel=1e-9)
    assert found.log_likelihood_error == pytest.approx(np.std(means, ddof=1) / math.sqrt(5))
    assert (result.num_labels, result.num_folds, result.complete) == (5, 5, True)
    assert len(result.rows) == 4


def test_the_best_is_the_most_likely(people):
    result = select(*people, **SIZES)

    assert result.best.log_likelihood == max(row.log_likelihood for row in result.rows)
    # The poses are of two kinds with four bases each.
    assert (result.best.mixture_size, result.best.num_bases) == (2, 4)
    assert all(math.isnan(row.lifting) for row in result.rows)


def test_the_best_can_be_that_of_the_lowest_error(people):
    def errors(prior, poses):
        return np.full(len(poses), 10.0 * prior.num_bases + prior.mixture_size)

    result = select(*people, select_by="lifting", lifting_errors=errors, **SIZES)

    assert (result.best.mixture_size, result.best.num_bases) == (1, 2)
    assert [row.lifting for row in result.rows] == [21.0, 22.0, 41.0, 42.0]
    assert result.best.lifting_error == 0.0


def test_no_pose_of_who_is_held_out_is_learnt_from(people, monkeypatch):
    poses, subjects = people
    learnt, judged = [], []
    training_data, judge = selection._training_data, selection._judge

    def watch_training(*arguments):
        data = training_data(*arguments)
        learnt.append({pose.tobytes() for pose in data.poses})
        return data

    def watch_judging(prior, test, errors):
        judged.append(len(test))
        return judge(prior, test, errors)

    monkeypatch.setattr(selection, "_training_data", watch_training)
    monkeypatch.setattr(selection, "_judge", watch_judging)
    select(poses, subjects, num_folds=2, **SIZES)

    by_person = {name: {p.tobytes() for p in poses[subjects == name]} for name in set(subjects)}
    assert len(learnt) == 2
    held_out = [[n for n in by_person if not by_person[n] & fold] for fold in learnt]
    assert sorted(sum(held_out, [])) == sorted(by_person)
    # No person is learnt from in part.
    for fold, absent in zip(learnt, held_out, strict=True):
        assert all(by_person[name] <= fold for name in by_person if name not in absent)
    assert len(judged) == 5 * 4


def test_time_that_is_short_leaves_out_parts(people, monkeypatch):
    now = [0.0]

    def clock():
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(selection.time, "monotonic", clock)
    result = select(*people, num_folds=5, max_seconds=3.5, **SIZES)

    # By this clock two folds have taken 2 s, so that three would take 3 s and four 4 s.
    assert (result.num_folds, result.complete) == (3, False)
    assert 3 <= result.num_labels < 5


def test_a_first_part_is_always_done(people):
    result = select(*people, max_seconds=0.0, **SIZES)

    assert (result.num_folds, result.complete) == (1, False)
    assert math.isfinite(result.best.log_likelihood)


def test_same_seed_same_table(people):
    first, second = (select(*people, seed=1, **SIZES) for _ in range(2))

    assert [row.log_likelihood for row in first.rows] == [row.log_likelihood for row in second.rows]


def test_progress_ends_at_all(people):
    fractions = []

    select(*people, on_progress=fractions.append, **SIZES)

    assert len(fractions) == 4 * 4
    assert (np.diff(fractions) > 0.0).all()
    assert fractions[-1] == pytest.approx(1.0)


def test_many_poses_are_learnt_from_in_part(people, monkeypatch):
    poses, subjects = people
    monkeypatch.setattr(selection, "MAX_POSES", 60)
    monkeypatch.setattr(selection, "POSES_PER_LABEL", 7)
    sizes, judged = [], []
    align, judge = learning.align, selection._judge

    def watch(data, settings):
        sizes.append((len(data.poses), data.weights.sum()))
        return align(data, settings)

    monkeypatch.setattr(learning, "align", watch)
    monkeypatch.setattr(
        selection, "_judge", lambda p, test, e: judged.append(len(test)) or judge(p, test, e)
    )
    select(poses, subjects, groups=subjects, **SIZES)

    assert [size for size, _ in sizes] == [60] * 4
    np.testing.assert_allclose([total for _, total in sizes], 1.0)
    assert set(judged) == {7}


def test_a_candidate_that_cannot_be_learnt_is_out(tiny_prior):
    # Of six poses four are learnt from, too few for seven clusters, mirrored or not.
    poses = np.repeat(tiny_prior.sample(6, seed=1), 4, axis=0)
    subjects = np.repeat(np.arange(3), 8)

    result = select(poses, subjects, mixture_sizes=(1, 9), num_bases=(2,))

    assert result.best.mixture_size == 1
    assert math.isnan(row(result, 9, 2).log_likelihood)
    with pytest.raises(ValueError, match=r"`mixture_sizes` must have one.*\[9\]"):
        select(poses, subjects, mixture_sizes=(9,), num_bases=(2,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subjects": np.zeros(300)}, r"`subjects` must name at least 2 people.*\[0.0\]"),
        ({"subjects": np.zeros(299)}, r"`subjects` must have shape \[300\].*\(299,\)"),
        ({"mixture_sizes": ()}, "must not be empty"),
        ({"mixture_sizes": (0,)}, "`mixture_size` must be at least 1.*0"),
        ({"num_bases": (2, 48)}, "`num_bases` must be from 1 to 47.*48"),
        ({"select_by": "colour"}, "`select_by` must be one of.*'colour'"),
        ({"select_by": "lifting"}, "`lifting_errors` must be given"),
        ({"num_folds": 1}, "`num_folds` must be at least 2.*1"),
        ({"poses": np.full([300, 17, 3], np.nan)}, "`poses` must be finite"),
        ({"noise_stddevs": (-1.0,)}, "`noise_stddev` must be positive.*-1"),
    ],
)
def test_bad_arguments_are_named(people, change, message):
    arguments = {"poses": people[0], "subjects": people[1], **SIZES} | change

    with pytest.raises(ValueError, match=message):
        select(**arguments)


def test_parts_have_about_as_many_poses():
    subjects = np.repeat(np.arange(8), [50, 30, 20, 10, 10, 10, 10, 10])

    folds = selection._folds(subjects, 3, np.random.default_rng(0))

    sizes = [np.isin(subjects, fold).sum() for fold in folds]
    assert sorted(sizes) == [50, 50, 50]


def test_the_table_marks_the_best(people):
    result = select(*people, **SIZES)

    table = report.selection_table(result, "clips")

    assert "5 clips, held out in 4 parts" in table.title
    marks = list(table.columns[-1].cells)
    assert marks.count("chosen") == 1
    assert result.rows[marks.index("chosen")] is result.best
    assert [str(column.header) for column in table.columns][3] == "log-likelihood *"
    assert list(table.columns[4].cells) == ["-"] * 4
