"""One file a strategy: its parameters, and the pure function from the legs to what may be sent as one package."""
