"""Times candidates in turns: in one process, on inputs that are new in each round."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Candidate", "Timing", "fastest", "measure", "ratio"]

# The median of fewer rounds says little: the budget may be overdrawn to reach this number,
# up to `_MAX_OVERDRAFT` times the budget.
_MIN_ROUNDS = 3
_MAX_OVERDRAFT = 3


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A function to time.

    Attributes:
        call: Takes the tuple of `make_inputs`; returns when its result is there.
        make_inputs: Takes a random generator and returns a tuple; it is not timed.
        size: Units of work in one call, such as poses.
        calls: Calls of a round, one after the other, each on inputs of its own that were made
            before; their median is the round's time.
        rounds: If given, only this many rounds, the first ones, time the candidate; and it
            runs once before them instead of twice. For calls that take long.
    """

    call: Callable[..., Any]
    make_inputs: Callable[[np.random.Generator], tuple]
    size: int = 1
    calls: int = 1
    rounds: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Timing:
    """Times of a candidate.

    Attributes:
        first: Seconds of the very first call, tracing and compilation included.
        seconds: `[rounds]`, of one call; NaN for rounds that left the candidate out.
        size: See `Candidate`.
    """

    first: float
    seconds: np.ndarray
    size: int

    @property
    def median(self) -> float:
        """Median seconds of a call."""
        return float(np.nanmedian(self.seconds))

    def figures(self) -> dict[str, Any]:
        """Returns the figures that a record keeps."""
        quartiles = np.nanpercentile(self.seconds, [25, 75])
        return {
            "seconds": self.median,
            "seconds_quartiles": [float(value) for value in quartiles],
            "poses_per_second": self.size / self.median,
            "first_call_seconds": self.first,
            "rounds": int(np.isfinite(self.seconds).sum()),
        }


def measure(
    candidates: dict[str, Candidate],
    rounds: int,
    seconds: float = np.inf,
    seed: int = 0,
    advance: Callable[[float, str], Any] = lambda share, text: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Times candidates in rounds, in an order drawn anew for each round.

    Args:
        candidates: Candidates by name.
        rounds: Number of rounds.
        seconds: Budget of timed rounds: no round begins after it once there are three, nor
            after three times as much once there is one.
        seed: Seed of the inputs and the orders.
        advance: Called with the share of the work that is done and the name of the rest.
        clock: Seconds since some moment.

    Returns:
        `Timing` of each candidate.
    """
    rng = np.random.default_rng(seed)
    first = {}
    for index, (name, candidate) in enumerate(candidates.items()):
        advance(0.5 * index / len(candidates), f"{name}: compile")
        (first[name],) = _timed(candidate, rng, clock, 1)
        if candidate.rounds is None:
            # The second call may still trace, allocate or fill caches.
            _timed(candidate, rng, clock, 1)
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    started = clock()
    for number in range(rounds):
        overdraft = (clock() - started) / seconds
        if overdraft >= (1 if number >= _MIN_ROUNDS else _MAX_OVERDRAFT) and number:
            break
        advance(0.5 + 0.5 * number / rounds, f"round {number + 1} of {rounds}")
        for name in rng.permutation(list(candidates)):
            candidate = candidates[name]
            if candidate.rounds is not None and number >= candidate.rounds:
                taken[name].append(np.nan)
                continue
            calls = _timed(candidate, rng, clock, candidate.calls)
            taken[name].append(float(np.median(calls)))
    advance(1.0, "")
    return {
        name: Timing(first[name], np.array(taken[name]), candidate.size)
        for name, candidate in candidates.items()
    }


def ratio(timing: Timing, base: Timing) -> float:
    """Returns the throughput of one candidate over that of another, both of the same rounds.

    It is the median of the rounds' ratios, so that a slow round does not count.

    >>> fast, slow = Timing(0, np.array([1.0, 2.0]), 4), Timing(0, np.array([2.0, 4.0]), 2)
    >>> ratio(fast, slow)
    4.0
    """
    shares = (base.seconds / base.size) / (timing.seconds / timing.size)
    return float(np.nanmedian(shares))


def fastest(timings: dict[str, Timing], *names: str) -> str:
    """Returns the one of some candidates with the highest throughput.

    >>> times = {"a": Timing(0, np.array([1.0]), 1), "b": Timing(0, np.array([0.5]), 1)}
    >>> fastest(times, "a", "b")
    'b'
    """
    return max(names, key=lambda name: timings[name].size / timings[name].median)


def _timed(candidate, rng, clock, calls):
    """Returns the seconds of some calls."""
    seconds = []
    for inputs in [candidate.make_inputs(rng) for _ in range(calls)]:
        started = clock()
        candidate.call(*inputs)
        seconds.append(clock() - started)
    return seconds
