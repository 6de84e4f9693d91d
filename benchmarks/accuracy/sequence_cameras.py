"""Errors of sequences of held-out people, seen by real-like cameras that stand or move."""

import numpy as np

import tf_lift
from benchmarks.accuracy import clip_views, knowledge, measures, methods, protocol

__all__ = ["DETECTORS", "KNOWLEDGE", "METHODS", "evaluate", "run", "select", "table"]

KNOWLEDGE = ("unknown", "image_size", "calibrated")
# Arguments of `clip_views.corrupt` by the detector's errors.
DETECTORS: dict[str, dict] = {
    "exact": {"noise": 0.0, "gross_errors": 0.0},
    "noise": {"gross_errors": 0.0},
    "gross": {},
    "lasting": {"lasting": True},
}
_TITLES = {
    "exact": "exact",
    "noise": "1 %",
    "gross": "1 %, 3 % gross errors",
    "lasting": "1 %, gross errors that last",
}
# Options of `tf_lift.lift_sequence` by the name of the method; frame by frame has none.
METHODS: dict[str, dict | None] = {
    "frame by frame": None,
    "sequence": {},
    "sequence, outliers": {"outlier_probability": 0.05},
}


def run(data, frame, numbers, options) -> dict:
    """Measures people of some splits with a prior that has not learnt from them.

    Args:
        data: `mocap.MocapPoses`.
        frame: `[N]`: number of each pose's frame in its clip.
        numbers: Indices into `protocol.SPLITS`.
        options: Parsed `prior`, `num_clips` (of each split), `longest` and `seed`.

    Returns:
        Dict of `cameras`: rows of `evaluate`.
    """
    subjects = [name for number in numbers for name in protocol.SPLITS[number]]
    if options.prior is None:
        training, _, _ = protocol.hold_out(data, subjects, options.seed)
        prior = training.prior(**methods.MANY_MODELS)
    else:
        prior = tf_lift.PosePrior.load(options.prior)
    rng = np.random.default_rng(options.seed)
    clips: list[np.ndarray] = []
    for number in numbers:
        chosen = select(
            data, frame, protocol.SPLITS[number], options.num_clips, options.longest, rng
        )
        clips += [poses for _, poses in chosen]
    rows = evaluate(clips, prior, data.fps, options.seed)
    print(f"{len(clips)} clips, {sum(map(len, clips))} frames")
    print(table(rows), flush=True)
    return {"cameras": rows}


def select(
    data, frame, subjects, num_clips, longest, rng, shortest=30
) -> list[tuple[str, np.ndarray]]:
    """Selects clips of some subjects.

    Args:
        data: `mocap.MocapPoses` with `clip`.
        frame: `[N]`: number of each pose's frame in its clip.
        subjects: Labels of the subjects.
        num_clips: Largest number of clips.
        longest: Frames to keep of each clip.
        rng: Random generator.
        shortest: Clips of fewer frames are left out, and those that lack a frame.

    Returns:
        Names and poses `[T, 17, 3]`, mm, z up, with their places in the room.

    Raises:
        ValueError: If there is no such clip.
    """
    subject = np.char.lstrip(np.asarray(data.subject).astype(str), "0")
    clip = np.asarray(data.clip)
    held_out = np.isin(subject, [str(label) for label in subjects])
    found = []
    for name in rng.permutation(np.unique(clip[held_out])):
        rows = np.flatnonzero(clip == name)[:longest]
        if len(rows) < shortest or np.any(np.diff(frame[rows]) != 1):
            continue
        found.append((str(name), data.poses[rows].astype(np.float64)))
        if len(found) == num_clips:
            break
    if not found:
        raise ValueError(f"`poses` must hold clips of {shortest} frames or more. Received: none")
    return found


def evaluate(clips, prior, fps: float, seed: int = 0) -> list[dict]:
    """Lifts clips that cameras of all `clip_views.DRIFTS_DEGREES` saw.

    Clips of moving cameras are lifted with gross errors only, as nobody calibrates them.

    Args:
        clips: Poses `[T, 17, 3]` of each clip, see `select`.
        prior: `PosePrior`.
        fps: Frames per second.
        seed: Seed of cameras and errors.

    Returns:
        List of dicts of `camera`, `detector`, `knowledge`, `method`, and the measures of
        `measures.measure`.
    """
    rows = []
    for camera, drift in clip_views.DRIFTS_DEGREES.items():
        exact = clip_views.make_clip_views(
            clips, np.random.default_rng(seed), fps, drift_degrees=drift
        )
        is_still = drift == 0
        for detector in DETECTORS if is_still else ("gross",):
            seen = clip_views.corrupt(exact, np.random.default_rng(seed), **DETECTORS[detector])
            for known in KNOWLEDGE if is_still else KNOWLEDGE[:2]:
                for method, options in METHODS.items():
                    if method == "sequence, outliers" and known != "image_size":
                        continue
                    errors = _errors(seen, exact, known, prior, options)
                    row = {"camera": camera, "detector": detector, "knowledge": known}
                    rows.append(row | {"method": method} | errors)
    return rows


def _errors(seen, exact, known, prior, options):
    lifted = []
    for rows, camera in zip(exact.rows, seen.cameras, strict=True):
        points = seen.landmarks[rows], seen.visibility[rows]
        if options is not None:
            lifted.append(
                knowledge.lift_sequence(known, *points, prior, camera, exact.fps, **options)
            )
        else:
            lifted.append(knowledge.lift(known, *points, prior, [camera]))
    joints, stddev = (
        np.concatenate([getattr(each, name) for each in lifted]) for name in ("joints_3d", "stddev")
    )
    return measures.measure(joints, seen.joints_3d, stddev)


def table(rows) -> str:
    """Formats rows of `evaluate` in Markdown.

    Args:
        rows: Rows.
    """
    lines = [
        "| camera | landmarks | known | method | MPJPE | PA-MPJPE | within 1, 2 deviations |",
        "|:--|:--|:--|:--|--:|--:|--:|",
    ]
    for row in rows:
        names = [
            row["camera"],
            _TITLES[row["detector"]],
            knowledge.KNOWLEDGE[row["knowledge"]],
            row["method"],
        ]
        errors = [f"{row[name]:.1f}" for name in ("mpjpe_mm", "pa_mpjpe_mm")]
        shares = f"{100 * row['within_1']:.0f}, {100 * row['within_2']:.0f} %"
        lines.append(f"| {' | '.join([*names, *errors, shares])} |")
    return "\n".join(lines)
