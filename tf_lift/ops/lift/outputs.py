"""The results of a lift: their names, shapes and types."""

import tensorflow as tf

__all__ = ["flatten", "nest", "signature"]


def signature(num_joints, dtype, num_hypotheses=None, leading=(None,)):
    """Returns the specs of all results of a lift.

    Args:
        num_joints: L.
        dtype: Type of the floating results.
        num_hypotheses: n, or `None` for a lift without `hypotheses`.
        leading: Leading dimensions, `None` where unknown.

    Returns:
        Dict of `tf.TensorSpec`, nested as the dict of results:

        - `joints_3d` `[..., L, 3]`: mm, camera frame, origin at joint 0;
        - `joints_3d_stddev` `[..., L]`: mm, root of the posterior variance summed over the
          three axes;
        - `landmarks` `[..., L, 2]`: px, the projected pose, missing landmarks completed;
        - `mixture_index` `[...]`: int32, component of the prior, -1 for an invalid pose;
        - `rotation_angle`, `pitch`, `roll` `[...]`: rad;
        - `scale` `[...]`: px/mm;
        - `energy` `[...]`: mm^2;
        - `misfit` `[...]`: how badly the landmarks fit the prior, above 1 where they do not;
        - `hypotheses`: dict of `joints_3d` `[..., n, L, 3]` and `probability` `[..., n]`,
          most probable first.

    >>> signature(17, tf.float32)["joints_3d"].shape
    TensorShape([None, 17, 3])
    >>> sorted(signature(17, tf.float32, num_hypotheses=2)["hypotheses"])
    ['joints_3d', 'probability']
    """

    def spec(*shape, dtype=dtype):
        return tf.TensorSpec([*leading, *shape], dtype)

    specs = {
        "joints_3d": spec(num_joints, 3),
        "joints_3d_stddev": spec(num_joints),
        "landmarks": spec(num_joints, 2),
        "mixture_index": spec(dtype=tf.int32),
        "rotation_angle": spec(),
        "pitch": spec(),
        "roll": spec(),
        "scale": spec(),
        "energy": spec(),
        "misfit": spec(),
    }
    if num_hypotheses is not None:
        specs["hypotheses"] = {
            "joints_3d": spec(num_hypotheses, num_joints, 3),
            "probability": spec(num_hypotheses),
        }
    return specs


_PREFIX = "hypotheses_"


def flatten(result):
    """Returns results as one dict without dicts inside: `hypotheses_joints_3d` and so on.

    Args:
        result: Dict of results, nested as that of `signature`.

    >>> flatten({"scale": 1.0, "hypotheses": {"probability": 0.5}})
    {'scale': 1.0, 'hypotheses_probability': 0.5}
    """
    flat = {name: value for name, value in result.items() if name != "hypotheses"}
    hypotheses = result.get("hypotheses", {})
    return flat | {f"{_PREFIX}{name}": value for name, value in hypotheses.items()}


def nest(flat):
    """Returns what `flatten` was given.

    >>> nest({"scale": 1.0, "hypotheses_probability": 0.5})
    {'scale': 1.0, 'hypotheses': {'probability': 0.5}}
    """
    result = {name: value for name, value in flat.items() if not name.startswith(_PREFIX)}
    hypotheses = {
        name.removeprefix(_PREFIX): value for name, value in flat.items() if name not in result
    }
    return result | ({"hypotheses": hypotheses} if hypotheses else {})
