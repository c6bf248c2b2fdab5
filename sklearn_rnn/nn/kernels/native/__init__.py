"""Back-propagation through time, compiled for the CPU.

`library` finds the compiled loops, `layer` lays out what they read and write, `functions` makes them
differentiable, and the C files are the loops themselves. `sklearn_rnn.nn.kernels.choose` decides when they
run.
"""
