"""What all tests of this package run in."""

import torch

# Small networks wait longer for a second thread than they gain from it; workers have one as well.
torch.set_num_threads(1)
