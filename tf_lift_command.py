"""The console script `tf-lift`: starts the command line without loading TensorFlow.

`import tf_lift` loads TensorFlow, which takes seconds, so that Keras knows the package's
classes when it reads a saved model. The commands import those classes themselves. So where this
module is loaded first, `import tf_lift` loads nothing, and `tf-lift --help` answers at once.
"""

__all__ = ["main"]


def main(arguments=None) -> int:
    """Runs the command line, see `tf_lift.cli.main`."""
    from tf_lift import cli

    return cli.main(arguments)
