"""The options of a lift on the command line: the same names, defaults and units as in Python."""

import functools
import inspect
from typing import Annotated

import typer

from tf_lift.cli import texts

__all__ = ["OPTIONS", "with_lift_options"]

_Estimator = Annotated[
    str,
    typer.Option(
        help="Pose to return: mean (over all candidates by their probability, the most accurate), "
        "map (the most probable candidate) or min_energy (the lowest energy, as in the paper)."
    ),
]
_NumRotations = Annotated[int, typer.Option(help="Angles about the vertical to search.")]
_Pitches = Annotated[
    str,
    typer.Option(
        help="Camera pitches to search, rad, positive looking down, as -0.1,0,0.2. "
        "With --camera level only: otherwise pitch and roll are estimated, or known."
    ),
]
_LandmarkStddev = Annotated[
    str | None,
    typer.Option(
        help="Standard deviation of the landmarks, px: one number, or one for each joint of the "
        "prior with commas between. [default: within the prior's noise]"
    ),
]
_OutlierProbability = Annotated[
    str | None,
    typer.Option(
        help="Probability of a landmark to be wrong altogether: one number, or one for each joint "
        "of the prior with commas between. [default: by its confidence, where that is known]"
    ),
]
_AddResiduals = Annotated[
    bool,
    typer.Option(
        "--add-residuals",
        help="Move the joints to where the landmarks are, beyond what the prior's bases can show.",
    ),
]
_BoneLengths = Annotated[
    str | None,
    typer.Option(
        help="Bone lengths of the person, mm, from each joint but the root to its parent, with "
        "commas between; or prior: those of the prior's people. [default: unknown]"
    ),
]
_Height = Annotated[
    float | None, typer.Option(help="Standing height of the person, mm. [default: unknown]")
]
_NumHypotheses = Annotated[
    int | None, typer.Option(help="Distinct poses to write for each pose. [default: none]")
]
_Refine = Annotated[
    bool,
    typer.Option("--refine", help="Refine the rotation between the angles; not with mean."),
]
_Temperature = Annotated[
    float, typer.Option(help="Divides the log-probabilities of the candidates, for the mean.")
]

# The parameters by name, with their defaults on the command line; in order of `LiftOptions`,
# which is not imported here because TensorFlow would be loaded for `--help`.
OPTIONS = {
    "estimator": (_Estimator, "mean"),
    "num_rotations": (_NumRotations, 80),
    "pitches": (_Pitches, "0.0"),
    "landmark_stddev": (_LandmarkStddev, None),
    "outlier_probability": (_OutlierProbability, None),
    "add_residuals": (_AddResiduals, False),
    "bone_lengths": (_BoneLengths, None),
    "height": (_Height, None),
    "num_hypotheses": (_NumHypotheses, None),
    "refine": (_Refine, False),
    "temperature": (_Temperature, 3.0),
}


def with_lift_options(command):
    """Gives a command an option for each field of `LiftOptions`.

    Args:
        command: Function that takes the fields as a keyword argument `lift_options`, a dict.

    Returns:
        The function as Typer takes it, with the fields as parameters of their own.
    """

    @functools.wraps(command)
    def parsed(**arguments):
        fields = {name: arguments.pop(name) for name in OPTIONS}
        fields["pitches"] = texts.numbers(fields["pitches"], "--pitches")
        for name in ("landmark_stddev", "outlier_probability"):
            values = texts.numbers(fields[name], "--" + name.replace("_", "-"))
            fields[name] = values[0] if values and len(values) == 1 else values
        if fields["bone_lengths"] != "prior":
            fields["bone_lengths"] = texts.numbers(fields["bone_lengths"], "--bone-lengths")
        return command(**arguments, lift_options=fields)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        parameter.replace(kind=keyword)
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "lift_options"
    ]
    parameters += [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in OPTIONS.items()
    ]
    signature = inspect.signature(command).replace(parameters=parameters)
    parsed.__signature__ = signature
    parsed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {
        "return": signature.return_annotation
    }
    return parsed
