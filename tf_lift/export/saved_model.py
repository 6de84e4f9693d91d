"""SavedModels of networks and lifts, for TensorFlow Serving and `tf.saved_model.load`."""

import json
import pathlib

import tensorflow as tf

from tf_lift import skeletons
from tf_lift.data.pipeline import examples, targets
from tf_lift.export import image_bytes as files
from tf_lift.io import atomic
from tf_lift.layers import PPCALifting
from tf_lift.models.lifting_cpm import describe
from tf_lift.ops.lift import outputs

__all__ = ["LiftService", "LiftingService", "check_servable", "export_saved_model"]


class LiftService(tf.Module):
    """A lift with the signatures of an export.

    Args:
        layer: `tf_lift.layers.PPCALifting`.
        skeleton: Name of the joints' convention; `None` for that of the layer's prior.

    Raises:
        ValueError: If the prior has another number of joints.
    """

    def __init__(self, layer: PPCALifting, skeleton: str | None = None):
        super().__init__(name="lift_service")
        joints = skeletons.get(layer.prior.skeleton if skeleton is None else skeleton)
        if joints.num_joints != layer.prior.num_joints:
            raise ValueError(
                f"`skeleton` must have {layer.prior.num_joints} joints. Received: {skeleton!r}"
            )
        self._call_lift = layer
        self.joint_names = tf.constant(joints.joint_names)
        self.parents = tf.constant(joints.parents)
        landmarks = tf.TensorSpec([None, joints.num_joints, 2], tf.float32, name="landmarks")
        visibility = tf.TensorSpec([None, joints.num_joints], tf.float32, name="visibility")
        self.lift = self._trace(self._lift, landmarks)
        self.lift_visible = self._trace(self._lift, landmarks, visibility)
        self.skeleton = self._trace(self._skeleton)
        self.description: dict = {
            "skeleton": joints.name,
            "joint_names": joints.joint_names,
            "parents": joints.parents,
            "units": {"landmarks": "px", "joints_3d": "mm"},
        }

    @property
    def signatures(self) -> dict:
        """The concrete functions by the names that they are served under."""
        return {
            "serving_default": self.lift,
            "lift": self.lift,
            "lift_visible": self.lift_visible,
            "skeleton": self.skeleton,
        }

    def _trace(self, function, *specs):
        """Traces a function with the lift as a plain graph, whatever it is in training.

        The result is a concrete function, because saving a `tf.function` would trace it again,
        with the lift as it is in training.
        """
        layer = self._call_lift
        compiled, layer.jit_compile = layer.jit_compile, False
        try:
            return tf.function(function, input_signature=specs).get_concrete_function()
        finally:
            layer.jit_compile = compiled

    def _lift(self, landmarks, visibility=None):
        arguments = {} if visibility is None else {"visibility": visibility}
        return outputs.flatten(self._call_lift(landmarks, **arguments))

    def _skeleton(self):
        return {"joint_names": self.joint_names, "parents": self.parents}


class LiftingService(LiftService):
    """A lifting network with the signatures of an export.

    Outputs of the two image signatures: `landmarks` `[B, L, 2]` (px of the given image),
    `joints_3d` `[B, L, 3]` (mm, camera frame: x right, y down, z away; origin at joint 0),
    `scores` `[B, L]` and `belief_maps` `[B, h, w, L + 1]` of the last stage.

    Args:
        model: Result of `tf_lift.build_lifting_cpm`, or such a model loaded from a file.
        skeleton: Name of the joints' convention; `None` for that of the model's prior.

    Raises:
        ValueError: If the model is not a lifting network or has other joints.
    """

    def __init__(self, model: tf.keras.Model, skeleton: str | None = None):
        self._network = describe(model)
        super().__init__(model.get_layer("lift"), skeleton)
        self.description["image_size"] = self._network.image_size
        # The variables alone: the Keras object would add its training functions, and on
        # the older stacks a second description of the network.
        self.network_variables = [_tf_variable(variable) for variable in model.variables]
        self._call_model = lambda features: model(features, training=False)

        size = self._network.image_size
        image = tf.TensorSpec([None, size, size, 3], tf.float32, name="image")
        image_bytes = tf.TensorSpec([None], tf.string, name="image_bytes")
        self.predict = self._trace(self._predict, image)
        self.predict_bytes = self._trace(self._predict_bytes, image_bytes)

    @property
    def signatures(self) -> dict:
        """The concrete functions by the names that they are served under."""
        images = {"serving_default": self.predict, "serving_bytes": self.predict_bytes}
        return super().signatures | images

    def _predict(self, image):
        features = {"image": examples.normalise(image)}
        if self._network.centre_map:
            size = self._network.image_size
            middle = tf.fill([tf.shape(image)[0], 2], (size - 1) / 2)
            features["centre_map"] = targets.centre_maps(middle, size)
        found = self._call_model(features)
        result = {key: found[key] for key in ("landmarks", "joints_3d", "scores")}
        return {**result, "belief_maps": found[self._network.stages[-1]]}

    def _predict_bytes(self, image_bytes):
        size = self._network.image_size
        image, scale, offset = tf.map_fn(
            lambda content: _decode_and_fit(content, size),
            image_bytes,
            fn_output_signature=(
                tf.TensorSpec([size, size, 3], tf.float32),
                tf.TensorSpec([2], tf.float32),
                tf.TensorSpec([2], tf.float32),
            ),
        )
        result = self.predict(image=image)
        # Pixel centres are at whole numbers, so edges are at -0.5.
        landmarks = result["landmarks"] + 0.5 - offset[:, None]
        return {**result, "landmarks": landmarks / scale[:, None] - 0.5}


