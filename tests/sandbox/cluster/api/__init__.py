"""What the embedded API server promises; the contract files hold for a real one too."""
