"""The box: the whole system on one machine, below one data folder, without root, Docker or a package manager."""
