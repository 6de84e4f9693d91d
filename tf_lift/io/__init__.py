"""Files and optional packages: whole-or-nothing writing, npz, imports at first use."""
