"""The words of the page by language, a file for each but English."""
