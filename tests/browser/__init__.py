"""The sandbox's page in a real headless Chromium."""
