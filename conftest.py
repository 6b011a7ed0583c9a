"""What all tests run in."""

from hypothesis import settings

# How long an example takes is not what the tests are about, and a run that found nothing new must find nothing new again.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
# Looks for examples that nobody has thought of: `./fleet test --explore`.
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("repeatable")
