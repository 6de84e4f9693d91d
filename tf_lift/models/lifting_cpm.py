"""The network of the paper: convolutional pose machine, lift and fusion, stage by stage."""

import dataclasses

import tensorflow as tf

from tf_lift import layers, losses
from tf_lift import metrics as pose_metrics
from tf_lift.models import towers
from tf_lift.models.presets import Preset, get_preset
from tf_lift.prior.pose_prior import PosePrior

__all__ = ["build_lifting_cpm", "compile_lifting_cpm", "describe"]


def build_lifting_cpm(
    preset: str | Preset = "tiny",
    prior: PosePrior | None = None,
    lift_gradient: bool = True,
    image_size: int | None = None,
    backbone: tf.keras.Model | None = None,
    **lifting,
) -> tf.keras.Model:
    """Builds the lifting network as a functional Keras model.

    Each stage t reads belief maps b_t off the image features and the maps before it; their
    landmarks are lifted to 3D with the prior, projected back to maps, and fused (P7):
    f_t = w_t b_t + (1 - w_t) projected_t. The next stage sees f_t, and the loss is on f_t
    (P8). The maps of the last stage are not fused; their landmarks and their lift are
    the result.

    Inputs are a dict: `image`, `[batch, image_size, image_size, 3]`, RGB as
    (value - 128) / 256, and for the presets `original` and `vgg` also `centre_map`,
    `[batch, image_size, image_size, 1]`, a Gaussian at the person's centre.

    Outputs are a dict: `stage_1` ... `stage_T`, belief maps
    `[batch, image_size / stride, image_size / stride, num_joints + 1]`; `landmarks`,
    `[batch, num_joints, 2]`, (x, y) in pixels of the input; `joints_3d`,
    `[batch, num_joints, 3]`, mm, camera frame, origin at joint 0; `scores`,
    `[batch, num_joints]`, the maps' peak values.

    Args:
        preset: One of `tf_lift.models.presets.PRESETS`, or your own `Preset`.
        prior: Pose prior; `None` for `PosePrior.load("cmu")`, which ships with the package.
        lift_gradient: Whether gradients flow through the lift and the landmarks into the
            maps. `False` uses the lift forward only, as the authors trained.
        image_size: Side of the input image, in pixels; the preset's where `None`.
        backbone: Keras model that takes the tower's place: image to features of stride 8
            or less. Its input is (value - 128) / 256.
        **lifting: Further arguments of `tf_lift.layers.PPCALifting`: fields of
            `tf_lift.LiftOptions`, in place of the preset's, or `options` in place of all.

    Returns:
        A functional model, not compiled. `compile_lifting_cpm` compiles it for training.

    Raises:
        ValueError: If there is no such preset, the image does not divide into cells, or
            the backbone does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, section 3, P7 and P8.

    >>> model = build_lifting_cpm("tiny")
    >>> outputs = model({"image": np.zeros([1, 128, 128, 3], "float32")})
    >>> sorted(outputs)
    ['joints_3d', 'landmarks', 'scores', 'stage_1', 'stage_2']
    >>> tuple(outputs["joints_3d"].shape)
    (1, 17, 3)
    """
    size = get_preset(preset)
    name = preset if isinstance(preset, str) else "custom"
    image_size = size.image_size if image_size is None else image_size
    if backbone is None:
        stride = size.stride
        if not isinstance(image_size, int) or image_size < stride or image_size % stride:
            raise ValueError(
                f"`image_size` must be a positive multiple of {stride}. Received: {image_size!r}"
            )
    else:
        stride = towers.check_backbone(backbone, image_size)
    # The network's landmarks are too noisy to gain from the larger prior, whose tables are ten
    # times as large.
    prior = PosePrior.load("cmu") if prior is None else prior
    num_maps = prior.num_joints + 1
    map_size = image_size // stride

    # === Layers ===
    # One of each for all stages: they have no weights.
    decoder = layers.BeliefMapsToLandmarks(
        stride=stride, decoder=size.decoder, dtype="float32", name="decoder"
    )
    fields = {"estimator": size.estimator, "pitches": size.pitches}
    lift = layers.PPCALifting(
        prior.with_noise(size.noise_mm),
        lift_gradient=lift_gradient,
        dtype="float32",
        name="lift",
        **(lifting if "options" in lifting else fields | lifting),
    )
    projection = layers.LandmarksToBeliefMaps(
        map_size,
        map_size,
        stride=stride,
        stddev=size.map_stddev,
        dtype="float32",
        name="projection",
    )
    pool_centre = tf.keras.layers.AveragePooling2D(
        stride + 1, stride, padding="same", name="centre_pool"
    )

    peak_values = tf.keras.layers.GlobalMaxPooling2D(dtype="float32", name="peak_values")

    # === Functional Model ===
    image = tf.keras.Input([image_size, image_size, 3], name="image")
    inputs = {"image": image}
    centre = []
    if size.centre_map:
        inputs["centre_map"] = tf.keras.Input([image_size, image_size, 1], name="centre_map")
        centre = [pool_centre(inputs["centre_map"])]
    if backbone is None:
        features = towers.apply_blocks(image, size.tower, "tower", size.batch_norm)
    else:
        features = backbone(image)

    first = features
    if size.first_tower and backbone is None:
        first = towers.apply_blocks(image, size.first_tower, "first_tower", size.batch_norm)
    outputs = {}
    maps = None
    for stage, weight in enumerate(size.fusion_weights, start=1):
        key = f"stage_{stage}"
        if maps is None:
            hidden, head = first, size.first_head
        else:
            branch = towers.apply_blocks(features, size.branch, f"{key}_branch", size.batch_norm)
            hidden, head = [maps, branch, *centre], size.later_head
            hidden = tf.keras.layers.Concatenate(name=f"{key}_concat")(hidden)
        hidden = towers.apply_blocks(hidden, head, key, size.batch_norm)
        maps = towers.maps_head(hidden, num_maps, f"{key}_maps")
        if weight is not None:
            lifted = lift(decoder(maps))
            projected = projection(lifted["landmarks"])
            fusion = layers.BeliefMapFusion(weight, dtype="float32", name=f"{key}_fusion")
            maps = fusion([maps, projected])
        outputs[key] = maps

    landmarks = decoder(maps)
    outputs["landmarks"] = landmarks
    outputs["joints_3d"] = lift(landmarks)["joints_3d"]
    # The background, the last channel, has no score.
    outputs["scores"] = peak_values(maps)[:, :-1]
    return tf.keras.Model(inputs, outputs, name=f"lifting_cpm_{name}")


