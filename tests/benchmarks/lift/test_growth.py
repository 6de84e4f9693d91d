import json
import subprocess
import sys

import pytest


@pytest.fixture
def growth():
    from benchmarks.lift import growth

    return growth


def _figures(seconds, peak=100):
    return {
        "seconds": seconds,
        "peak_bytes": peak,
        "tables_seconds": 0.5,
        "tables_bytes": 12,
        "tables_kept": True,
    }


def test_each_size_is_run_once_and_exponents_are_of_the_last_two(growth, monkeypatch):
    monkeypatch.setattr(growth, "count_traces", lambda: {"compiled": 1})
    monkeypatch.setattr(growth, "compile_again", lambda: {"forward": 0.1})
    axes = {
        "batch": {1: {"batch": 1}, 4: {"batch": 4}, 16: {"batch": 16}},
        "pitches": {1: {"batch": 16}, 3: {"batch": 16, "pitches": 3}},
    }
    asked = []

    def run(point):
        asked.append(point)
        # One pose takes nothing but overhead.
        seconds = 0.9 if point["batch"] == 1 else point["batch"] ** 2 / 16
        return _figures(seconds, 10 * point["batch"])

    told = []
    results = growth.evaluate(
        "CPU:0", lambda share, text: told.append((share, text)), axes, {"batch": 16}, run
    )
    assert [point["batch"] for point in asked] == [1, 4, 16, 16]
    assert all(point["device"] == "CPU:0" for point in asked)
    assert results["batch"]["time_exponent"] == pytest.approx(2)
    assert results["batch"]["memory_exponent"] == pytest.approx(1)
    assert results["pitches"]["time_exponent"] == 0
    assert results["tables"] == {
        "seconds": 0.5,
        "bytes": 12,
        "kept": True,
        "of": "{'batch': 16}",
    }
    assert results["traces"] == {"compiled": 1} and results["again"] == {"forward": 0.1}
    assert told[0] == (0, "batch 1") and told[-1][1] == "traces"
    assert [share for share, _ in told] == sorted(share for share, _ in told)


def test_sizes_that_failed_are_told_and_count_nothing(growth):
    sizes = {"1": _figures(1.0), "2": _figures(2.0), "4": {"failed": "exit status -9: killed"}}
    assert growth.exponent(sizes, "seconds") == pytest.approx(1)
    assert growth.exponent({"1": _figures(1.0)}, "seconds") is None
    with pytest.raises(ValueError, match="were not built: exit status -9"):
        growth.evaluate(
            None, lambda *told: None, {"batch": {}}, {"batch": 4}, lambda point: sizes["4"]
        )


def test_a_point_fails_with_the_last_line_of_its_process(growth, monkeypatch):
    def run(command, **options):
        assert command[:3] == [sys.executable, "-m", "benchmarks.lift.growth_point"]
        point = json.loads(command[3])
        assert point["batch"] == 2
        assert f"--xla_dump_to={point['dump']}" in options["env"]["XLA_FLAGS"]
        return subprocess.CompletedProcess(command, -9, "", "some\nlast line\n")

    monkeypatch.setattr(growth.subprocess, "run", run)
    assert growth.run_point({"batch": 2}) == {"failed": "exit status -9: last line"}


def test_a_point_of_its_own_process_tells_figures(growth):
    point = {"prior": [2, 3, 6], "batch": 3, "rotations": 8, "pitches": 2, "rounds": 2}
    found = growth.run_point(point)
    assert found["candidates"] == 2 * 8 * 2 and found["joints"] == 6 and found["batch"] == 3
    assert found["seconds"] > 0 and found["compile_seconds"] > found["seconds"]
    assert found["tables_kept"] and found["tables_bytes"] > 4 * 32 * 6 * 3 * 4
    # At least the landmarks and the poses; at most every candidate's poses a few times.
    assert found["memory"].startswith("XLA's report of the program")
    assert 3 * 6 * 5 * 4 < found["peak_bytes"] < 1e6 < found["process_peak_bytes"]


def test_memory_is_that_of_the_largest_program_or_the_growth_of_the_process(tmp_path):
    from benchmarks.lift import growth_point

    for number, size in enumerate((300, 4000, 20)):
        report = tmp_path / f"{number}.a_lift_.cpu_after_optimizations-memory-usage-report.txt"
        report.write_text(f"Total bytes used: {size} ({size}B)\n\nAllocations sorted by size:\n")
    (tmp_path / "other-memory-usage-report.txt").write_text("nothing that is known\n")
    peak, how = growth_point._peak_bytes(str(tmp_path), 0)
    assert peak == 4000 and how.startswith("XLA's report")
    process = growth_point._process_peak()
    assert process > 2**20
    for folder in (None, str(tmp_path / "nothing")):
        peak, how = growth_point._peak_bytes(folder, process - 1000)
        assert peak >= 1000 and "ru_maxrss" in how


def test_the_lift_is_traced_and_compiled_once_for_an_unknown_batch(growth):
    assert growth.count_traces((1, 3)) == {"compiled": 1, "plain": 1}


def test_calls_that_compile_again_are_told_by_their_time(growth, monkeypatch):
    """Compiling takes 8 s here, a call 1 s; the gradient is compiled each time."""
    now = [0.0]
    compiled = {"forward": set(), "both": set()}

    def make(name):
        def made(prior, is_compiled, unknown_batch):
            assert is_compiled and unknown_batch

            def call(landmarks, *upstreams):
                key = len(landmarks) if name == "forward" else landmarks.numpy().tobytes()
                now[0] += 1.0 if key in compiled[name] else 8.0
                compiled[name].add(key)
                assert len(upstreams) == (0 if name == "forward" else 2)

            return call

        return made

    monkeypatch.setattr(growth.programs, "forward", make("forward"))
    monkeypatch.setattr(growth.programs, "forward_and_backward", make("both"))
    monkeypatch.setattr(growth.time, "perf_counter", lambda: now[0])
    assert growth.compile_again((2, 3)) == {"forward": 0.125, "both passes": 1.0}


def test_sizes_of_the_benchmark_are_arguments_of_a_point(growth):
    import inspect

    from benchmarks.lift import growth_point

    known = inspect.signature(growth_point.run).parameters
    for points in [*growth.AXES.values(), {0: growth.TABLES}]:
        for point in points.values():
            assert set(point) <= set(known)
    assert list(growth.AXES["batch"]) == [1, 16, 256, 4096, 65536]
