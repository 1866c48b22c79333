"""One file a strategy: its parameters, and the pure function from aligned quotes to candidate legs."""
