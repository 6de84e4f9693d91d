"""`tf-lift detector install` and `show`: the networks of the default detector."""

import pathlib
from typing import Annotated

import typer

from tf_lift.cli.application import app

detector = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Installs and shows the networks of the default detector of people.",
)
app.add_typer(detector, name="detector")

_Folder = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="Folder of the networks. [default: that of TF_LIFT_DETECTOR_FOLDER, else the "
        "user's cache]"
    ),
]


@detector.command()
def install(
    source: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            "--from",
            help="Take the networks from here, without a download: a wheel of mediapipe 0.10.21, a "
            "folder, or twice, for the two files.",
            show_default=False,
        ),
    ] = None,
    folder: _Folder = None,
) -> None:
    """Downloads the networks with pip and checks them. This also happens at first use."""
    from rich.console import Console

    from tf_lift.inference.people import install as installation

    console = Console()
    written = installation.install(
        folder, source or (), say=lambda line: console.print(line, style="dim", soft_wrap=True)
    )
    console.print(f"Installed in {written}", highlight=False, soft_wrap=True)


@detector.command()
def show(folder: _Folder = None) -> None:
    """Shows where the networks are, and whether they are whole."""
    from rich.console import Console

    from tf_lift.inference.people import install as installation
    from tf_lift.inference.people import networks

    folder = networks.default_folder() if folder is None else folder
    console = Console()
    console.print(
        f"{folder} (from {installation.REQUIREMENT}, {installation.LICENCE})", soft_wrap=True
    )
    for file in networks.NETWORKS:
        state = networks.state(file, folder)
        console.print(f"{file.name}  {file.num_bytes / 1e6:.1f} MB  {state}", highlight=False)
    if networks.missing(folder):
        console.print("To install them: tf-lift detector install", highlight=False)
