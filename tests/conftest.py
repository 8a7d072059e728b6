"""Settings of the whole suite."""

from hypothesis import settings

# No test fails because a machine was slow.
settings.register_profile("failoverdns", deadline=None)
settings.load_profile("failoverdns")
