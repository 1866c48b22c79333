"""The composition roots: settings and the hardware plan become the API, the worker, the box; each imports only what it is made of."""
