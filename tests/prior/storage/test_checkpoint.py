import numpy as np
import pytest

from tf_lift import PosePrior
from tf_lift.prior.learning import em as learning
from tf_lift.prior.storage import checkpoint, files

ARRAYS = ("mean_pose", "basis", "stddev", "noise_stddev", "mixture_weights")
ARGUMENTS = {"mixture_size": 3, "num_bases": 4, "max_iterations": 6, "tolerance": 0.0}


@pytest.fixture
def poses(tiny_prior):
    return tiny_prior.sample(120, seed=2, noise=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "prior.npz.partial"


class Stop(Exception):
    """Stands for the crash of a machine."""


def interrupt_after(num_states, monkeypatch, error):
    """Makes learning raise after a number of passes."""
    steps = learning.steps

    def interrupted(*arguments):
        for count, state in enumerate(steps(*arguments), 1):
            yield state
            if count == num_states:
                raise error

    monkeypatch.setattr(checkpoint, "steps", interrupted)


def assert_same(first, second):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


# Eight passes align four ranks; six of EM follow. So these are within a rank, between ranks, at
# the end of the alignment, at the beginning and in the middle of EM, and after its end.
@pytest.mark.parametrize("num_states", [1, 2, 8, 9, 12, 14])
@pytest.mark.parametrize("noise_stddev", [16.0, None])
def test_going_on_gives_every_bit_of_the_prior(poses, path, monkeypatch, num_states, noise_stddev):
    arguments = ARGUMENTS | {"noise_stddev": noise_stddev, "groups": np.arange(120) // 7}
    whole = PosePrior.fit(poses, **arguments)
    with monkeypatch.context() as context:
        interrupt_after(num_states, context, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            PosePrior.fit(poses, checkpoint=path, **arguments)

    passes = []
    monkeypatch.setattr(
        learning, "_turn", lambda *a, turn=learning._turn: passes.append(1) or turn(*a)
    )
    resumed = PosePrior.fit(poses, checkpoint=path, **arguments)

    assert_same(resumed, whole)
    assert len(passes) == max(0, 8 - num_states)


@pytest.mark.parametrize("num_states", [3, 8, 9])
def test_growth_on_few_poses_goes_on_too(poses, path, monkeypatch, num_states):
    monkeypatch.setattr(learning, "MAX_GROWTH_POSES", 50)
    arguments = ARGUMENTS | {"max_iterations": 2}
    whole = PosePrior.fit(poses, **arguments)
    with monkeypatch.context() as context:
        interrupt_after(num_states, context, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            PosePrior.fit(poses, checkpoint=path, **arguments)

    assert_same(PosePrior.fit(poses, checkpoint=path, **arguments), whole)


def test_a_machine_that_stops_costs_what_is_since_the_last_save(poses, path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN_SAVES", 0.0)
    whole = PosePrior.fit(poses, **ARGUMENTS)
    with monkeypatch.context() as context:
        interrupt_after(10, context, Stop)
        with pytest.raises(Stop):
            PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)

    with np.load(path) as content:
        assert (content["stage"], content["step"]) == ("mixture", 2)
    assert_same(PosePrior.fit(poses, checkpoint=path, **ARGUMENTS), whole)


def test_short_learning_writes_no_state_on_the_way(poses, path, monkeypatch):
    interrupt_after(10, monkeypatch, Stop)

    with pytest.raises(Stop):
        PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)

    assert not path.exists()


def test_more_iterations_go_on_from_the_end(poses, path):
    whole = PosePrior.fit(poses, **ARGUMENTS)

    PosePrior.fit(poses, checkpoint=path, **ARGUMENTS | {"max_iterations": 4})
    assert_same(PosePrior.fit(poses, checkpoint=path, **ARGUMENTS), whole)

    with pytest.raises(ValueError, match="`max_iterations` must be at least the 6.*2"):
        PosePrior.fit(poses, checkpoint=path, **ARGUMENTS | {"max_iterations": 2})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixture_size": 2}, "mixture_size=3, not 2"),
        ({"num_bases": 5}, "num_bases=4, not 5"),
        ({"seed": 7}, "seed=0, not 7"),
        ({"noise_stddev": None}, "noise_stddev=16.0, not None"),
        ({"mirror": False}, "mirror=True, not False"),
        ({"alignment": "facing"}, "alignment='likelihood', not 'facing'"),
        ({"groups": np.arange(120) // 50}, "other poses or weights of poses"),
    ],
)
def test_another_state_is_refused_and_kept(poses, path, change, message):
    PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)
    before = path.read_bytes()

    with pytest.raises(ValueError, match=f"`checkpoint` must be of the same.*{message}.*delete"):
        PosePrior.fit(poses, checkpoint=path, **ARGUMENTS | change)

    assert path.read_bytes() == before


def test_a_state_of_other_poses_is_refused(poses, path):
    PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)
    moved = poses.copy()
    moved[100, 5, 1] += 1e-6

    with pytest.raises(ValueError, match="with other poses or weights of poses"):
        PosePrior.fit(moved, checkpoint=path, **ARGUMENTS)


def test_files_that_are_no_state(poses, path, tmp_path, tiny_prior):
    path.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(ValueError, match="must be a readable npz file"):
        PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)

    tiny_prior.save(tmp_path / "prior.npz")
    with pytest.raises(ValueError, match="must be the state of learning a prior.*mean_pose"):
        PosePrior.fit(poses, checkpoint=tmp_path / "prior.npz", **ARGUMENTS)

    PosePrior.fit(poses, checkpoint=tmp_path / "old", **ARGUMENTS)
    with np.load(tmp_path / "old") as content:
        files.write_npz(tmp_path / "old", {**content, "format": 0})
    with pytest.raises(ValueError, match="must be of format 1.*0"):
        PosePrior.fit(poses, checkpoint=tmp_path / "old", **ARGUMENTS)

    with pytest.raises(ValueError, match="`checkpoint` must lie in a folder that exists"):
        PosePrior.fit(poses, checkpoint=tmp_path / "nowhere" / "state", **ARGUMENTS)


def test_a_failed_save_leaves_the_last_state(poses, path, monkeypatch):
    PosePrior.fit(poses, checkpoint=path, **ARGUMENTS | {"max_iterations": 2})
    before = path.read_bytes()

    def fail(stream, **fields):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)

    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_settings_can_be_read(poses, path):
    PosePrior.fit(poses, checkpoint=path, **ARGUMENTS)

    settings = checkpoint.read_settings(path)

    assert (settings["mixture_size"], settings["num_bases"]) == (3, 4)
    assert (settings["noise_stddev"], settings["skeleton"]) == (16.0, "h36m17")
