"""Aims that the measured figures of the lift must meet."""

__all__ = ["targets"]


def targets(results: dict) -> list[dict]:
    """Returns the aims of the parts that were run.

    Args:
        results: Results of the parts by name, see `lift.main`.

    Returns:
        Dicts of `what`, `value`, `target`, `at_most`, whether the target is an upper limit,
        and `met`.
    """
    rows: list[dict] = []
    for part, add in _PARTS.items():
        if part in results:
            add(results, _Rows(rows))
    return rows


class _Rows:
    """Appends aims to a list."""

    def __init__(self, rows):
        self._rows = rows

    def at_least(self, what, value, target):
        self._add(what, value, target, False)

    def at_most(self, what, value, target):
        self._add(what, value, target, True)

    def _add(self, what, value, target, at_most):
        # Written so that NaN is not met.
        met = bool(value <= target if at_most else value >= target)
        self._rows.append(
            {"what": what, "value": value, "target": target, "at_most": at_most, "met": met}
        )


def _speed(results, rows):
    speed, latency = results["speed"], results["latency_us"]
    times_matmul = {name: figures["times_matmul"] for name, figures in speed["candidates"].items()}
    rows.at_least("cmu, forward, x bare matmul", times_matmul["cmu compiled"], 0.8)
    rows.at_least("cmu, mean, x bare matmul", times_matmul["cmu mean compiled"], 0.15)
    rows.at_most("cmu, both passes, x the forward's time", speed["backward"]["cmu compiled"], 1.3)
    least = {"compiled": 0.9, "eager": 0.5}
    for prior, ratios in speed["compared"].items():
        for title, ratio in ratios.items():
            kind = "eager" if title.startswith("eager") else "compiled"
            rows.at_least(f"{prior}, {title}", ratio, least[kind])
    rows.at_most("one pose, a call, microseconds", latency["compiled function"], 200.0)
    rows.at_most("one pose, in a function, microseconds", latency["one lift more"], 200.0)


def _missing(results, rows):
    from benchmarks.lift.missing import ALL_VISIBLE, PLAIN_FLOOR, ROWS

    for prior, kinds in results["missing"]["rows"].items():
        for row in ROWS:
            what = f"{prior}, compiled, {row.name}, x all visible"
            if row.floor is not None and prior in row.priors:
                value = kinds["compiled"][row.name]["share_of_all_visible"]
                rows.at_least(what, value, row.floor)
        for name, figures in kinds["plain"].items():
            if name != ALL_VISIBLE:
                what = f"{prior}, plain graph, {name}, x all visible"
                rows.at_least(what, figures["share_of_all_visible"], PLAIN_FLOOR)


def _attitude(results, rows):
    for kind, cameras in results["attitude"]["rows"].items():
        for name, figures in cameras.items():
            if not name.endswith("level"):
                what = f"{kind}, {name}, x the level camera's time"
                rows.at_most(what, figures["times_level"], 3.0)


def _startup(results, rows):
    startup = results["startup"]
    for prior, seconds in startup["compile_seconds"].items():
        for dtype, value in seconds.items():
            rows.at_most(f"{prior}, seconds to compile for {dtype} masks", value, 8.0)
    for prior, value in startup["first_lift_seconds"].items():
        rows.at_most(f"{prior}, seconds of a process's first lift", value, 1.5)


def _exactness(results, rows):
    for run, its in results["exactness"]["runs"].items():
        for way, figures in its["ways"].items():
            what = f"{run}, {way}: "
            rows.at_most(what + "energy, relative", figures["energy_largest"], 1e-4)
            if run == "all visible":
                share = figures["joints_within_0.1_mm"]
                rows.at_least(what + "share of joints within 0.1 mm", share, 0.999)
            rows.at_most(what + "joints, mm", figures["joints_largest_mm"], 1.0)


def _growth(results, rows):
    growth = results["growth"]
    rows.at_most("traces for an unknown batch", growth["traces"]["compiled"], 1)
    for name, share in growth["again"].items():
        rows.at_most(f"new landmarks, {name}, time over compiling", share, 0.2)
    rows.at_most("tables of K=10 at 400 angles, seconds", growth["tables"]["seconds"], 2.0)


_PARTS = {
    "speed": _speed,
    "missing": _missing,
    "attitude": _attitude,
    "startup": _startup,
    "exactness": _exactness,
    "growth": _growth,
}
