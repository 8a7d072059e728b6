"""Draws the picture of a switch: `scripts/draw-switch`."""
