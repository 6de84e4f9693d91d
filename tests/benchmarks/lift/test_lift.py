import json

import pytest


@pytest.fixture
def lift():
    from benchmarks.lift import lift

    return lift


@pytest.fixture
def growth_results():
    figures = {
        "seconds": 0.5,
        "matmul_seconds": 0.25,
        "batch": 4,
        "peak_bytes": 2**20,
        "compile_seconds": 1.0,
        "tables_seconds": 0.1,
        "tables_bytes": 2**21,
    }
    return {
        "growth": {
            "batch": {
                "sizes": {"4": figures, "8": {"failed": "exit status -9"}},
                "time_exponent": 1.0,
                "memory_exponent": None,
            },
            "tables": {"seconds": 0.1, "bytes": 2**21, "kept": True, "of": "all"},
            "traces": {"compiled": 1},
            "again": {"forward": 0.1},
        }
    }


def command_line_main(arguments):
    from benchmarks import __main__ as command_line

    return command_line.main(arguments)


@pytest.fixture
def small_device(monkeypatch):
    """Makes the measurement of the device take a second."""
    from benchmarks.lift import devices

    monkeypatch.setattr(devices, "BATCHES", (4,))
    monkeypatch.setattr(devices, "_COPIED", {False: 1000, True: 1000})
    monkeypatch.setattr(devices, "_SIDE", {False: 16, True: 16})


@pytest.fixture
def measured_parts(monkeypatch, growth_results):
    """Replaces the parts, which are tested elsewhere; returns the options of each."""
    asked = {}
    figures = {"seconds": 0.5, "poses_per_second": 8.0, "first_call_seconds": 2.0}

    def speed(batch, rounds, seconds, seed, advance):
        asked["speed"] = (batch, rounds, seconds, seed)
        advance(0.5, "half")
        names = ("matmul_plain", "cmu compiled", "cmu mean compiled")
        return {
            "batch": batch,
            "matmul": "matmul_plain",
            "candidates": {name: figures | {"times_matmul": 0.75} for name in names},
            "backward": {"cmu compiled": 1.25},
            "compared": {"cmu": {"eager calls, over the plain graph": 0.625}},
        }

    def missing(batch, rounds, seconds, seed, advance):
        from benchmarks.lift.missing import ROWS

        asked["missing"] = (batch, rounds, seconds, seed)
        rows = {row.name: figures | {"share_of_all_visible": 0.5} for row in ROWS}
        return {"batch": batch, "rows": {"cmu": {"compiled": rows, "plain": rows}}}

    def attitude(batch, rounds, seconds, seed, advance):
        asked["attitude"] = (batch, rounds, seconds, seed)
        rows = {"all visible, level": 1.0, "all visible, unknown": 3.5}
        rows = {name: figures | {"times_level": times} for name, times in rows.items()}
        return {"batch": batch, "rows": {"compiled": rows}}

    def startup(batch, seed, advance):
        asked["startup"] = (batch, seed)
        return {
            "batch": batch,
            "compile_seconds": {"cmu": {"bool": 7.5}},
            "first_lift_seconds": {"cmu": 1.25},
        }

    def exactness(path, num_poses, num_masked, seed, advance):
        asked["exactness"] = (path, num_poses, num_masked, seed)
        its = {
            "energy_largest": 2e-5,
            "energy_within_1e-4": 1.0,
            "joints_largest_mm": 0.02,
            "joints_within_0.1_mm": 1.0,
            "joints_within_1_mm": 1.0,
            "ties": 7,
            "other_candidate": 0,
        }
        masked = its | {"by_missing": {"14": its}}
        return {
            "poses": "some poses",
            "runs": {
                "all visible": {"num_poses": 3, "ways": {"eager": its}},
                "masked": {"num_poses": 3, "ways": {"eager": masked}},
            },
        }

    def growth(device, advance):
        asked["growth"] = device
        return growth_results["growth"]

    latencies = {"compiled function": 150.0, "one lift more": 100.0}
    monkeypatch.setattr("benchmarks.lift.speed.speed", speed)
    monkeypatch.setattr("benchmarks.lift.speed.latency", lambda **options: latencies)
    monkeypatch.setattr("benchmarks.lift.missing.missing", missing)
    monkeypatch.setattr("benchmarks.lift.attitude.attitude", attitude)
    monkeypatch.setattr("benchmarks.lift.startup.startup", startup)
    monkeypatch.setattr("benchmarks.lift.exactness.evaluate", exactness)
    monkeypatch.setattr("benchmarks.lift.growth.evaluate", growth)
    return asked


