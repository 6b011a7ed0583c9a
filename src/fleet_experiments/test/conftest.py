"""Settings for all tests of this package."""

import torch

# With small networks, waiting for a second thread takes longer than it saves; workers use one thread as well.
torch.set_num_threads(1)
