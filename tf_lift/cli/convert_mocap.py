"""`tf-lift convert-mocap`."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app


@app.command("convert-mocap")
def convert_mocap(
    files: Annotated[
        list[pathlib.Path],
        typer.Argument(
            help="Motion capture, any number: .bvh, .amc (with .asf), .c3d, .trc, Human3.6M "
            ".cdf, npz of this library or of VideoPose3D, FreeMoCap's .csv and .npy; folders; "
            "patterns in quotes.",
            show_default=False,
        ),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .npz, or for one clip .bvh, .c3d, .trc, .glb or .csv.",
        ),
    ] = pathlib.Path("poses.npz"),
    fps: Annotated[
        float | None,
        typer.Option(help="Poses per second; by default 10 for .npz, else all frames."),
    ] = None,
    skeleton: Annotated[
        str, typer.Option(help="Skeleton of the poses; `own` keeps the file's (not for .npz).")
    ] = "h36m17",
    map: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            help="JSON or YAML file that maps the joints, or the name of a built-in map "
            "(docs/mocap.md); by default found by the names of the joints."
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            help="Unit of the files: mm, cm, m, inch, foot, cmu, or a number of mm; by default "
            "that of the file, for .bvh the one that gives an adult's size."
        ),
    ] = None,
    up: Annotated[
        str | None,
        typer.Option(help="Axis that points up: x, y, z, -x, -y or -z; by default found."),
    ] = None,
    source_fps: Annotated[
        float | None,
        typer.Option(
            help="Frames per second of the files; by default as in the files (.amc: 120)."
        ),
    ] = None,
    asf: Annotated[
        pathlib.Path | None,
        typer.Option(help="Skeleton of the .amc files; by default found in their folder."),
    ] = None,
    drop_bad_frames: Annotated[
        bool,
        typer.Option(
            "--drop-bad-frames", help="Leave out frames with missing joints, and standstills."
        ),
    ] = False,
    credit: Annotated[
        str | None,
        typer.Option(
            help="Licence or credit to keep with the poses; by default that of npz files."
        ),
    ] = None,
) -> int:
    """Converts motion capture of any format to poses of one skeleton, mm, z up.

    Files that cannot be read or cannot be human are skipped and listed at the end. The exit
    code is 1 if any were skipped, 2 if nothing could be written.
    """
    from rich import progress
    from rich.console import Console

    from tf_lift.data.datasets import conversion

    console = Console()
    result = conversion.convert(
        files,
        output,
        fps=fps,
        skeleton=skeleton,
        map=map,
        unit=unit,
        up=up,
        source_fps=source_fps,
        asf_path=asf,
        drop_bad_frames=drop_bad_frames,
        credit=credit,
        track=lambda paths: progress.track(paths, "Files", console=console, transient=True),
    )
    if result.clips:
        console.print(_clip_table(result))
    if result.skipped:
        console.print(_skipped_table(result))
    if result.output is None:
        raise ValueError("no clip could be read; nothing was written")
    console.print(_sizes(result.clips), highlight=False)
    console.print(
        f"{len(result.clips)} clip{'s' if len(result.clips) > 1 else ''}, "
        f"{result.num_poses} poses of {'the joints of the file' if skeleton == 'own' else skeleton}"
        f"{f'; {len(result.skipped)} skipped' if result.skipped else ''}; wrote {result.output}",
        highlight=False,
    )
    return 1 if result.skipped else 0


# Largest number of clips that are all listed; of more, only those with notes are.
_MOST_LISTED = 30


def _sizes(clips):
    """Returns the units that were taken, and the heights that follow."""
    from tf_lift.data.motion import frames

    def span(values, form):
        low, high = form(min(values)), form(max(values))
        return low if low == high else f"{low} to {high}"

    units = sorted({clip.unit_mm for clip in clips if clip.unit_mm == clip.unit_mm})
    heights = [clip.height_mm for clip in clips if clip.height_mm == clip.height_mm]
    taken = ", ".join(frames.unit_name(unit) for unit in units) or "unknown"
    height = f"{span(heights, '{:,.0f}'.format)} mm" if heights else "unknown"
    return f"unit taken: {taken}; height from ankles to head: {height}"


def _clip_table(result):
    from rich import box, table, text

    from tf_lift.data.motion import frames

    clips = result.clips
    if len(clips) > _MOST_LISTED:
        clips = [clip for clip in clips if clip.notes]
    sheet = table.Table(box=box.SIMPLE, title="Clips" if clips == result.clips else "Notes")
    for name, justify in (
        ("clip", "left"),
        ("subject", "left"),
        ("frames", "right"),
        ("fps", "right"),
        ("poses", "right"),
        ("unit", "left"),
        ("height (mm)", "right"),
        ("note", "left"),
    ):
        sheet.add_column(name, justify=justify, overflow="fold")
    for clip in clips:
        # Plain text: rich would take "[T, 3]" for its own markup.
        sheet.add_row(
            text.Text(clip.clip),
            text.Text(clip.subject),
            str(clip.num_frames),
            f"{clip.source_fps:g}",
            str(clip.num_poses),
            frames.unit_name(clip.unit_mm),
            "" if clip.height_mm != clip.height_mm else f"{clip.height_mm:,.0f}",
            text.Text("; ".join(clip.notes)),
        )
    return sheet


def _skipped_table(result):
    from rich import box, table, text

    sheet = table.Table(box=box.SIMPLE, title="Skipped")
    sheet.add_column("file", overflow="fold")
    sheet.add_column("why", overflow="fold")
    for skipped in result.skipped:
        sheet.add_row(text.Text(str(skipped.path)), text.Text(skipped.reason))
    return sheet
