"""What `fit` learns about the form of the data, with its inverse."""
