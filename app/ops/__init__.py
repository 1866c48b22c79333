"""The appliance: the box, and what keeps an installation healthy."""
