"""A scripted supervisor of the task: it walks straight to the goal. S = 4: position and goal; A = 2: displacement."""

import numpy as np

from teleop_gui.supervisor import ScriptedSupervisor


class Straight(ScriptedSupervisor):
    """Takes the longest step towards the goal that the contract allows."""

    def __init__(self, request):
        self._longest = float(request.contract.action_high_A.min())

    def act(self, state_S):
        to_goal_2 = state_S[2:] - state_S[:2]
        return to_goal_2 * min(1.0, self._longest / max(float(np.abs(to_goal_2).max()), 1e-9))
