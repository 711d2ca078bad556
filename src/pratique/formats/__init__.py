"""Ground: values to documents and back. No I/O, no clock; one file a format."""
