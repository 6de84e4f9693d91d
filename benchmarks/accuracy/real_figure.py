"""Draws a frame of each view of a real person, detected, lifted, and as triangulated."""

import numpy as np

import tf_lift
from benchmarks.accuracy import measures, pose2sim, real
from benchmarks.harness import options as command_line
from tf_lift.viewing import figures

__all__ = ["draw", "main"]

# The recording's licence leaves its pictures out of the repository: the frame is plain.
_PLAIN = 0xF4


def main(arguments: list[str]) -> None:
    """Draws the figure from a list of command line arguments."""
    parser = command_line.Parser(prog="python -m benchmarks real_figure", description=__doc__)
    parser.add_argument("--data", metavar="FOLDER", default=real.default_data())
    parser.add_argument("--prior", metavar="NAME", help="name or file of the prior")
    parser.add_argument("--figure", metavar="FILE", default="docs/images/real.png")
    parser.add_argument("--step", type=command_line.positive_int, default=4)
    options = parser.parse_args(arguments)
    prior = tf_lift.PosePrior.load(*([options.prior] if options.prior else []))
    figure = draw(pose2sim.read(options.data), prior, options.step)
    print(figures.save(figure, options.figure, dpi=150))


def draw(recording, prior, step: int = 1):
    """Draws of each view the frame of median error, from the image size alone.

    Args:
        recording: `pose2sim.Recording`.
        prior: `PosePrior`.
        step: Uses every `step`th frame.

    Returns:
        Figure with a row for each view: detections on a plain frame, lift and truth (grey, limbs)
        from two sides.
    """
    rows = []
    for view in recording.views:
        lifted = real.lift(view, "detections", "image_size", {}, prior, step)
        truth = real.truth(view, prior, step)
        truth -= truth[:, :1]
        joints = lifted.joints_3d - lifted.joints_3d[:, :1]
        errors = np.linalg.norm(joints - truth, axis=-1)[:, measures.LIMBS].mean(1)
        known = np.flatnonzero(np.isfinite(errors))
        frame = known[np.argsort(errors[known])[len(known) // 2]]
        width, height = view.camera.image_size
        rows.append(
            {
                "image": np.full([height, width, 3], _PLAIN, np.uint8),
                "landmarks": lifted.drawn_landmarks()[frame],
                "visibility": lifted.visibility[frame],
                "joints_3d": joints[frame],
                "true_joints_3d": truth[frame],
                "title": f"{view.name}, frame {frame * step}",
            }
        )
    return figures.draw_examples(rows, lifted.skeleton)
