"""OCI layouts that stereoscope's makers built for their own tests."""

from pathlib import Path

import pytest

from pratique.image import open_image
from pratique.model.errors import InputError, PratiqueError, UntrustedError

DATA = Path(__file__).parent.parent / "conformance" / "data" / "oci-images" / "stereoscope"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("invalid_file", InputError),
        ("no_manifests", InputError),
        ("valid_manifest", UntrustedError),
    ],
)
def test_the_broken_layouts_of_stereoscope(name: str, kind: type[PratiqueError]) -> None:
    with pytest.raises(kind):
        open_image(f"oci:{DATA / name}")


def test_the_layouts_of_stereoscope() -> None:
    image = open_image(f"oci:{DATA / 'valid_oci_dir'}")
    archive = open_image(f"oci-archive:{DATA / 'valid-oci.tar'}")
    assert image.source.digest == archive.source.digest
    assert len(image.layers) == len(archive.layers) == 1


def test_the_two_platforms_of_stereoscope() -> None:
    image = open_image(f"oci:{DATA / 'multiplatform_oci_dir'}", platform="linux/arm64")
    assert image.source.platform.startswith("linux/arm64")
    assert image.source.other_platforms == ("linux/amd64",)
