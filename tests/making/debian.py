"""The files of a small Debian root with a Python distribution: what catalogers look for."""

from tests.making.tar import Item, folder, symlink

OS_RELEASE = b'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'


def paragraph(
    name: str,
    version: str,
    *,
    source: str = "",
    arch: str = "amd64",
    status: str = "install ok installed",
    more: str = "",
) -> str:
    """Return one paragraph of a dpkg status file; ``more`` holds further whole lines."""
    lines = [f"Package: {name}", f"Status: {status}", f"Architecture: {arch}", f"Version: {version}"]
    if source:
        lines.append(f"Source: {source}")
    lines += more.splitlines()
    return "\n".join([*lines, f"Description: the package {name}", " in two lines"]) + "\n"


def status(*paragraphs: str) -> Item:
    return Item("var/lib/dpkg/status", "\n".join(paragraphs).encode())


def file_list(name: str, *paths: str) -> Item:
    return Item(f"var/lib/dpkg/info/{name}.list", "".join(f"/{p}\n" for p in (".", *paths)).encode())


def base() -> list[Item]:
    """Return a merged-usr root with os-release."""
    return [
        folder("etc"),
        folder("usr"),
        folder("usr/lib"),
        symlink("lib", "usr/lib"),
        Item("usr/lib/os-release", OS_RELEASE),
        symlink("etc/os-release", "../usr/lib/os-release"),
        folder("var"),
    ]


def distribution(
    name: str, version: str, *, site: str = "usr/local/lib/python3.11/dist-packages", extra: str = ""
) -> list[Item]:
    """Return a wheel's installed metadata and one module."""
    info = f"{site}/{name}-{version}.dist-info"
    metadata = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extra}\nLong text\nName: not this\n"
    )
    record = f"{name}/__init__.py,sha256=x,0\n{name}-{version}.dist-info/METADATA,,\n{name}-{version}.dist-info/RECORD,,\n"
    return [
        Item(f"{info}/METADATA", metadata.encode()),
        Item(f"{info}/RECORD", record.encode()),
        Item(f"{site}/{name}/__init__.py"),
    ]
