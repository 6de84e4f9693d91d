"""Learning a pose prior: statistics, clusters, EM and the choice of sizes."""
