"""The rules of each kind before it is stored: defaults, validation, allocation, deletion."""
