"""Ground: what is true of Debian, Python and package URLs. Text to values and back; one file an ecosystem."""