def test_all_parts_are_run_printed_and_kept(measured_parts, small_device, tmp_path, capsys):
    path = tmp_path / "lift.json"
    arguments = ["--device", "cpu:0", "--batch", "4", "--rounds", "1", "--seconds", "2"]
    arguments += ["--seed", "3", "--bandwidth", "2", "--poses", "p.npz", "--num-poses", "12"]
    assert command_line_main(["lift", *arguments, "--json", str(path)]) == 0
    assert measured_parts == {
        "speed": (4, 1, 2.0, 3),
        "missing": (4, 1, 2.0, 3),
        "attitude": (4, 1, 2.0, 3),
        "startup": (4, 3),
        "exactness": ("p.npz", 12, 1000, 3),
        "growth": "cpu:0",
    }
    printed = capsys.readouterr().out
    assert printed.startswith("device: CPU:0 (")
    for text in (
        "4 poses, all landmarks visible; ratios are to matmul_plain",
        "forward + backward over forward, cmu compiled: 1.250",
        "cmu, eager calls, over the plain graph: 0.625",
        "4 poses, cmu, plain",
        "4 poses, by what is known of the camera, compiled",
        "compiled, all visible, unknown, x the level camera's time",
        "cmu: compiled for any mix of masks of 4 poses: bool masks 7.50 s",
        "cmu: first lift of a process, tables included: 1.25 s",
        "float32 against brute force in float64: some poses",
        "masked, eager, largest errors by number missing: 14: 2e-05, 0.02 mm",
        "time ~ size^1.00",
        "2.0 GB/s",
        "(bandwidth given, rate measured)",
        "one pose, a call, microseconds",
        "one pose, in a function, microseconds",
        "NOT MET",
        " aims met",
    ):
        assert text in printed
    record = json.loads(path.read_text())
    assert record["benchmark"] == "lift" and "--bandwidth 2" in record["command"]
    results = record["results"]
    parts = ["speed", "latency_us", "missing", "attitude", "startup", "exactness", "growth"]
    assert list(results) == ["device", *parts, "roofline", "targets"]
    roof = results["roofline"]
    assert roof["bandwidth_gb_s"] == 2.0
    assert roof["measured"] == {"bandwidth": False, "rate": True}
    its = roof["batches"]["4"]
    assert its["bytes"] > 4 * 17 * 2 * 4 and its["operations"] > its["product_operations"] > 0
    least = max(its["bytes"] / 2e9, its["operations"] / (1e12 * roof["rate_tflop_s"]))
    assert its["bound_seconds"] == pytest.approx(least)
    assert its["share_of_bound"] == pytest.approx(least / its["seconds"])


def test_without_a_device_there_is_no_roofline(measured_parts, capsys):
    from benchmarks.lift import lift

    results = lift.main(["--parts", "missing"])
    assert list(measured_parts) == ["missing"] and list(results) == ["device", "missing", "targets"]
    results = lift.main([])
    assert "growth" in results and ("roofline" in results) is results["device"]["accelerator"]


def test_all_tables_are_printed_of_their_results(lift, growth_results):
    from benchmarks.lift import report

    text = "\n".join(report.tables("growth", growth_results))
    assert "batch 4" in text and "failed: exit status -9" in text
    assert "time ~ size^1.00, memory ~ size^unknown" in text
    assert "kept after the first call" in text and "compiled 1" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--parts", "speed,taste"],
            "must be among speed, missing, attitude, startup",
        ),
        (["--batch", "0"], "must be a positive integer. Received: 0"),
        (["--bandwidth", "-3"], "must be a positive number. Received: -3"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--device", "TPU:7"], "there is no device 'TPU:7'; there are CPU:0"),
    ],
)
def test_bad_options_are_one_line_and_status_2(capsys, options, message):
    assert command_line_main(["lift", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_names_of_devices_are_read_as_tensorflow_writes_them():
    from benchmarks.lift import devices

    for name in ("CPU:0", "cpu", "/CPU:0", "/device:CPU:0", "/job:localhost/device:CPU:0"):
        assert devices.find(name)["device"] == "CPU:0"
    with pytest.raises(ValueError, match="no device 'GPU:99'; there are CPU:0"):
        devices.find("GPU:99")
