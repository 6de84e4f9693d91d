"""Whether XLA compiles the function being traced as a whole."""

import tensorflow as tf

__all__ = ["is_compiled_as_a_whole"]


def is_compiled_as_a_whole() -> bool:
    """Returns whether the operations being traced become part of a program of XLA.

    True inside `tf.function(jit_compile=True)`, however deeply nested the function, loop or
    branch being traced, and so inside a Keras model compiled with `jit_compile=True`.
    TensorFlow marks the graph that such a function is called from with a control-flow
    context of XLA, which this searches for in all enclosing graphs.

    Decided once for each trace. A function that was traced before, called eagerly or loaded
    from a SavedModel, and that a compiled function calls is not traced again, and keeps the
    form that it has. Clusters that TensorFlow picks itself (`tf.config.optimizer.set_jit`)
    do not count.

    >>> compiles = lambda x: tf.constant(is_compiled_as_a_whole())
    >>> bool(tf.function(compiles, jit_compile=True)(1.0)), bool(tf.function(compiles)(1.0))
    (True, False)
    """
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        context = graph._get_control_flow_context()
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False
