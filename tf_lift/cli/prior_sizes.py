"""The sizes of a prior on the command line: numbers, or `auto`."""

__all__ = ["AUTO", "parse", "settle"]

AUTO = "auto"

# Candidates for a size that is `auto`. Numbers of bases that are too many for the skeleton or
# the poses are left out.
CANDIDATES = {
    "mixture_size": (1, 3, 8),
    "num_bases": (10, 25, 35),
    "noise_stddev": (8.0, 12.0, 16.0, 24.0, None),
}


def parse(mixture_size: str, num_bases: str, noise_stddev: str) -> dict:
    """Parses the sizes given on the command line.

    Args:
        mixture_size: An integer, or "auto".
        num_bases: An integer, or "auto".
        noise_stddev: A number in mm, "0" for the most likely noise, or "auto".

    Returns:
        Dictionary of the arguments of `PosePrior.fit`, or "auto" for them.

    Raises:
        ValueError: If a text is neither.

    >>> parse("auto", "25", "0")
    {'mixture_size': 'auto', 'num_bases': 25, 'noise_stddev': None}
    """
    return {
        "mixture_size": _number("mixture-size", mixture_size, int),
        "num_bases": _number("num-bases", num_bases, int),
        "noise_stddev": _number("noise-stddev", noise_stddev, float) or None,
    }


def _number(option, text, kind):
    if text == AUTO:
        return AUTO
    try:
        return kind(text)
    except ValueError as error:
        what = "an integer" if kind is int else "a number of millimetres"
        raise ValueError(f"`--{option}` must be {what} or auto. Received: {text!r}") from error


def settle(console, sizes: dict, data, *, checkpoint, select_by: str, **arguments) -> dict:
    """Replaces each `auto` by what people held out decide, and shows the table.

    Args:
        console: `rich` console.
        sizes: What `parse` returned.
        data: `MocapPoses`.
        checkpoint: File of unfinished learning: where it exists, its sizes are taken.
        select_by: "likelihood" or "lifting".
        **arguments: Further arguments of `tf_lift.prior.select`.

    Returns:
        The sizes as numbers.

    Raises:
        ValueError: If there are no labels to hold people out by, or only one person.
    """
    from tf_lift.evaluation import prior_lifting
    from tf_lift.prior.learning import report, selection
    from tf_lift.prior.storage.checkpoint import read_settings

    if select_by not in selection.CRITERIA:
        raise ValueError(
            f"`--select-by` must be one of {list(selection.CRITERIA)}. Received: {select_by!r}"
        )
    automatic = [name for name, size in sizes.items() if size == AUTO]
    if not automatic:
        return sizes
    if checkpoint.exists():
        settings = read_settings(checkpoint)
        return sizes | {name: settings[name] for name in automatic}

    subjects, what = _labels(console, data)
    candidates = {name: (size,) for name, size in sizes.items()}
    candidates |= {name: CANDIDATES[name] for name in automatic}
    if "num_bases" in automatic:
        candidates["num_bases"] = _possible_bases(data)
    found = report.select_with_progress(
        console,
        data.poses,
        subjects,
        mixture_sizes=candidates["mixture_size"],
        num_bases=candidates["num_bases"],
        noise_stddevs=candidates["noise_stddev"],
        select_by=select_by,
        lifting_errors=lambda *pair: prior_lifting.lifting_errors(*pair)["mpjpe"],
        skeleton=data.skeleton,
        **arguments,
    )
    console.print(report.selection_table(found, what, select_by))
    if not found.complete:
        console.print(
            f"The time was enough for {found.num_folds} parts only; raise --time-limit for more."
        )
    return {name: getattr(found.best, name) for name in sizes}


def _labels(console, data):
    if data.subject is not None:
        return data.subject, "subjects"
    if data.clip is None:
        raise ValueError(
            "`auto` holds people out, so POSES must have `subject` (or `clip`) [N]. "
            "Received: neither; give the sizes as numbers"
        )
    console.print(
        "POSES names no subjects: clips are held out instead. If one person is in many of them, "
        "this favours larger priors than people who are new would."
    )
    return data.clip, "clips"


def _possible_bases(data):
    joints = data.poses.shape[1]
    possible = tuple(
        n for n in CANDIDATES["num_bases"] if n <= min(3 * joints - 4, len(data.poses))
    )
    return possible or CANDIDATES["num_bases"][:1]
