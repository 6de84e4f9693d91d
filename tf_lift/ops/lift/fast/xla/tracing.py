"""Whether the function being traced is one that XLA compiles as a whole."""

__all__ = ["is_compiled_as_a_whole"]


def is_compiled_as_a_whole() -> bool:
    """Returns whether XLA compiles all that is traced now as one program."""
    return False
