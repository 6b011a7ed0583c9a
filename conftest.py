"""Profiles of property tests, for all packages."""

from hypothesis import settings

# A run that finds nothing new must find nothing new again, on a machine of any speed.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
# Fewer examples: `./fleet test --quick`.
settings.register_profile("quick", settings.get_profile("repeatable"), max_examples=15)
# Searches for new examples: `./fleet test --explore`.
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("repeatable")
