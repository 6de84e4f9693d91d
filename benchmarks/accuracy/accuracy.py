"""Errors of lifting on held-out people: baselines, the trained network, the paper's grid, ours."""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import shlex
import time

import numpy as np

from benchmarks.harness import records

__all__ = ["evaluate", "main", "mean_over_splits"]

METRICS = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm")
_DEFAULT_DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
# Part of the settings of kept results; raised when a change invalidates old results.
_FORMAT = 3
# The options that change results, and their defaults.
_RESULT_OPTIONS = {
    "methods": None,
    "splits": "0,1,2",
    "test_poses": 3000,
    "network_steps": 18000,
    "no_network_mirroring": False,
    "seed": 0,
}


def main(arguments: list[str]) -> dict:
    """Runs the benchmark; `--help` lists the options.

    Returns:
        The results: the content of `results` in the JSON file.
    """
    options = _parse(arguments)
    # These import TensorFlow; the command line is checked before.
    from benchmarks.accuracy import figure, protocol, report
    from benchmarks.accuracy.methods import METHODS, Options

    names = _names(options.methods, METHODS) if options.methods else list(METHODS)
    rerun = set(_names(options.rerun, METHODS)) if options.rerun else set()
    method_options = Options(options.network_steps, not options.no_network_mirroring)
    path = options.poses or protocol.default_poses()
    data = protocol.load(path)
    digest = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]

    splits: list[dict] = []
    runs: list[dict] = []
    for number in options.splits:
        training, test = protocol.split(data, number, options.test_poses, options.seed)
        splits.append(_describe(number, protocol.SPLITS[number], training, test))
        runs.append({})
        for name in names:
            method = METHODS[name]
            used = dataclasses.asdict(method_options)
            settings = {
                "format": _FORMAT,
                "poses": digest,
                "seed": options.seed,
                "test_poses": options.test_poses,
                "options": {key: used[key] for key in method.options},
            }
            kept = options.work and options.work / f"split_{number}" / f"{name}.json"
            result = None if name in rerun else _kept(kept, settings)
            state = "kept"
            if result is None:
                result = _run(method, training, test, method_options)
                state = f"{result['seconds']:.0f} s"
                if kept:
                    content = {"settings": settings, "result": result}
                    records.write_whole(kept, records.to_json(content))
            runs[-1][name] = result
            clean = result["errors"]["clean"]
            print(
                f"split {number}  {name:20}  MPJPE {clean['mpjpe_mm']:6.1f}  "
                f"PA {clean['pa_mpjpe_mm']:6.1f}  ({state})",
                flush=True,
            )

    results = {
        "protocol": {
            "poses": pathlib.Path(path).name,
            "poses_sha256": digest,
            "test_poses": options.test_poses,
            "person_px": protocol.views.PERSON_PX,
            "network_mirroring": method_options.network_mirroring,
        },
        "titles": {name: METHODS[name].title for name in names},
        "groups": {name: METHODS[name].group for name in names},
        "splits": splits,
        "errors": mean_over_splits(runs),
        "by_split": {str(split["number"]): run for split, run in zip(splits, runs, strict=True)},
    }
    command = _command(options)
    if options.json:
        records.write(options.json, "accuracy", results, command=command, seed=options.seed)
    if options.figure:
        figure.save(results, options.figure)
    if options.docs:
        picture = options.docs.parent / "images" / "accuracy.png"
        figure.save(results, picture)
        report.write_docs(options.docs, results, command, picture)
    print()
    print(report.table(results))
    return results


def evaluate(predictor, test) -> dict[str, dict[str, float]]:
    """Measures a method on every condition.

    Args:
        predictor: `methods.Predictor`.
        test: `protocol.TestData`.

    Returns:
        Condition -> metric -> mean over the test poses, mm. Joint 0 is subtracted from
        prediction and truth.

    Raises:
        ValueError: If a prediction has a wrong shape or is not finite.
    """
    from tf_lift.ops.errors import pose_errors

    functions = (pose_errors.mpjpe, pose_errors.pa_mpjpe, pose_errors.n_mpjpe)
    errors = {}
    for condition, views in test.views.items():
        predicted = np.asarray(
            predictor.predict(views.landmarks, views.visibility, views.noise_px), np.float32
        )
        if predicted.shape != views.joints_3d.shape or not np.isfinite(predicted).all():
            raise ValueError(
                f"predictions must be finite and of shape {views.joints_3d.shape}. Received: "
                f"{condition}: shape {predicted.shape}, "
                f"{np.sum(~np.isfinite(predicted))} numbers that are not finite"
            )
        rooted = [joints - joints[:, :1] for joints in (predicted, views.joints_3d)]
        errors[condition] = {
            metric: float(np.mean(function(*rooted)))
            for metric, function in zip(METRICS, functions, strict=True)
        }
    return errors


