"""How long an example takes is not what the tests are about; some compare with what is kept for benchmarks."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.append(str(Path(__file__).parents[1] / "bench"))
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
