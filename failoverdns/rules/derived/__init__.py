"""Facts that follow from the state, such as what a name answers or which side is healthy."""
