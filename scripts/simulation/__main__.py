"""`python -m simulation`."""

from simulation.command import main

if __name__ == "__main__":
    main()
