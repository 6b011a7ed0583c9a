from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from yumi_driver.sim_controller.controller_clock import ControllerClock
from yumi_driver.sim_controller.event_log import EventLog
from yumi_driver.sim_controller.panel import ControllerState, OperationMode, OperatorPanel
from yumi_driver.sim_controller.refusal import Refusal


class PanelMachine(RuleBasedStateMachine):
    """Motors are on only if they were switched on after all causes of a stop had ended."""

    @initialize()
    def switch_on(self):
        self.interruptions = 0
        self.guard_open = self.pressed = self.released = self.manual = self.motors = False
        self.panel = OperatorPanel(EventLog(ControllerClock(0.004)))
        self.panel.when_motors_go_off(self.count)
        assert self.panel.state is ControllerState.MOTORS_OFF

    def count(self):
        assert self.panel.state is not ControllerState.MOTORS_ON
        self.interruptions += 1

    def interrupt(self, action):
        before = self.interruptions
        action()
        self.motors = False
        assert self.interruptions == before + 1

    @rule()
    def motors_on(self):
        closed = not (self.guard_open or self.pressed or self.released or self.manual)
        try:
            self.panel.motors_on()
        except Refusal:
            assert not closed
        else:
            assert closed
            self.motors = True

    @rule()
    def motors_off(self):
        self.panel.motors_off()
        self.motors = False

    @rule()
    def open_guard(self):
        self.interrupt(self.panel.open_guard)
        self.guard_open = True

    @rule()
    def close_guard(self):
        self.panel.close_guard()
        self.guard_open = False

    @rule()
    def press(self):
        self.interrupt(self.panel.press_emergency_stop)
        self.pressed, self.released = True, False
        assert self.panel.state is ControllerState.EMERGENCY_STOP

    @rule()
    def release(self):
        if self.pressed:
            self.panel.release_emergency_stop()
            self.pressed, self.released = False, True
            assert self.panel.state is ControllerState.EMERGENCY_STOP_RESET

    @rule()
    def reset(self):
        if self.released:
            self.panel.reset_emergency_stop()
            self.released = False

    @rule()
    def manual_mode(self):
        self.interrupt(lambda: self.panel.select_mode(OperationMode.MANUAL))
        self.manual = True

    @rule()
    def automatic_mode(self):
        self.interrupt(lambda: self.panel.select_mode(OperationMode.AUTOMATIC))
        self.manual = False

    @invariant()
    def motors_are_on_only_when_it_is_safe(self):
        assert (self.panel.state is ControllerState.MOTORS_ON) == self.motors


PanelMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
TestPanel = PanelMachine.TestCase
