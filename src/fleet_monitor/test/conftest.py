"""Settings and a small world model of all tests of this package."""

import numpy as np
import pytest
import torch
from moving_dot import CONFIG, episodes

from fleet_monitor.world_model import WorldModel, new_world_model

# Small networks lose more time to a second thread than they gain from it.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world_model() -> WorldModel:
    """A world model that has learned how the dot moves."""
    seen = episodes(40, 20, seed=0)
    model, _ = new_world_model(CONFIG, seed=0).fit_autoencoder(np.concatenate(seen), steps=250, seed=0)
    model, _ = model.fit_dynamics([model.encode(images) for images in seen], steps=200, seed=0)
    return model
