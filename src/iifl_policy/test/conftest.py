"""How long an example takes is not what the tests are about."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
