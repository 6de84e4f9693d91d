"""`tf-lift synthetic-people`."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app


@app.command("synthetic-people")
def synthetic_people(
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="PNG file to write.")
    ] = pathlib.Path("people.png"),
    number: Annotated[int, typer.Option(help="Number of people.")] = 24,
    image_size: Annotated[int, typer.Option(help="Side of each image, px.")] = 128,
    columns: Annotated[int, typer.Option(help="Images in a row.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the people.")] = 0,
    first: Annotated[int, typer.Option(help="Index of the first person.")] = 0,
    landmarks: Annotated[
        bool, typer.Option("--landmarks", help="Draw the true landmarks too.")
    ] = False,
    mocap: Annotated[
        pathlib.Path | None,
        typer.Option(help="npz file of poses. [default: drawn from the shipped prior]"),
    ] = None,
    bits: Annotated[
        int, typer.Option(help="Bits of each colour, 1 to 8; fewer give a smaller file.")
    ] = 8,
) -> None:
    """Draws a sheet of synthetic people, the embedded training data."""
    import numpy as np
    from rich.console import Console

    from tf_lift.data.synthetic import people as synthetic
    from tf_lift.data.synthetic import pool
    from tf_lift.viewing import figures

    for name, value in (("number", number), ("columns", columns)):
        if value < 1:
            raise ValueError(f"`--{name}` must be at least 1. Received: {value}")
    if not 1 <= bits <= 8:
        raise ValueError(f"`--bits` must be 1 to 8. Received: {bits}")
    poses: np.ndarray
    if mocap is None:
        from tf_lift.prior import PosePrior

        poses = PosePrior.load().sample(max(number, 1000), seed=seed)
    else:
        from tf_lift.data.formats.mocap import load_poses

        poses = load_poses(mocap).poses
    people = synthetic.SyntheticPeople(poses, image_size=image_size, seed=seed)
    drawn = pool.render_pool(people, np.arange(first, first + number), progress=True)
    # The middle of each step between the colours that are left.
    step = 2 ** (8 - bits)
    sheet = figures.contact_sheet(
        (drawn["image"] // step * step + step // 2).astype(np.uint8),
        landmarks=drawn["landmarks"] if landmarks else None,
        visibility=drawn["visibility"] if landmarks else None,
        columns=columns,
    )
    path = figures.save(sheet, output, dpi=200 if landmarks else 100)
    Console().print(f"{number} people of {image_size} px; wrote {path}")
