"""What reads the code without running it finds nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_lint() -> None:
    done = subprocess.run([ROOT / "scripts/lint"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_pickle() -> None:
    code = [path for folder in ("src", "launch", "scripts", "examples") for path in (ROOT / folder).rglob("*.py")]
    for path in code:
        text = path.read_text(encoding="utf-8")
        if path != Path(__file__):
            assert "import pickle" not in text, path
            assert "torch.load(" not in text, path
            assert "allow_pickle=True" not in text, path


def test_images_are_small() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert all((ROOT / file).stat().st_size < 5_000_000 for file in files if (ROOT / file).exists())
