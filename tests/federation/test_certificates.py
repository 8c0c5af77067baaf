"""Certificates of a federation: who may be whom, for how long, and which file nobody else may read."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from segpipe.errors import PipelineError
from segpipe.federation import certificates


def certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def test_who_is_who(tmp_path: Path) -> None:
    made = certificates.make(tmp_path, "server.example.org", ["north", "south"])
    assert made == [tmp_path / "server", tmp_path / "sites/north", tmp_path / "sites/south"]
    assert [certificates.read(folder).name for folder in made] == ["server", "north", "south"]
    purposes = [certificate(folder).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value for folder in made]
    site = [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert [list(purpose) for purpose in purposes] == [[ExtendedKeyUsageOID.SERVER_AUTH], site, site]


@pytest.mark.parametrize("address", ["server.example.org", "192.0.2.7", "2001:db8::7"])
def test_the_server_is_trusted_at_its_address_only(address: str, tmp_path: Path) -> None:
    certificates.make(tmp_path, address, ["a"])
    store = Store([x509.load_pem_x509_certificate((tmp_path / "authority.pem").read_bytes())])
    names = certificate(tmp_path / "server").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (name,) = names
    assert str(name.value) == address
    other = x509.DNSName("elsewhere.example.org")
    with pytest.raises(VerificationError):
        PolicyBuilder().store(store).build_server_verifier(other).verify(certificate(tmp_path / "server"), [])


def test_a_site_that_joins_later_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    certificates.make(tmp_path, "localhost", ["a"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    assert certificates.make(tmp_path, "localhost", ["a", "b"]) == [tmp_path / "sites/b"]
    assert all(path.read_bytes() == content for path, content in before.items())
    certificate(tmp_path / "sites/b").verify_directly_issued_by(
        x509.load_pem_x509_certificate((tmp_path / "sites/a/authority.pem").read_bytes())
    )


def test_keys_are_for_their_owner_alone_and_the_authoritys_is_not_handed_out(tmp_path: Path) -> None:
    certificates.make(tmp_path, "localhost", ["a"])
    keys = [path for path in tmp_path.rglob("*.pem") if b"PRIVATE" in path.read_bytes()]
    assert {path.relative_to(tmp_path).as_posix() for path in keys} == {"authority.key.pem", "server/key.pem", "sites/a/key.pem"}
    assert [path.stat().st_mode & 0o777 for path in keys] == [0o600] * 3


@pytest.mark.parametrize("site", ["", "../up", "a b", "-a", "ü", "a" * 64, "a\n"])
def test_names_that_are_no_folder_names_are_refused(site: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no name for a site"):
        certificates.make(tmp_path, "localhost", [site])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_used_is_told_before_it_is(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="segpipe federation certificates"):
        certificates.read(tmp_path / "nowhere")
    with pytest.raises(PipelineError, match="no host name"):
        certificates.make(tmp_path, "https://server", [])
    certificates.make(tmp_path, "localhost", ["old"], days=-0)
    yesterday = datetime.datetime.now(datetime.UTC)
    assert certificate(tmp_path / "sites/old").not_valid_after_utc <= yesterday
    with pytest.raises(PipelineError, match="valid until"):
        certificates.read(tmp_path / "sites/old")
