"""trajset: versioned datasets of search-agent trajectories."""