def mean_over_splits(runs: list[dict]) -> dict:
    """Averages the errors over the splits, with the same weight for each.

    Args:
        runs: For each split, method -> dict with `errors`, the result of `evaluate`.

    Returns:
        Method -> condition -> metric -> mean, mm.
    """
    return {
        name: {
            condition: {
                metric: float(np.mean([run[name]["errors"][condition][metric] for run in runs]))
                for metric in METRICS
            }
            for condition in runs[0][name]["errors"]
        }
        for name in runs[0]
    }


def _run(method, training, test, options):
    start = time.perf_counter()
    predictor = method.make(training, options)
    trained = time.perf_counter()
    try:
        errors = evaluate(predictor, test)
    except ValueError as error:
        raise ValueError(f"{method.name}: {error}") from error
    end = time.perf_counter()
    return {
        "errors": errors,
        "budget": predictor.budget,
        "learning_seconds": round(trained - start, 2),
        "predicting_seconds": round(end - trained, 2),
        "seconds": round(end - start, 2),
    }


def _kept(path, settings):
    """Returns the result of an earlier run with the same settings, or `None`."""
    if path is None or not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["result"] if content["settings"] == settings else None


def _describe(number, subjects, training, test):
    return {
        "number": number,
        "test_subjects": list(subjects),
        "test_clips": test.num_clips,
        "held_out_poses": test.num_poses,
        "training_subjects": len(np.unique(training.subject)),
        "training_clips": len(np.unique(training.clip)),
        "training_poses": len(training.poses),
    }


def _names(text, known):
    names = text.split(",")
    for name in names:
        if name not in known:
            raise ValueError(f"methods are {', '.join(known)}. Received: {name!r}")
    return names


def _command(options):
    """Returns the command that makes the same results, without folders."""
    words = ["python -m benchmarks accuracy --json FILE"]
    words += ["--docs"] * bool(options.docs)
    if options.poses:
        words += ["--poses", shlex.quote(options.poses.name)]
    for name, default in _RESULT_OPTIONS.items():
        value = getattr(options, name)
        value = ",".join(map(str, value)) if isinstance(value, list) else value
        if value != default:
            words += ["--" + name.replace("_", "-"), *([] if value is True else [str(value)])]
    return " ".join(words)


def _parse(arguments):
    parser = argparse.ArgumentParser("python -m benchmarks accuracy", description=__doc__)
    add = parser.add_argument
    add("--json", metavar="FILE", help="write the results here")
    add(
        "--poses",
        type=pathlib.Path,
        metavar="FILE",
        help="npz of poses with subjects; by default data/cmu/cmu_h36m17_train.npz in the folder "
        "that the environment variable TF_LIFT_SHARED names, else in ../shared",
    )
    add("--methods", metavar="A,B", help="only these methods")
    add("--splits", metavar="0,1", help="only these splits (%(default)s)")
    add(
        "--work",
        type=pathlib.Path,
        metavar="FOLDER",
        help="keep every finished result here, and reuse results of the same settings",
    )
    add("--rerun", metavar="A,B", help="run these methods even if their results are kept")
    add("--test-poses", type=int, metavar="N", help="views per split (%(default)s)")
    add("--network-steps", type=int, metavar="N", help="of training (%(default)s)")
    add(
        "--no-network-mirroring",
        action="store_true",
        help="do not mirror the network's training poses",
    )
    add("--seed", type=int, help="(%(default)s)")
    add("--quick", action="store_true", help="one split, 200 views, 20 steps: a smoke test")
    add("--figure", type=pathlib.Path, metavar="FILE", help="draw the figure here (.png)")
    add(
        "--docs",
        type=pathlib.Path,
        nargs="?",
        const=_DEFAULT_DOCS,
        metavar="FILE",
        help="write table and figure into this page (docs/accuracy.md)",
    )
    parser.set_defaults(**_RESULT_OPTIONS)
    options = parser.parse_args(arguments)
    if options.quick:
        options.splits, options.test_poses, options.network_steps = "0", 200, 20
    try:
        options.splits = [int(number) for number in options.splits.split(",")]
    except ValueError:
        parser.error(f"--splits takes numbers with commas between. Received: {options.splits!r}")
    if options.test_poses < 1:
        parser.error(f"--test-poses must be at least 1. Received: {options.test_poses}")
    return options
