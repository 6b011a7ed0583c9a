"""A browser that nobody sees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def headless_chromium(*options: str) -> Iterator[Any]:
    """A Chromium driven by selenium, with more options; skips where there is none."""
    binary, driver = (
        next(filter(None, map(shutil.which, names)), None)
        for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    )
    if not (binary and driver):
        pytest.skip("no Chromium with its driver installed (apt-get install chromium chromium-driver)")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    chosen = ChromeOptions()
    chosen.binary_location = binary
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", *options):
        chosen.add_argument(word)
    chrome = Chrome(chosen, Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()
