"""From (ecosystem, name, version) to a verified artifact: Debian repositories and the Python package index.

Which repositories are asked is the user's own configuration of apt, pip and uv, or an address that the user gives; none
is named here. Chooses nothing for an image: that is a plan's work.
"""
