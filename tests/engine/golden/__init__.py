"""Golden runs: small worlds in which every rule is at work, kept with what the oracle says about them."""
