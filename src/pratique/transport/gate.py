"""Which addresses may be fetched, and where a redirect may lead."""

from msgspec import Struct

from pratique.model.errors import InputError, UnsupportedError, UntrustedError
from pratique.transport.address import Address


class Gate(Struct, frozen=True):
    """The addresses that the user's own configuration names; https needs no permission."""

    permitted: tuple[Address, ...] = ()

    def admit(self, address: Address) -> None:
        """Let an address pass that is https, or at or below a permitted one.

        Raises:
            UnsupportedError: it is neither.
        """
        if address.scheme != "https" and not any(address.below(p) for p in self.permitted):
            raise UnsupportedError(
                f"{address.scheme} is fetched only where the machine's own configuration names the address",
                place=str(address),
                remedy="Use an https address",
            )

    def follow(self, here: Address, location: str) -> Address:
        """Return where a redirect leads: the same origin, https, or http (never from https) to a permitted origin.

        Raises:
            UntrustedError: anywhere else.
        """
        try:
            there = here.join(location) if location else here
        except (InputError, UnsupportedError) as error:
            raise UntrustedError("a redirect that leads to no address", place=str(here)) from error
        if not location or not self._open(here, there):
            origin = f"{there.scheme}://{there.host}:{there.port}"
            raise UntrustedError(
                f"a redirect that may not be followed, to {origin}",
                place=str(here),
                remedy="Name the address that it leads to, if it is meant",
            )
        return there

    def _open(self, here: Address, there: Address) -> bool:
        if there.origin == here.origin or there.scheme == "https":
            return there.scheme != "file"
        return (there.scheme, here.scheme) == ("http", "http") and any(
            there.origin == p.origin for p in self.permitted
        )
