"""The ambient mesh: joining and leaving it, waypoints, and the proof that it takes requests."""
