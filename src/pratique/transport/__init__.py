"""Bounded, verified fetches over HTTP, for every room that needs one: credentials bound to origins, retries, resume.

Says nothing about what is fetched. Who calls it names a limit or a digest, and gets all of the bytes or an error.
"""

from pratique.transport.address import Address
from pratique.transport.client import Transport
from pratique.transport.credentials import Credential, Secret, parse_netrc
from pratique.transport.exchange import Answer
from pratique.transport.transfer import MissingError

__all__ = ["Address", "Answer", "Credential", "MissingError", "Secret", "Transport", "parse_netrc"]
