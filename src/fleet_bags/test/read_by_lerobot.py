"""Saves what lerobot reads from a folder: `python read_by_lerobot.py FOLDER OUT.npz` in an environment with lerobot."""

import sys
from importlib.metadata import version

import numpy as np
import torch
from lerobot.datasets.compute_stats import get_feature_stats
from lerobot.datasets.lerobot_dataset import LeRobotDataset

folder, out = sys.argv[1:]
dataset = LeRobotDataset("own/export", root=folder)
parts: dict[str, list[np.ndarray]] = {}
for batch in torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=False):
    for name, values in batch.items():
        parts.setdefault(name, []).append(values.numpy() if torch.is_tensor(values) else np.array(values))
found = {name: np.concatenate(values) for name, values in parts.items()}
chunked = LeRobotDataset("own/export", root=folder, delta_timestamps={"action": [0.0, 1 / dataset.fps]})
found["next_action"] = np.stack([chunked[index]["action"][1].numpy() for index in range(len(chunked))])
found["next_is_pad"] = np.array([bool(chunked[index]["action_is_pad"][1]) for index in range(len(chunked))])
own = dataset.meta.stats["observation.state"]
theirs = get_feature_stats(found["observation.state"].astype(np.float64), axis=0, keepdims=False)
for kind in ("min", "max", "mean", "std", "count"):
    np.testing.assert_allclose(own[kind], theirs[kind], rtol=1e-5)
np.savez(out, **found)
print(f"lerobot {version('lerobot')}, torch {torch.__version__}, {dataset.num_episodes} episodes, {dataset.fps} fps")
