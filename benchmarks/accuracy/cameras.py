"""Errors on people held out, seen by random real-like cameras, with a detector's errors."""

from collections.abc import Callable

import numpy as np
from rich import console, progress

import tf_lift
from benchmarks.accuracy import camera_views, knowledge, mean_pose, measures, methods, protocol
from benchmarks.harness import options as command_line
from benchmarks.harness import records

__all__ = ["CONDITIONS", "HELD_OUT_SPLITS", "evaluate", "held_out", "main", "tables"]

# The people of these splits of `protocol.SPLITS` are seen.
HELD_OUT_SPLITS = (0, 1)
# Arguments of `camera_views.corrupt`; all show the same poses to the same cameras.
_COMPLETE = {"max_missing": 0}
CONDITIONS: dict[str, dict] = {
    "exact": {"noise": 0.0, "gross_errors": 0.0, **_COMPLETE},
    "noise_0.5": {"noise": 0.005, "gross_errors": 0.0, **_COMPLETE},
    "noise_1": {"noise": 0.01, "gross_errors": 0.0, **_COMPLETE},
    "noise_2": {"noise": 0.02, "gross_errors": 0.0, **_COMPLETE},
    "gross_errors": _COMPLETE,
    "missing": {"noise": 0.0, "gross_errors": 0.0},
    "all": {},
}
_TITLES = {
    "exact": "exact, complete",
    "noise_0.5": "noise of 0.5 %",
    "noise_1": "noise of 1 %",
    "noise_2": "noise of 2 %",
    "gross_errors": "1 %, 3 % gross errors",
    "missing": "exact, 0-9 missing",
    "all": "all of it",
}
# Options of the lift by the names of the methods.
METHODS: dict[str, dict] = {"lift": {}}
_METRICS = ("mpjpe", "pa_mpjpe", "n_mpjpe")
_SAW_THEM = "the prior that ships has learnt from these people: compare with --prior held-out"


