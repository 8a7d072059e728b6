"""What scripts/audit and scripts/release need beside well-kept tools."""
