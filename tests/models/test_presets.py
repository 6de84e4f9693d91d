import dataclasses

import pytest

from tf_lift.models import presets


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match=r"`preset` must be one of .*'tiny'.*Received: 'huge'"):
        presets.get_preset("huge")


def test_preset_of_ones_own_passes():
    preset = dataclasses.replace(presets.PRESETS["tiny"], image_size=64)
    assert presets.get_preset(preset) is preset


@pytest.mark.parametrize("name", presets.PRESETS)
def test_image_divides_into_cells_and_the_last_stage_is_not_fused(name):
    preset = presets.PRESETS[name]
    assert preset.image_size % preset.stride == 0
    assert preset.fusion_weights[-1] is None
    assert None not in preset.fusion_weights[:-1]


@pytest.mark.parametrize("name", ["original", "vgg"])
def test_full_size_is_the_papers(name):
    preset = presets.PRESETS[name]
    # The paper: 368 px, stride 8, six stages, sigma 7 px; w = 1 for stages 1-3, 0.5 for 4-5.
    assert (preset.image_size, preset.stride, preset.num_stages) == (368, 8, 6)
    assert preset.fusion_weights == (1.0, 1.0, 1.0, 0.5, 0.5, None)
    assert (preset.target_stddev_px, preset.map_stddev) == (7.0, 1.0)
