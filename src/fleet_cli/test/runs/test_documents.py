"""Every command in the README is executed, every link leads somewhere, every topic in the reference is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bags import counts, topics
from conftest import ROOT, Ended
from results import require_results
from running import TIMEOUT_S

from fleet_contract.topics import FUTURES_TOPIC, SIGNAL_VERSION_TOPIC
from fleet_experiments.page import filled

pytestmark = pytest.mark.slow
BLOCKS = re.findall(r"```bash\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
MAIN_JOB = "./fleet up --ticks 150 --headless --report out"
LARGE_JOB = "./fleet up --ticks 20 --headless --robots 20 --supervisors 4 --report twenty"
BY_HAND = {"./fleet test", "./fleet up", "./fleet up --operators 1", MAIN_JOB, LARGE_JOB}


def plain(command: str, cwd: Path, limit_s: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    words = command.replace("./fleet", str(ROOT / "fleet")).split()
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=limit_s, check=False)


def test_the_readme_names_the_commands_that_are_tested_by_hand() -> None:
    assert set(COMMANDS) >= BY_HAND
    assert COMMANDS[:2] == [MAIN_JOB, "./fleet test"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("./fleet") and c not in BY_HAND])
def test_a_command_of_the_readme(command: str, tmp_path: Path) -> None:
    done = plain(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for folder in re.findall(r"--report (\S+)", command):
        if ticks := re.findall(r"--ticks (\d+)", command):
            assert json.loads((tmp_path / folder / "summary.json").read_text())["ticks"] == int(ticks[0])
        else:
            require_results(tmp_path / folder, command)
    if "jeffreys" in command:
        require_figure_2(tmp_path / "figure_2")
    if "--real-time" in command:
        require_real_time_run(tmp_path / "real", ticks=20)


def require_figure_2(folder: Path) -> None:
    """Check that the divergences are those of numerical integration."""
    assert (folder / "jeffreys.png").stat().st_size > 10_000
    for row in json.loads((folder / "results.json").read_text())["rows"]:
        allowed = max(0.05 * row["integrated_nats"], 4 * row["standard_error_nats"])
        assert abs(row["langevin_nats"] - row["integrated_nats"]) <= allowed


def require_real_time_run(folder: Path, ticks: int) -> None:
    """Check that nothing was lost but actions, which on a busy machine may come too late: then the robot has held."""
    summary, found = json.loads((folder / "summary.json").read_text()), counts(folder / "bag")
    assert (summary["mode"], summary["ticks"]) == ("real_time", ticks)
    for robot in range(1, 5):
        assert found[f"/robot_{robot:02d}/observation"] == ticks
        assert 0 < found[f"/robot_{robot:02d}/action"] <= ticks


def test_the_runs_that_the_other_tests_look_at(long_run: Ended, large_run: Ended) -> None:
    assert (long_run.command, large_run.command) == (MAIN_JOB, LARGE_JOB)
    assert (long_run.code, large_run.code) == (0, 0), long_run.err + large_run.err


def test_the_test_command_is_what_the_continuous_integration_runs() -> None:
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if not line.startswith(("#", "set"))]
    assert commands[0] == "export CI=true"
    assert re.fullmatch(r'exec ".+/\.\./fleet" test </dev/null', commands[1])
    assert len(commands) == 2


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(("colcon", "ros2"))])
def test_a_command_for_a_real_ros_2(command: str, tmp_path: Path) -> None:
    if not shutil.which("ros2"):
        pytest.skip("no ros2 command is installed")
    shutil.copytree(ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(".*", "build", "install", "log"))
    done = plain(command, tmp_path / "tree", 2 * TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_lead_to_files() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document}: {target}"


@pytest.mark.parametrize("name", ["results", "benchmarks"])
def test_a_page_of_results_says_what_its_results_say(name: str) -> None:
    page = ROOT / f"docs/{name}.md"
    text = page.read_text()
    assert "<!-- table " in text
    assert filled(text, page.parent) == text


def test_the_reference_names_exactly_the_recorded_topics(long_run: Ended) -> None:
    text = (ROOT / "docs/reference/topics.md").read_text()
    named = {name.replace("/robot_XX", "/robot_01") for name in re.findall(r"^\| `(/[^`]+)`", text, re.MULTILINE)}
    named = {name for name in named if "supervise" not in name and "emergency_stop`" not in name}
    named -= {"/diagnostics_agg", "/diagnostics_toplevel_state", "/robot_01/readmit"}
    named |= {"/robot_01/camera/camera_info"}
    recorded = {topic for topic in topics(long_run.folder / "bag") if not re.match(r"/robot_0[2-9]", topic)}
    video = "/robot_01/camera/video/compressed"
    seen_only = {"/fleet/markers", "/tf_static", video}
    seen_only |= {f"/robot_01/{topic}" for topic in ("observation", "status", "action")}
    without_monitor = {f"/robot_01/{FUTURES_TOPIC}", f"/{SIGNAL_VERSION_TOPIC}"}
    assert recorded == named - seen_only - without_monitor - {"/fleet/emergency_stop", "/fleet/recording"}


def test_the_reference_names_exactly_the_checks_that_are_told(long_run: Ended) -> None:
    """Of the nodes that this run has."""
    text = (ROOT / "docs/reference/topics.md").read_text()
    rows = re.findall(r"^\| (`\w+: .+?) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+: [^`]+)`", row)}
    told = {re.sub(r"robot_\d+", "robot_XX", name) for name in long_run.summary["diagnostics"]}
    told = {re.sub(r"human_\d+", "human_YY", name) for name in told}
    assert told == {name for name in named if name.split(":")[0] in {known.split(":")[0] for known in told}}