def main(arguments: list[str]) -> None:
    """Runs the benchmark from a list of command line arguments."""
    parser = command_line.Parser(prog="python -m benchmarks cameras", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument("--poses", metavar="FILE", default=protocol.default_poses())
    parser.add_argument(
        "--prior",
        metavar="NAME",
        help='name or file of the prior, or "held-out" for one learnt without the people seen',
    )
    parser.add_argument(
        "--save-prior", metavar="FILE", help="npz file for the prior, to name as --prior again"
    )
    parser.add_argument("--num-views", type=command_line.positive_int, default=3000)
    parser.add_argument("--num-cameras", type=command_line.positive_int, default=100)
    parser.add_argument(
        "--conditions", type=command_line.choices(*CONDITIONS), default=tuple(CONDITIONS)
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    data = protocol.load(options.poses)
    poses, make_prior = held_out(data, options.num_views, options.seed)
    if options.prior == "held-out":
        prior, note = make_prior(), "the prior has not learnt from these people"
    else:
        prior = tf_lift.PosePrior.load(*([options.prior] if options.prior else []))
        note = "the prior is that of --prior" if options.prior else _SAW_THEM
    if options.save_prior:
        prior.save(options.save_prior)
    rng = np.random.default_rng(options.seed)
    exact = camera_views.make_views(poses, rng, options.num_views, num_cameras=options.num_cameras)
    results = evaluate(exact, prior, options.conditions, options.seed)
    results["subjects"] = [name for number in HELD_OUT_SPLITS for name in protocol.SPLITS[number]]
    results["prior"] = options.prior or "default"
    results["notes"] = [note]
    print("\n\n".join(tables(results)))
    if options.json:
        command = " ".join(["python -m benchmarks cameras", *arguments])
        records.write(options.json, "cameras", results, command=command, seed=options.seed)


def held_out(
    data, num_poses: int, seed: int = 0
) -> tuple[np.ndarray, Callable[[], tf_lift.PosePrior]]:
    """Returns poses of the people to see, and a function that learns a prior without them.

    Args:
        data: Poses of `protocol.load`.
        num_poses: Number of poses, as many of each clip as of any other.
        seed: Seed.

    Returns:
        `[num_poses, 17, 3]`, mm, z up; a function without arguments that learns a `PosePrior` as
        the default one is learnt.
    """
    subjects = [name for number in HELD_OUT_SPLITS for name in protocol.SPLITS[number]]
    training, poses, clip = protocol.hold_out(data, subjects, seed, "the people to see")
    rng = np.random.default_rng(seed)
    chosen = protocol.evenly_by_clip(clip, num_poses, rng)
    return poses[chosen], lambda: methods.learn_default(training)


def evaluate(exact, prior, conditions=tuple(CONDITIONS), seed: int = 0) -> dict:
    """Lifts views under all conditions, with all knowledge of their cameras.

    Args:
        exact: `camera_views.CameraViews` of `make_views`.
        prior: `PosePrior`.
        conditions: Names of `CONDITIONS`.
        seed: Seed of the detector's errors.

    Returns:
        Dict of `num_views`, `num_cameras` and `errors`: condition -> knowledge -> method ->
        dict of `all` (that of `measures.measure` for all views), `missing` (for each number
        of missing joints) and `convention` (for each convention).
    """
    jobs = [
        (condition, known, method)
        for condition in conditions
        for known in knowledge.KNOWLEDGE
        for method in (*METHODS, *mean_pose.METHODS)
    ]
    seen = {
        condition: camera_views.corrupt(
            exact, np.random.default_rng([seed, number]), **CONDITIONS[condition]
        )
        for number, condition in enumerate(CONDITIONS)
        if condition in conditions
    }
    errors: dict = {}
    bar = progress.track(
        jobs, "lifts", console=console.Console(stderr=True), transient=True, disable=None
    )
    for condition, known, method in bar:
        views = seen[condition]
        if method in METHODS:
            lifted = knowledge.lift(
                known,
                views.landmarks,
                views.visibility,
                prior,
                views.cameras,
                views.camera_index,
                **METHODS[method],
            )
            found, stddev = lifted.joints_3d, lifted.stddev
        elif condition == conditions[0] and known in ("level", "attitude"):
            # The mean pose does not depend on the landmarks.
            found = mean_pose.predict(
                known,
                prior,
                views.joints_3d,
                views.cameras,
                views.camera_index,
                method == "mean_pose_best_yaw",
            )
            stddev = None
        else:
            continue
        by_method = errors.setdefault(condition, {}).setdefault(known, {})
        by_method[method] = _measure_groups(found, stddev, views)
    return {
        "num_views": len(exact.landmarks),
        "num_cameras": len(exact.cameras),
        "conditions": {name: dict(CONDITIONS[name]) for name in conditions},
        "errors": errors,
    }


def _measure_groups(found, stddev, views):
    def of(rows):
        return measures.measure(
            found[rows], views.joints_3d[rows], None if stddev is None else stddev[rows]
        )

    missing = views.num_missing
    return {
        "all": of(np.full(len(found), True)),
        "missing": {str(count): of(missing == count) for count in np.unique(missing)},
        "convention": {
            str(name): of(views.convention == name) for name in np.unique(views.convention)
        },
    }


def tables(results: dict) -> list[str]:
    """Formats results of `evaluate` in Markdown.

    Args:
        results: Results of `evaluate`.

    Returns:
        Tables by condition and camera, by the number of missing joints, and by convention.
    """
    head = (
        f"{results['num_views']} views by {results['num_cameras']} cameras; "
        "mm over the 12 limb joints (over all), share within 1 and 2 deviations"
    )
    parts = [head + "".join(f"; {note}" for note in results.get("notes", ()))]
    rows = [
        (f"{_TITLES[condition]} | {knowledge.KNOWLEDGE[known]} | {_method_title(method)}", its)
        for condition, by_knowledge in results["errors"].items()
        for known, by_method in by_knowledge.items()
        for method, its in by_method.items()
    ]
    lines = ["| landmarks | camera | method | MPJPE | PA-MPJPE | N-MPJPE | within 1 | within 2 |"]
    lines.append("|:--|:--|:--|--:|--:|--:|--:|--:|")
    lines += [f"| {name} | {_cells(its['all'])} |" for name, its in rows]
    parts.append("\n".join(lines))
    for column in ("missing", "convention"):
        for condition in ("exact", "missing", "all"):
            part = _breakdown(results["errors"].get(condition, {}), column)
            if part:
                parts.append(
                    f"{_TITLES[condition]}, by {column}: MPJPE / PA (within 1, 2)\n\n{part}"
                )
    return parts


def _breakdown(by_knowledge, column):
    rows = {
        f"{knowledge.KNOWLEDGE[known]} | {_method_title(method)}": its[column]
        for known, by_method in by_knowledge.items()
        for method, its in by_method.items()
        if method in METHODS
    }
    if not rows:
        return ""
    keys = list(next(iter(rows.values())))
    lines = ["| camera | method | " + " | ".join(keys) + " |"]
    lines.append("|:--|:--|" + "--:|" * len(keys))
    for name, its in rows.items():
        cells = [
            f"{its[key]['mpjpe_mm']:.0f} / {its[key]['pa_mpjpe_mm']:.0f} "
            f"({100 * its[key]['within_1']:.0f}, {100 * its[key]['within_2']:.0f} %)"
            if "mpjpe_mm" in its[key]
            else "failed"
            for key in keys
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _method_title(method):
    return mean_pose.METHODS.get(method, method)


def _cells(errors):
    if "mpjpe_mm" not in errors:
        return "failed | | | |"
    cells = [f"{errors[f'{name}_mm']:.1f} ({errors[f'{name}_all_mm']:.1f})" for name in _METRICS]
    cells += [
        f"{100 * errors[name]:.0f} % ({100 * errors[f'{name}_all']:.0f} %)"
        if name in errors
        else ""
        for name in ("within_1", "within_2")
    ]
    return " | ".join(cells)
