"""Every way to run a layer, a step or an output layer; `choose` decides which."""
