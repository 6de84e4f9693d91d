import json

import numpy as np
import pytest

from benchmarks.harness import records
from benchmarks.training import torch_step, training_networks, training_step
from tf_lift.models.presets import Conv, Pool, Preset

NANO = Preset(
    image_size=32,
    tower=(Conv(4, 3, 2), Pool(), Conv(8)),
    first_head=(Conv(8, 1),),
    later_head=(Conv(8, 3),),
    fusion_weights=(0.5, None),
    pitches=(0.0,),
)


@pytest.fixture(scope="module")
def result(tiny_prior):
    """Measures three of the networks; `test_training_networks` tests the others."""
    some = {
        name: training_networks.VARIANTS[name] for name in ("whole", "forward_only_jit", "without")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_networks, "VARIANTS", some)
        return training_step.evaluate(NANO, tiny_prior, batch_size=2, rounds=3, operation_rounds=2)


def test_contestants_take_turns_on_the_same_batches(rng):
    log, batches = [], iter(range(100))

    def contestant(name, seconds):
        def step(batch):
            log.append((batch, name))
            return seconds, float(batch)

        return step

    names = ["a", "b", "c"]
    contestants = {name: contestant(name, index + 1.0) for index, name in enumerate(names)}
    shares = []
    seconds, losses = training_step.take_turns(
        contestants, lambda: next(batches), 6, rng, shares.append
    )
    # Two rounds come before the timed ones.
    assert seconds == {"a": [1.0] * 6, "b": [2.0] * 6, "c": [3.0] * 6}
    assert losses == {name: list(map(float, range(8))) for name in names}
    orders = [tuple(name for batch, name in log if batch == number) for number in range(8)]
    assert all(sorted(order) == names for order in orders) and len(set(orders)) > 1
    assert shares == sorted(shares) and shares[0] == 0 and 0.9 < shares[-1] < 1


def test_result_holds_every_network_and_operation(result):
    names = {"whole", "forward_only_jit", "without"}
    assert set(result["seconds"]) == set(result["median_s"]) == names
    for name, values in result["seconds"].items():
        assert len(values) == 3 and result["median_s"][name] == np.median(values)
    for name, ratio in result["over_without"].items():
        pairs = np.divide(result["seconds"][name], result["seconds"]["without"])
        assert ratio == np.median(pairs)
    assert set(result["over_without"]) == names - {"without"}
    assert result["torch"] is None
    assert (result["batch_size"], result["image_size"], result["rounds"]) == (2, 32, 3)
    assert json.loads(records.to_json(result)) == result


def test_networks_with_the_lift_begin_alike(result):
    first = result["first_losses"]
    lifted = [first[name] for name in first if name != "without"]
    np.testing.assert_allclose(lifted, lifted[0], rtol=1e-4)
    assert first["without"] != pytest.approx(lifted[0], rel=1e-4)


def test_shares_are_of_all_uses(result):
    operations = {"maps_to_landmarks", "lift", "landmarks_to_maps", "fusion"}
    assert set(result["operations"]) == operations
    assert set(result["largest_tensors"]) == operations - {"lift"}
    for its in result["operations"].values():
        forward, backward = its["uses_forward"], its["uses_backward"]
        for kind in ("plain", "xla"):
            seconds = its[kind]
            assert seconds["forward_s"] > 0 and seconds["both_s"] > 0
            expected = (forward - backward) * seconds["forward_s"] + backward * seconds["both_s"]
            share = expected / result["median_s"]["whole"]
            assert seconds["share_of_step"] == pytest.approx(share)


def test_another_network_in_pytorch_is_an_error(tiny_prior):
    model = training_networks.build(NANO, "without", tiny_prior)
    losses = {"without": [10.0, 9.0, 8.0], "torch": [10.001, 9.0, 1.0]}
    # Rounding separates the networks after the first two losses.
    assert training_step._twin_difference(model, losses) == pytest.approx(1e-4)
    losses["torch"][1] = 9.1
    with pytest.raises(ValueError, match="PyTorch's network differs"):
        training_step._twin_difference(model, losses)


@pytest.fixture
def canned(monkeypatch, result):
    """Replaces the measurement; returns the arguments of its calls."""
    calls = []

    def evaluate(preset, prior, *, tick, **arguments):
        tick("steps", 0.5)
        calls.append((preset, arguments))
        return result

    monkeypatch.setattr(training_step, "evaluate", evaluate)
    return calls


def test_command_writes_a_record_and_skips_absent_pytorch(canned, tmp_path, capsys):
    path = tmp_path / "step.json"
    absent = str(tmp_path / "python")
    training_step.main(["--json", str(path), "--torch-python", absent, "--seed", "3"])
    output = capsys.readouterr().out
    assert f"PyTorch is not installed in {absent}: its step is skipped\n" in output
    assert "vgg: 32 px, batch 2, 3 rounds" in output and "| forward_only_jit |" in output
    (vgg, its), (tiny, other) = canned
    assert (vgg, its["batch_size"], its["rounds"]) == ("vgg", 2, 5)
    assert (tiny, other["batch_size"], other["rounds"]) == ("tiny", 16, 30)
    assert its["torch_python"] is None and its["seed"] == 3
    record = records.read(path)
    assert (record["benchmark"], record["seed"]) == ("training_step", 3)
    assert set(record["results"]["presets"]) == {"vgg", "tiny"}
    assert record["results"]["presets"]["tiny"]["torch"] is None


def test_options_reach_the_measurement(canned, monkeypatch):
    monkeypatch.setattr(torch_step, "is_installed", lambda python: True)
    training_step.main(["--presets", "small", "--rounds", "2", "--batch", "4"])
    ((preset, arguments),) = canned
    assert (preset, arguments["batch_size"], arguments["rounds"]) == ("small", 4, 2)
    assert arguments["torch_python"] is not None


def test_table_tells_of_pytorch(result):
    result = result | {"torch": {"tensorflow_over_torch": 0.875}}
    table = training_step._table("vgg", result)
    assert "over PyTorch's: 0.875" in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "`--rounds` must be at least 1. Received: 0"),
        (["--batch", "-1"], "`--batch` must be at least 1. Received: -1"),
        (["--presets", "tiny,huge"], "`preset` must be one of .* Received: 'huge'"),
        (["--threads", "64"], "`--threads` must be set before TensorFlow starts"),
    ],
)
def test_bad_options_are_errors(arguments, message, canned):
    # The fixture has started TensorFlow.
    with pytest.raises(ValueError, match=message):
        training_step.main(arguments)
