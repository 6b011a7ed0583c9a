"""A headless browser for tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def headless_chromium(*options: str) -> Iterator[Any]:
    """Yield a Chromium driven by Selenium, with further options; skip the test if none is installed."""
    binary, driver = (
        next(filter(None, map(shutil.which, names)), None)
        for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))
    )
    if not (binary and driver):
        pytest.skip("no Chromium with its driver installed (apt-get install chromium chromium-driver)")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    chrome_options = ChromeOptions()
    chrome_options.binary_location = binary
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", *options):
        chrome_options.add_argument(option)
    chrome = Chrome(chrome_options, Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()
