import json
import math

import pytest

from benchmarks.harness import compare, records


def write(path, results, benchmark="lift"):
    return records.write(path, benchmark, results, command="python -m benchmarks lift", seed=3)


def test_records_say_what_made_them(tmp_path):
    path = tmp_path / "new" / "lift.json"
    record = write(path, {"poses_per_s": 12.5})
    assert records.read(path) == record == json.loads(path.read_text())
    assert record["results"] == {"poses_per_s": 12.5}
    assert (record["benchmark"], record["seed"]) == ("lift", 3)
    assert record["command"] == "python -m benchmarks lift"
    assert record["date"].endswith("+00:00")
    machine, versions = record["machine"], record["versions"]
    assert machine["cores"] >= 1 and 0.1 < machine["memory_gib"] < 1e5 and machine["processor"]
    assert {"python", "tensorflow", "numpy", "tf-lift", "commit"} <= set(versions)
    assert list(path.parent.iterdir()) == [path]


def test_numbers_that_json_has_not_are_errors_and_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "lift.json", {"poses_per_s": math.nan})
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    path.write_text("old")

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        records.write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"), [("{", "must be JSON"), ("[1]", "`results`"), ("{}", "`results`")]
)
def test_files_that_are_no_records_are_errors(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"bad.json .*{message}"):
        records.read(path)


def test_ratios_are_of_shared_numbers():
    old = {"a": {"b": 2, "text": "x", "flag": True}, "list": [1.0, 4.0, 5.0], "zero": 0, "gone": 1}
    new = {"a": {"b": 3, "text": "x", "flag": True}, "list": [1.0, 2.0], "zero": 0, "new": 1}
    assert compare.ratios(old, new) == [
        ("a.b", 2.0, 3.0, 1.5),
        ("list.0", 1.0, 1.0, 1.0),
        ("list.1", 4.0, 2.0, 0.5),
        ("zero", 0.0, 0.0, 1.0),
    ]
    assert compare.ratios({"a": 0}, {"a": 2})[0][3] == math.inf


def test_comparison_is_printed(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("old.json", "new.json")]
    write(paths[0], {"fast": 100.0, "same": 7.0})
    write(paths[1], {"fast": 150.0, "same": 7.0})
    changed = json.loads((tmp_path / "old.json").read_text())
    changed["versions"]["numpy"] = "1.0"
    (tmp_path / "old.json").write_text(json.dumps(changed))
    compare.main(paths)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("versions numpy: 1.0 -> ")
    assert lines[2].split() == ["fast", "100", "150", "1.500"]
    assert lines[3].split() == ["same", "7", "7", "1.000"]
    assert lines[4] == "2 of 2 shared numbers shown"
    compare.main([*paths, "--beyond", "0.1"])
    assert "same" not in capsys.readouterr().out


def test_results_that_share_nothing_are_errors(tmp_path):
    paths = [str(tmp_path / name) for name in ("old.json", "new.json")]
    write(paths[0], {"a": 1})
    write(paths[1], {"a": 1}, benchmark="accuracy")
    with pytest.raises(ValueError, match="the same benchmark. Received: 'lift' and 'accuracy'"):
        compare.main(paths)
    write(paths[1], {"b": 1})
    with pytest.raises(ValueError, match="must have numbers in common"):
        compare.main(paths)
