"""Fast paths of the lift: shortlists of candidates and their exact ranking."""
