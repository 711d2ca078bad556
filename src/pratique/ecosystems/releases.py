"""Until when releases of distributions get security updates; copied from Debian's ``distro-info-data`` 0.58+deb12u7."""

from datetime import date

from pratique.model.base import Support
from pratique.model.inventory import Distribution

_SUPPORT: dict[tuple[str, str], tuple[date, date | None]] = {
    ("debian", "9"): (date(2020, 7, 18), date(2022, 6, 30)),
    ("debian", "10"): (date(2022, 9, 10), date(2024, 6, 30)),
    ("debian", "11"): (date(2024, 8, 14), date(2026, 8, 31)),
    ("debian", "12"): (date(2026, 7, 11), date(2028, 6, 30)),
    ("debian", "13"): (date(2028, 8, 9), date(2030, 6, 30)),
    ("ubuntu", "18.04"): (date(2023, 5, 31), date(2028, 4, 26)),
    ("ubuntu", "20.04"): (date(2025, 5, 29), date(2030, 4, 23)),
    ("ubuntu", "22.04"): (date(2027, 6, 1), date(2032, 4, 21)),
    ("ubuntu", "24.04"): (date(2029, 5, 31), date(2034, 4, 25)),
    ("ubuntu", "26.04"): (date(2031, 5, 29), date(2036, 4, 23)),
}


def support(distribution: Distribution | None) -> Support | None:
    """Return the support dates of a release; None where they are not known here."""
    if distribution is None:
        return None
    version = distribution.version_id
    key = (distribution.id, version.partition(".")[0] if distribution.id == "debian" else version)
    dates = _SUPPORT.get(key)
    return Support(regular=dates[0], extended=dates[1]) if dates else None
