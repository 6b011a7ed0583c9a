"""What all tests of this package run in."""

import torch
from hypothesis import settings

# How long an example takes is not what the tests are about.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Small networks wait longer for a second thread than they gain from it; workers have one as well.
torch.set_num_threads(1)
