"""Records over time: documents of scans in one file, found again by image, package and vulnerability. Judges nothing."""

from pratique.fleet.record import Record, make_record, read_records
from pratique.fleet.rows import finding_names, purl_parts
from pratique.fleet.store import Store, open_store
from pratique.fleet.views import Known, LastFindings, Used, View

__all__ = [
    "Known",
    "LastFindings",
    "Record",
    "Store",
    "Used",
    "View",
    "finding_names",
    "make_record",
    "open_store",
    "purl_parts",
    "read_records",
]
