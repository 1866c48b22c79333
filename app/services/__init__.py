"""Use cases: plain async functions that own their transaction; the layers above map their errors, they never catch them."""
