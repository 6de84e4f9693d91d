"""One person over the frames of a sequence: `tf_lift.lift_sequence`."""
