"""`tf-lift demo`: a web page that lifts photos, videos and a webcam."""

from typing import Annotated

import typer

from tf_lift.cli.application import app


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(help="Port to serve at. [default: the first free one from 7860]")
    ] = None,
    share: Annotated[
        bool,
        typer.Option("--share", help="Give the page a public address, through Gradio's servers."),
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    prior: Annotated[
        str, typer.Option(help="Pose prior: people, cmu (smaller, faster), or a file.")
    ] = "people",
) -> None:
    """Serves a web page: a photo, a video or a webcam in, people in 3D out. Ctrl-C ends it.

    Pictures stay on this machine unless --share is given.
    """
    from tf_lift import PosePrior
    from tf_lift.inference import demo as page
    from tf_lift.inference import estimator
    from tf_lift.io import extras

    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"`--port` must be 1 to 65535. Received: {port}")
    # Before the prior and the detector, which take their time.
    extras.require("gradio", "the demo", "demo")
    blocks = page.build(estimator.PoseEstimator(PosePrior.load(prior)))
    blocks.launch(server_port=port, share=share, inbrowser=browser)
