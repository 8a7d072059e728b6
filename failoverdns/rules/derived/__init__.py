"""What is so: facts that follow from the state, without deciding or reporting anything."""
