import subprocess

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def startup():
    from benchmarks.lift import startup

    return startup


def test_every_prior_is_compiled_and_started(startup, monkeypatch):
    monkeypatch.setattr(startup, "compile_seconds", lambda prior, batch, seed: {"bool": batch})
    monkeypatch.setattr(startup, "first_lift_seconds", lambda name: len(name))
    told = []
    results = startup.startup(8, 0, lambda share, text: told.append(share))
    assert results == {
        "batch": 8,
        "compile_seconds": {"cmu": {"bool": 8}, "people": {"bool": 8}},
        "first_lift_seconds": {"cmu": 3, "people": 6},
    }
    assert told == sorted(told) and told[-1] == 1.0


def test_compilation_is_the_first_call_of_a_new_function_less_the_second(startup, monkeypatch):
    import tf_lift

    clock, dtypes = [0.0], []

    def forward(prior, compiled):
        calls = []

        def lift(landmarks, visibility=None):
            if compiled:
                clock[0] += 2.0 if calls else 7.0
                calls.append(visibility)
                dtypes.append(visibility.dtype)
                assert set(np.unique(visibility)) <= {0, 1}

        return lift

    monkeypatch.setattr(startup.programs, "forward", forward)
    monkeypatch.setattr(startup.time, "perf_counter", lambda: clock[0])
    seconds = startup.compile_seconds(tf_lift.PosePrior.load("cmu"), 4, 0)
    assert seconds == {"bool": 5.0, "float": 5.0}
    assert dtypes == [tf.bool] * 2 + [tf.float32] * 2


def test_a_process_prints_the_seconds_of_its_first_lift(startup, monkeypatch):
    monkeypatch.setattr(startup, "_PROCESSES", 1)
    assert 0.01 < startup.first_lift_seconds("cmu") < 60


def test_the_fastest_process_counts_and_a_failure_is_named(startup, monkeypatch):
    answers = iter(["2.5", "1.5"])

    def run(command, **options):
        assert command[1:] == ["-m", "benchmarks.lift.first_lift", "cmu"]
        return subprocess.CompletedProcess(command, 0, f"noise\n{next(answers)}\n", "")

    monkeypatch.setattr(startup.subprocess, "run", run)
    assert startup.first_lift_seconds("cmu") == 1.5
    failed = subprocess.CompletedProcess([], 1, "", "trace\nKeyError: 'cmu'\n")
    monkeypatch.setattr(startup.subprocess, "run", lambda command, **options: failed)
    with pytest.raises(ValueError, match="first lift with the prior 'cmu' failed: KeyError"):
        startup.first_lift_seconds("cmu")
