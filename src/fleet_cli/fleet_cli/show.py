"""Shows the expert of a task of the simulated benchmark."""

from __future__ import annotations

from pathlib import Path

from fleet_bringup.display import has_display
from fleet_bringup.run_setup import config_folder
from fleet_contract.robot import RobotContract
from fleet_contract.validation import read_yaml


def show(env: str, out: Path | None, *, style: str | None, seconds: float, seed: int) -> Path:
    """Film the expert of a task, also open a viewer if there is a display, and return the video file.

    Raises:
        InputError: there is no such task or style.
    """
    from fleet_experiments.experts.experiment import require_benchmark
    from fleet_experiments.experts.video import Performance, film, styles, watch
    from fleet_supervisors.supervisors import require_supervisor

    require_benchmark(env)
    chosen = style or styles(env)[0]
    require_supervisor(env, chosen)
    contract = read_yaml(config_folder() / f"robots/{env}.yaml", RobotContract)
    path = out or Path(f"{env}_{chosen}.mp4")
    film(Performance(env, chosen, contract, seed), seconds, path)
    if has_display():
        watch(Performance(env, chosen, contract, seed), seconds)
    return path
