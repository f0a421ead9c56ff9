"""The guided tour through the workshop."""
