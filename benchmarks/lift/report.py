"""Prints the benchmark of the lift: its progress, and its figures as tables."""

import contextlib

__all__ = ["progress_bar", "tables", "targets_table"]


@contextlib.contextmanager
def progress_bar(title, console):
    """Shows progress on a terminal; yields a function of the share that is done and a text."""
    from rich import progress

    columns = (
        "[progress.description]{task.description}",
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=1.0)

        def advance(share, text):
            bar.update(task, completed=share, description=f"{title}: {text}" if text else title)

        yield advance


def tables(part: str, results: dict):
    """Yields the lines of one part's tables."""
    yield ""
    yield from {
        "speed": _speed,
        "missing": _missing,
        "attitude": _attitude,
        "startup": _startup,
        "exactness": _exactness,
        "growth": _growth,
        "roofline": _roofline,
    }[part](results)


def targets_table(rows):
    """Yields the lines of the aims, each MET or NOT MET."""
    if not rows:
        return
    width = max(len(row["what"]) for row in rows)
    yield f"\n{'':{width}}  {'measured':>10}  {'aim':>11}"
    for row in rows:
        aim = f"{'<=' if row['at_most'] else '>='} {row['target']:.4g}"
        met = "MET" if row["met"] else "NOT MET"
        yield f"{row['what']:{width}}  {row['value']:10.4g}  {aim:>11}  {met}"
    yield f"{sum(row['met'] for row in rows)} of {len(rows)} aims met"


def _timed(candidates, column, title):
    width = max(map(len, candidates))
    yield f"{'':{width}}  {'ms':>10}  {'poses/s':>12}  {title:>14}  {'first call, s':>13}"
    for name, figures in candidates.items():
        yield (
            f"{name:{width}}  {1e3 * figures['seconds']:10.3f}  "
            f"{figures['poses_per_second']:12,.0f}  {figures[column]:14.3f}  "
            f"{figures['first_call_seconds']:13.2f}"
        )


def _speed(results):
    speed = results["speed"]
    yield f"{speed['batch']} poses, all landmarks visible; ratios are to {speed['matmul']}"
    yield from _timed(speed["candidates"], "times_matmul", "x bare matmul")
    for name, ratio in speed["backward"].items():
        yield f"forward + backward over forward, {name}: {ratio:.3f}"
    for prior, ratios in speed["compared"].items():
        for title, ratio in ratios.items():
            yield f"{prior}, {title}: {ratio:.3f}"
    yield "one pose, microseconds a call:"
    for name, value in results["latency_us"].items():
        yield f"  {name:24} {value:8.1f}"


def _missing(results):
    missing = results["missing"]
    for prior, kinds in missing["rows"].items():
        for kind, rows in kinds.items():
            yield f"{missing['batch']} poses, {prior}, {kind}"
            yield from _timed(rows, "share_of_all_visible", "x all visible")


def _attitude(results):
    attitude = results["attitude"]
    for kind, rows in attitude["rows"].items():
        yield f"{attitude['batch']} poses, by what is known of the camera, {kind}"
        yield from _timed(rows, "times_level", "x level's time")


def _startup(results):
    startup = results["startup"]
    for prior, seconds in startup["compile_seconds"].items():
        times = ", ".join(f"{dtype} masks {value:.2f} s" for dtype, value in seconds.items())
        yield f"{prior}: compiled for any mix of masks of {startup['batch']} poses: {times}"
    for prior, value in startup["first_lift_seconds"].items():
        yield f"{prior}: first lift of a process, tables included: {value:.2f} s"


def _exactness(results):
    exactness = results["exactness"]
    yield f"float32 against brute force in float64: {exactness['poses']}"
    runs = exactness["runs"]
    width = max(len(f"{run}, compiled") for run in runs)
    heads = ("energy, most", "<= 1e-4", "joints, mm", "<= 0.1 mm", "<= 1 mm", "ties", "other")
    yield f"{'':{width}}" + "".join(f"{head:>14}" for head in heads)
    for run, its in runs.items():
        for way, figures in its["ways"].items():
            cells = (
                f"{figures['energy_largest']:.2g}",
                f"{100 * figures['energy_within_1e-4']:.2f} %",
                f"{figures['joints_largest_mm']:.3g}",
                f"{100 * figures['joints_within_0.1_mm']:.2f} %",
                f"{100 * figures['joints_within_1_mm']:.2f} %",
                f"{figures['ties']}",
                f"{figures['other_candidate']}",
            )
            yield f"{f'{run}, {way}':{width}}" + "".join(f"{cell:>14}" for cell in cells)
    yield "ties count apart; other: poses for which another candidate was chosen"
    for run, its in runs.items():
        for way, figures in its["ways"].items():
            worst = (
                f"{count}: {values['energy_largest']:.1g}, {values['joints_largest_mm']:.1g} mm"
                for count, values in figures.get("by_missing", {}).items()
            )
            text = "; ".join(worst)
            if text:
                yield f"{run}, {way}, largest errors by number missing: {text}"


def _growth(results):
    growth = results["growth"]
    heads = ("ms", "x matmul", "us a pose", "peak MiB", "compile, s", "tables, s", "tables, MiB")
    yield f"{'':18}" + "".join(f"{head:>13}" for head in heads)
    for axis, its in growth.items():
        if axis in ("tables", "traces", "again"):
            continue
        for size, figures in its["sizes"].items():
            if "failed" in figures:
                yield f"{axis + ' ' + size:18}  failed: {figures['failed']}"
                continue
            cells = (
                f"{1e3 * figures['seconds']:.3f}",
                f"{figures['seconds'] / figures['matmul_seconds']:.2f}",
                f"{1e6 * figures['seconds'] / figures['batch']:.2f}",
                f"{figures['peak_bytes'] / 2**20:.1f}",
                f"{figures['compile_seconds']:.2f}",
                f"{figures['tables_seconds']:.2f}",
                f"{figures['tables_bytes'] / 2**20:.1f}",
            )
            yield f"{axis + ' ' + size:18}" + "".join(f"{cell:>13}" for cell in cells)
        powers = [its[f"{name}_exponent"] for name in ("time", "memory")]
        texts = ["unknown" if power is None else f"{power:.2f}" for power in powers]
        yield f"{'':4}over the last two: time ~ size^{texts[0]}, memory ~ size^{texts[1]}"
    tables = growth["tables"]
    yield (
        f"tables of {tables['of']}: {tables['seconds']:.2f} s, {tables['bytes'] / 2**20:.1f} MiB, "
        + ("kept after the first call" if tables["kept"] else "built again by each call")
    )
    traces = ", ".join(f"{kind} {count}" for kind, count in growth["traces"].items())
    yield f"traces for an unknown batch: {traces}"
    again = ", ".join(f"{name} {share:.3f}" for name, share in growth["again"].items())
    yield f"a call on new landmarks over the one that compiles: {again}"


def _roofline(results):
    roof = results["roofline"]
    measured = [
        name + (" measured" if roof["measured"][name] else " given") for name in roof["measured"]
    ]
    yield (
        f"{roof['bandwidth_gb_s']:.1f} GB/s, {roof['rate_tflop_s']:.2f} TFLOP/s "
        f"({', '.join(measured)})"
    )
    for batch, its in roof["batches"].items():
        yield (
            f"{batch} poses: {1e3 * its['seconds']:.3f} ms, at least "
            f"{1e3 * its['bound_seconds']:.3f} ms by {its['limited_by']}: "
            f"{100 * its['share_of_bound']:.1f} % of the limit"
            + (f"; the bodies of {its['loops']} loops count once" if its["loops"] else "")
        )
