"""Settings of all tests of this package."""

import torch

# Small networks lose more time to a second thread than they gain from it.
torch.set_num_threads(1)
