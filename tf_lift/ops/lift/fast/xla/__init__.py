"""Operations in the form that XLA compiles to fast loops."""
