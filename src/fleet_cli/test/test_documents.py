"""Every command in the README is executed, every link leads somewhere, every topic in the reference is there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from bags import counts
from conftest import Ended

from fleet_experiments.page import filled

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = re.findall(r"```bash\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
MAIN_JOB = "./fleet up --ticks 150 --headless --report out"
LARGE_JOB = "./fleet up --ticks 20 --headless --robots 20 --supervisors 4 --report twenty"
BY_HAND = {"./fleet test", "./fleet up", "./fleet up --operators 1", MAIN_JOB, LARGE_JOB}


def plain(command: str, cwd: Path, limit_s: float = 240) -> subprocess.CompletedProcess[str]:
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
            assert json.loads((tmp_path / folder / "results.json").read_text())["command"] == command


def test_the_runs_that_the_other_tests_look_at(long_run: Ended, large_run: Ended) -> None:
    assert (long_run.command, large_run.command) == (MAIN_JOB, LARGE_JOB)
    assert (long_run.code, large_run.code) == (0, 0), long_run.err + large_run.err


def test_the_test_command_is_what_the_continuous_integration_runs() -> None:
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if not line.startswith(("#", "set"))]
    assert commands[0] == "export CI=true"
    assert re.fullmatch(r'exec ".+/\.\./fleet" test </dev/null', commands[1])
    assert len(commands) == 2


def test_a_run_without_end_ends_on_ctrl_c(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
    with subprocess.Popen(
        [ROOT / "fleet", "up"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("tick "):
                os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 0, said
    assert list(tmp_path.glob("runs/*_block_push/summary.json"))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(("colcon", "ros2"))])
def test_a_command_for_a_real_ros_2(command: str, tmp_path: Path) -> None:
    if not shutil.which("ros2"):
        pytest.skip("no ros2 command is installed")
    shutil.copytree(ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(".*", "build", "install", "log"))
    done = plain(command, tmp_path / "tree", 600)
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
    recorded = {topic for topic in counts(long_run.folder / "bag") if not re.match(r"/robot_0[2-9]", topic)}
    video = "/robot_01/camera/video/compressed"
    seen_only = {"/fleet/markers", "/tf_static", video}
    assert recorded == named - seen_only - {"/fleet/emergency_stop", "/fleet/recording"}


def test_the_reference_names_exactly_the_checks_that_are_told(long_run: Ended) -> None:
    """Of the nodes that this run has."""
    text = (ROOT / "docs/reference/topics.md").read_text()
    rows = re.findall(r"^\| (`\w+: .+?) \|", text, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+: [^`]+)`", row)}
    told = {re.sub(r"robot_\d+", "robot_XX", name) for name in long_run.summary["diagnostics"]}
    told = {re.sub(r"human_\d+", "human_YY", name) for name in told}
    assert told == {name for name in named if name.split(":")[0] in {known.split(":")[0] for known in told}}