def export_saved_model(
    model: tf.keras.Model | PPCALifting,
    folder="saved_models",
    name: str = "lifting_cpm",
    skeleton: str | None = None,
) -> pathlib.Path:
    """Writes a network, or a lift alone, as the next version of a SavedModel.

    The export is written to a temporary folder and then renamed, so that a server which
    polls `<folder>/<name>` never sees an incomplete one. Signatures:

    - `lift`: `landmarks` `[B, L, 2]`, px, to `joints_3d` and all other results of
      `tf_lift.lift`; hypotheses as `hypotheses_joints_3d` and `hypotheses_probability`;
    - `lift_visible`: the same with `visibility` `[B, L]`, 0 for a joint that is missing;
    - `skeleton`: `joint_names` `[L]` and `parents` `[L]`;
    - `serving_default`: of a lift alone, the same as `lift`; of a network, `image`
      `[B, size, size, 3]` float32, RGB, 0 to 255;
    - `serving_bytes`, of a network: `image_bytes` `[B]`, JPEG or PNG files of any size, each
      turned upright and fitted into the network's square with grey bars; `landmarks` are in px
      of the upright image.

    `assets.extra/skeleton.json` describes the joints for other programs.

    Args:
        model: Result of `build_lifting_cpm`, or such a model loaded from a file; or a layer
            `tf_lift.layers.PPCALifting`, whose options the export keeps.
        folder: Folder of all exports.
        name: Name of this export.
        skeleton: Name of the joints' convention; `None` for that of the model's prior.

    Returns:
        The folder written, `<folder>/<name>/<version>`.

    Raises:
        ValueError: If the model is not a lifting network, or its graph holds functions that
            TensorFlow Serving cannot run.
    """
    service: LiftService
    if isinstance(model, PPCALifting):
        service = LiftService(model, skeleton)
    else:
        service = LiftingService(model, skeleton)
    signatures = service.signatures
    for key, function in signatures.items():
        check_servable(function, key)
    root = pathlib.Path(folder) / name
    root.mkdir(parents=True, exist_ok=True)
    # The temporary folder's name is not a number, so no server takes it for a version.
    with atomic.temporary_folder(root) as temporary:
        tf.saved_model.save(service, str(temporary), signatures=signatures)
        extra = temporary / "assets.extra"
        extra.mkdir()
        (extra / "skeleton.json").write_text(
            json.dumps(service.description, indent=1), encoding="utf-8"
        )
        return atomic.rename_to_next_number(temporary, root)


def check_servable(function, name: str) -> None:
    """Checks that a graph has no function that must be compiled by XLA.

    Args:
        function: Concrete function.
        name: Its name, for the message.

    Raises:
        ValueError: If it has one. TensorFlow Serving loads such a graph and fails at the
            first request.
    """
    graph = function.graph.as_graph_def()
    attributes = {name: function.function_def.attr}
    attributes |= {body.signature.name: body.attr for body in graph.library.function}
    bodies = {name: graph.node}
    bodies |= {body.signature.name: body.node_def for body in graph.library.function}
    attributes |= {
        f"{owner}/{node.name}": node.attr for owner, nodes in bodies.items() for node in nodes
    }
    # `in` first: asking a protobuf map for a key would add it.
    compiled = sorted(
        key
        for key, attribute in attributes.items()
        if "_XlaMustCompile" in attribute and attribute["_XlaMustCompile"].b
    )
    if compiled:
        raise ValueError(
            f"`model` must not hold functions with jit_compile=True to be exported ({name}). "
            f"Received: {compiled}"
        )


def _decode_and_fit(content, size):
    """Decodes an image file and fits it into a grey square.

    Returns:
        The square `[size, size, 3]`, 0 to 255; its pixels per pixel of the file, along x
        and y; and where the file's corner lies in it, (x, y), px.
    """
    image = files.decode(content)
    extent = tf.cast(tf.shape(image)[:2], tf.float32)
    fitted = tf.cast(tf.round(extent * (size / tf.reduce_max(extent))), tf.int32)
    fitted = tf.clip_by_value(fitted, 1, size)
    # Smooths what is enlarged and averages what is shrunk.
    image = tf.image.resize(image, fitted, antialias=True)
    before = (size - fitted) // 2
    after = size - fitted - before
    padding = tf.stack([before, after], axis=1)
    image = tf.pad(image - 128.0, tf.concat([padding, [[0, 0]]], axis=0)) + 128.0
    offset = tf.cast(tf.reverse(before, [0]), tf.float32)
    # Rounded to whole pixels, the two differ a little.
    scale = tf.reverse(tf.cast(fitted, tf.float32) / extent, [0])
    return tf.ensure_shape(image, [size, size, 3]), scale, offset


def _tf_variable(variable):
    # Keras 3 wraps the variable that the graph holds; Keras 2's variables are the thing
    # itself, and have a method of that name.
    value = variable.value
    return variable if callable(value) else value
