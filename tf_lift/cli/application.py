"""The command line's application, and how it reports errors."""

import os
import sys

import typer

from tf_lift.io import native_output

__all__ = ["app", "main"]

app = typer.Typer(
    name="tf-lift",
    no_args_is_help=True,
    add_completion=False,
    # Square brackets in help texts are brackets, not styles.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="3D human pose by lifting belief maps or 2D landmarks with a pose prior.",
)


def main(arguments=None) -> int:
    """Runs the command line and returns its exit code.

    Args:
        arguments: List of strings; `None` for `sys.argv[1:]`.

    Returns:
        0 on success, 2 after a one-line message for bad input, 130 after Ctrl-C.
    """
    # Hides TensorFlow's notes from users of the command line. What it calls an error is a note,
    # too, as that there is no GPU: true errors are exceptions.
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        native_output.hide_on_import("tensorflow")
    try:
        result = app(args=arguments, standalone_mode=False)
    except (ValueError, OSError, ImportError) as error:
        print(f"tf-lift: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort:
        print("tf-lift: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        # Click's own usage errors: unknown option, missing argument.
        if hasattr(error, "format_message"):
            print(f"tf-lift: error: {error.format_message()}", file=sys.stderr)
            return 2
        raise
    return result if isinstance(result, int) else 0