def compile_lifting_cpm(
    model: tf.keras.Model, optimizer="adam", loss_weights=None, metrics=True, **kwargs
) -> None:
    """Compiles a lifting network with the loss P8, one term per stage.

    Args:
        model: What `build_lifting_cpm` returns.
        optimizer: Keras optimizer or its name.
        loss_weights: Weight of each stage, in order; 1 each where `None`, as in the paper.
        metrics: Whether to report the errors of `landmarks` (px) and `joints_3d` (mm) too.
            The targets must then hold every output, `scores` as well (anything of its
            shape: it is not looked at); without, just the stages.
        **kwargs: Further arguments of `tf.keras.Model.compile`.

    Raises:
        ValueError: If there is not one weight per stage.
    """
    stages = describe(model).stages
    if loss_weights is None:
        loss_weights = [1.0] * len(stages)
    if len(loss_weights) != len(stages):
        raise ValueError(
            f"`loss_weights` must hold {len(stages)} weights, one per stage. "
            f"Received: {loss_weights!r}"
        )
    by_output = None
    if metrics:
        by_output = {
            "landmarks": [pose_metrics.LandmarkError(name="error_px")],
            "joints_3d": [pose_metrics.MPJPE(name="mpjpe_mm")],
        }
    model.compile(
        optimizer=optimizer,
        loss={key: losses.BeliefMapLoss() for key in stages},
        loss_weights=dict(zip(stages, map(float, loss_weights), strict=True)),
        metrics=by_output,
        **kwargs,
    )


@dataclasses.dataclass(frozen=True)
class Description:
    """What a lifting network looks like from outside.

    Attributes:
        stages: Names of the outputs that are belief maps, in order.
        image_size: Side of the input image, in pixels.
        stride: Input pixels per cell of the maps.
        num_joints: Number of joints.
        centre_map: Whether the network has that input.
    """

    stages: tuple[str, ...]
    image_size: int
    stride: int
    num_joints: int
    centre_map: bool


def describe(model: tf.keras.Model) -> Description:
    """Finds a lifting network's stages and sizes, for a model that may come from a file.

    Args:
        model: What `build_lifting_cpm` returned, also after saving and loading.

    Raises:
        ValueError: If the model has no stages and joints: it is another kind of model.
    """
    outputs = getattr(model, "output", None)
    inputs = getattr(model, "input", None)
    if not isinstance(outputs, dict) or not {"stage_1", "landmarks", "joints_3d"} <= set(outputs):
        raise ValueError(
            "`model` must be a lifting network, with outputs stage_1, ..., landmarks, joints_3d. "
            f"Received: {model!r}"
        )
    stages = sorted((key for key in outputs if key.startswith("stage_")), key=_stage_number)
    inputs = inputs if isinstance(inputs, dict) else {"image": inputs}
    image_size = inputs["image"].shape[1]
    return Description(
        stages=tuple(stages),
        image_size=image_size,
        stride=image_size // outputs["stage_1"].shape[1],
        num_joints=outputs["landmarks"].shape[1],
        centre_map="centre_map" in inputs,
    )


def _stage_number(key):
    return int(key.removeprefix("stage_"))
