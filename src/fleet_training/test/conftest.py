"""What all tests of this package run in."""

import torch

# Small networks wait longer for a second thread than they gain from it.
torch.set_num_threads(1)
