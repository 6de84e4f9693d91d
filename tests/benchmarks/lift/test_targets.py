import pytest


@pytest.fixture
def targets():
    from benchmarks.lift.targets import targets

    return targets


def _speed(forward=0.85, mean=0.2, backward=1.2, wrapped=0.95, eager=0.6, us=150.0, more=100.0):
    return {
        "speed": {
            "candidates": {
                "cmu compiled": {"times_matmul": forward},
                "cmu mean compiled": {"times_matmul": mean},
            },
            "backward": {"cmu compiled": backward},
            "compared": {
                "cmu": {
                    "a compiled function around lift, over jit_compile=True": wrapped,
                    "eager calls, over the plain graph": eager,
                }
            },
        },
        "latency_us": {"compiled function": us, "one lift more": more},
    }


def test_aims_of_speed(targets):
    assert [row["met"] for row in targets(_speed())] == [True] * 7
    failed = targets(_speed(0.79, 0.14, 1.31, 0.89, 0.49, 201.0, 201.0))
    assert [row["met"] for row in failed] == [False] * 7
    assert [row["target"] for row in failed] == [0.8, 0.15, 1.3, 0.9, 0.5, 200.0, 200.0]
    assert targets({}) == []


def _missing(compiled, plain):
    """Results in which every row has the same share of all visible."""
    from benchmarks.lift.missing import ROWS

    def rows(share):
        return {row.name: {"share_of_all_visible": share} for row in ROWS}

    kinds = {"compiled": rows(compiled), "plain": rows(plain)}
    return {"missing": {"rows": {"cmu": kinds, "people": kinds}}}


def test_aims_of_missing_landmarks(targets):
    from benchmarks.lift.missing import ROWS

    rows = {row["what"]: row for row in targets(_missing(0.5, 0.1))}
    for prior in ("cmu", "people"):
        floors = {
            row.name: rows[f"{prior}, compiled, {row.name}, x all visible"]["target"]
            for row in ROWS
            if f"{prior}, compiled, {row.name}, x all visible" in rows
        }
        eight = {"8 masks": 0.5} if prior == "cmu" else {}
        assert floors == eight | {
            "0 to 6 missing": 0.15,
            "0 to 6 missing, float masks": 0.15,
            "each missing with probability 0.15": 0.12,
            "upper bodies, 8 to 12 missing": 0.08,
            "0 to 14 missing": 0.06,
            "0 to 14 missing, float masks": 0.06,
            "nine missing in one pose": 0.7,
            "one pose is NaN": 0.9,
            "no landmark in one pose": 0.9,
            "real-valued weights": 0.015,
            "landmark_stddev of each joint": 0.015,
        }
    plain = [row for what, row in rows.items() if "plain graph" in what]
    assert len(plain) == 2 * (len(ROWS) - 1) and all(row["met"] for row in plain)
    unmet = {what for what, row in rows.items() if not row["met"]}
    assert {what.split(", ", 1)[1] for what in unmet} == {
        f"compiled, {name}, x all visible"
        for name in ("nine missing in one pose", "one pose is NaN", "no landmark in one pose")
    }
    slow = targets(_missing(1.0, 0.099))
    assert {row["met"] for row in slow if "plain graph" in row["what"]} == {False}


def test_aims_of_startup_exactness_and_growth(targets):
    figures = {"energy_largest": 2e-5, "joints_within_0.1_mm": 0.9, "joints_largest_mm": 0.5}
    results = {
        "startup": {
            "compile_seconds": {"cmu": {"bool": 8.0, "float": 8.1}},
            "first_lift_seconds": {"cmu": 1.5, "people": 1.6},
        },
        "exactness": {
            "runs": {
                "all visible": {"ways": {"eager": figures}},
                "masked": {"ways": {"eager": figures | {"joints_largest_mm": float("nan")}}},
            }
        },
        "growth": {
            "traces": {"compiled": 1},
            "tables": {"seconds": 3.0},
            "again": {"forward": 0.1, "both passes": 0.9},
        },
    }
    met = [row["met"] for row in targets(results)]
    assert met == [True, False, True, False] + [True, False, True] + [True, False] + [
        True, True, False, False,
    ]  # fmt: skip
    assert [row["at_most"] for row in targets(results)].count(False) == 1


def test_aims_of_an_unknown_attitude(targets):
    rows = {
        "all visible, level": {"times_level": 1.0},
        "all visible, unknown": {"times_level": 2.9},
    }
    (row,) = targets({"attitude": {"rows": {"plain": rows}}})
    assert row["met"] and row["target"] == 3.0 and row["value"] == 2.9
    rows["all visible, unknown"]["times_level"] = 3.1
    assert not targets({"attitude": {"rows": {"plain": rows}}})[0]["met"]
