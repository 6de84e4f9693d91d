"""Learns a pose prior: statistics, clusters, EM and the choice of sizes. Internal."""
