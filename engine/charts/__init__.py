"""Charts as inline SVG: text keeps its size on every screen, colours come from the page, and every chart says in words what it shows.

Across, places are percentages of the width, which the page decides; down, they are pixels.
"""
