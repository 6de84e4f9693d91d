"""A detector with known answers: it knows each joint by the colour of its dot."""

import itertools
import warnings

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

BACKGROUND = 70
# One colour per joint, all far from each other and from the background.
COLOURS = np.array(list(itertools.product((0, 128, 255), repeat=3)), np.float32)


def dot_model(num_joints, extra_channels=0, size=(None, None)):
    """A Keras model of stride 8 with one belief map per colour, then empty channels."""
    keras = tf.keras
    image = keras.Input([*size, 3], name="image")
    squares = keras.layers.Multiply()([image, image])
    # -|v - c|^2 / 200 = -(v.v - 2 v.c + c.c) / 200, then the exponential: 1 at the colour.
    convolution = keras.layers.Conv2D(num_joints + extra_channels, 1, name="distance")
    distance = convolution(keras.layers.Concatenate()([image, squares]))
    colours = COLOURS[:num_joints]
    kernel = np.zeros([1, 1, 6, num_joints + extra_channels], np.float32)
    kernel[0, 0, :3, :num_joints] = 2 * colours.T / 200
    kernel[0, 0, 3:, :num_joints] = -1 / 200
    bias = np.full([num_joints + extra_channels], -1000, np.float32)
    bias[:num_joints] = -(colours**2).sum(-1) / 200
    convolution.set_weights([kernel, bias])
    maps = keras.layers.Activation("exponential")(distance)
    maps = keras.layers.AveragePooling2D(16, 8, "same")(maps)
    # A dot of 9 px fills 81 of the 256 pixels of a window.
    maps = keras.layers.Rescaling(256 / 81, name="maps")(maps)
    return keras.Model(image, maps)


def save_model(model, folder, kind):
    """Writes a model of one input `image` in one of the formats; returns the path."""
    shape = [1, *model.inputs[0].shape[1:]]
    function = tf.function(lambda image: {"maps": model(image)})
    spec = tf.TensorSpec(shape, tf.float32, name="image")
    if kind == "frozen":
        frozen = convert_variables_to_constants_v2(function.get_concrete_function(spec))
        path = folder / "graph.pb"
        path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    elif kind == "saved_model":
        path = folder / "saved"
        module = tf.Module()
        module.model = model
        tf.saved_model.save(module, str(path), {"detect": function.get_concrete_function(spec)})
    else:
        path = folder / f"model.{kind}"
        with warnings.catch_warnings():
            # Keras 2 calls .h5 a legacy format; people have such files.
            warnings.simplefilter("ignore", UserWarning)
            model.save(path)
    return path


def draw_dots(landmarks, width=320, height=240, joints=None):
    """Image with a dot of 9 x 9 px in each joint's colour; `joints` says which are drawn."""
    image = np.full([height, width, 3], BACKGROUND, np.uint8)
    for joint in range(len(landmarks)) if joints is None else joints:
        x, y = np.round(landmarks[joint]).astype(int)
        image[y - 4 : y + 5, x - 4 : x + 5] = COLOURS[joint]
    return image
