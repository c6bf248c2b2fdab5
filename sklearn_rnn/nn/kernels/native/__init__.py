"""Back-propagation through time, compiled for the CPU.

`library` finds the compiled loops and chooses threads, `functions` makes them differentiable, the C
files are the loops themselves. `sklearn_rnn.nn.recurrence` decides when they run.
"""
