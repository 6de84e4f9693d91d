import numpy as np
import pytest


class Clock:
    """A clock that only tests advance."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timing():
    from benchmarks.harness import timing

    return timing


def _candidate(timing, clock, durations, log, name, size=1, calls=1, rounds=None):
    """Returns a candidate whose calls take the `durations` in turn; its inputs take 50 s."""
    durations = iter(durations)

    def make(rng):
        clock.now += 50.0
        return (rng.random(),)

    def call(value):
        log.append((name, value))
        clock.now += next(durations)

    return timing.Candidate(call, make, size, calls, rounds)


def test_rounds_time_calls_alone(timing, clock):
    log = []
    candidates = {
        "slow": _candidate(timing, clock, [30, 9, 2, 4, 6], log, "slow", size=4),
        "fast": _candidate(timing, clock, [8, 7, 1, 1, 1], log, "fast", size=1),
    }
    timings = timing.measure(candidates, rounds=3, clock=clock)
    np.testing.assert_array_equal(timings["slow"].seconds, [2, 4, 6])
    figures = timings["slow"].figures()
    assert figures["seconds"] == 4 and figures["poses_per_second"] == 1.0
    assert figures["first_call_seconds"] == 30 and figures["rounds"] == 3
    assert figures["seconds_quartiles"] == [3, 5]
    # Both take part in every round, on inputs that never come again.
    assert [{name for name, _ in log[start : start + 2]} for start in (4, 6, 8)] == [
        {"slow", "fast"}
    ] * 3
    assert len({value for _, value in log}) == len(log)


def test_order_changes_from_round_to_round(timing, clock):
    log = []
    candidates = {
        name: _candidate(timing, clock, [1] * 50, log, name) for name in ("a", "b", "c", "d")
    }
    timing.measure(candidates, rounds=20, clock=clock)
    orders = {tuple(name for name, _ in log[start : start + 4]) for start in range(8, len(log), 4)}
    assert len(orders) > 5
    assert all(len(set(order)) == 4 for order in orders)


def test_many_calls_of_a_round_count_by_their_median(timing, clock):
    log = []
    candidate = _candidate(timing, clock, [9, 9, 1, 2, 60, 4, 4, 5], log, "a", calls=3)
    timings = timing.measure({"a": candidate}, rounds=2, clock=clock)
    np.testing.assert_array_equal(timings["a"].seconds, [2, 4])


def test_slow_candidates_take_part_in_the_first_rounds_alone(timing, clock):
    log = []
    candidates = {
        "slow": _candidate(timing, clock, [30, 8, 4], log, "slow", rounds=2),
        "fast": _candidate(timing, clock, [8, 7, 1, 2, 3, 4], log, "fast"),
    }
    timings = timing.measure(candidates, rounds=4, clock=clock)
    np.testing.assert_array_equal(timings["slow"].seconds, [8, 4, np.nan, np.nan])
    np.testing.assert_array_equal(timings["fast"].seconds, [1, 2, 3, 4])
    figures = timings["slow"].figures()
    assert figures["rounds"] == 2 and figures["seconds"] == 6
    assert figures["first_call_seconds"] == 30
    # Ratios of the two rounds that both took part in: 1 / 8 and 2 / 4.
    assert timing.ratio(timings["slow"], timings["fast"]) == pytest.approx(0.3125)


@pytest.mark.parametrize(("seconds", "rounds"), [(1.0, 1), (100.0, 3), (220.0, 5), (1e9, 7)])
def test_budget_ends_the_rounds(timing, clock, seconds, rounds):
    # A round takes 51 s, its inputs included.
    candidate = _candidate(timing, clock, [1] * 20, [], "a")
    timings = timing.measure({"a": candidate}, rounds=7, seconds=seconds, clock=clock)
    assert len(timings["a"].seconds) == rounds


def test_progress_goes_from_nothing_to_all(timing, clock):
    told = []
    candidates = {name: _candidate(timing, clock, [1] * 9, [], name) for name in "ab"}
    timing.measure(
        candidates, 3, clock=clock, advance=lambda share, text: told.append((share, text))
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert told[1][1] == "b: compile" and told[-2][1] == "round 3 of 3"


def test_ratio_is_of_throughputs_of_the_same_round(timing):
    # The second round was slow for both: their ratio is 2 poses to 1 in each.
    one = timing.Timing(0.0, np.array([1.0, 8.0, 1.0]), 4)
    other = timing.Timing(0.0, np.array([1.0, 8.0, 1.0]), 2)
    assert timing.ratio(one, other) == 2.0 and timing.ratio(other, one) == 0.5
    uneven = timing.Timing(0.0, np.array([1.0, 4.0, 2.0]), 4)
    assert timing.ratio(uneven, one) == 1.0
    assert timing.fastest({"one": one, "other": other}, "one", "other") == "one"
    assert timing.fastest({"one": one, "other": other}, "other") == "other"
