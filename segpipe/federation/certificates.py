"""The certificates of a federation: an authority of its own, the server's, and one a site, by which it is known."""

import datetime
import ipaddress
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from segpipe.errors import PipelineError
from segpipe.storage.files import write_bytes, write_with

AUTHORITY, CERTIFICATE, KEY = "authority.pem", "certificate.pem", "key.pem"
"""The files of a server's or a site's folder. The authority's own key lies beside the folders and is never handed out."""
AUTHORITY_KEY = "authority.key.pem"
SERVER = "server"
SITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True)
class Identity:
    """Who someone is in a federation: PEM of the authority that both ends trust, of a certificate by it, and of its key."""

    name: str
    authority: bytes
    certificate: bytes
    key: bytes


def make(folder: Path, address: str, sites: Sequence[str], days: int = 365) -> list[Path]:
    """Makes what is missing in `folder`, and returns the folders that it made: `server`, and `sites/NAME` for each site.

    `address` is the host name or IP address by which sites reach the server. What is there stays: called again with more sites
    it adds them, and what the others have goes on being valid. Raises PipelineError for names that cannot be used.
    """
    for site in sites:
        if not SITE_NAME.fullmatch(site):
            raise PipelineError(f"{site}: no name for a site. Use letters, digits, '.', '-' and '_', 63 at most.")
    if not address or any(letter in address for letter in "/ ") or not address.isascii():
        raise PipelineError(f"{address}: no host name and no IP address. Name the server as sites reach it, without a port.")
    authority, key = _authority(folder, days)
    made = []
    for where, name in [(folder / SERVER, SERVER), *((folder / "sites" / site, site) for site in sites)]:
        if not (where / CERTIFICATE).exists():
            _issue(where, name, address if name == SERVER and where.parent == folder else None, authority, key, days)
            made.append(where)
    return made


def read(folder: Path) -> Identity:
    """The identity in a folder that `make` made. Raises PipelineError where a file is missing, or its time is over."""
    try:
        authority, certificate, key = ((folder / name).read_bytes() for name in (AUTHORITY, CERTIFICATE, KEY))
        parsed = x509.load_pem_x509_certificate(certificate)
    except OSError as error:
        raise PipelineError(
            f"{error.filename}: could not be read ({error.strerror}). It comes from `segpipe federation certificates`, "
            "run where the server is."
        ) from None
    except ValueError as error:
        raise PipelineError(f"{folder / CERTIFICATE}: no certificate ({error}). Take the folder anew from who made it.") from None
    if parsed.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise PipelineError(
            f"{folder / CERTIFICATE}: valid until {parsed.not_valid_after_utc:%Y-%m-%d} only. "
            "Delete its folder where the server is, and run `segpipe federation certificates` there again."
        )
    return Identity(_common_name(parsed), authority, certificate, key)


def _authority(folder: Path, days: int) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority of the folder, made where there is none."""
    if (folder / AUTHORITY).exists():
        key = serialization.load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "we wrote it"
        return x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own, so that two authorities are told apart before any signature is computed.
    called = f"authority {secrets.token_hex(8)} of a federation"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    # Longer than what it signs, so that a site can be added late.
    built = _builder(name, name, key, 10 * days).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = built.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    _write_key(folder / AUTHORITY_KEY, key)
    write_bytes(folder / AUTHORITY, _pem(certificate))
    return certificate, key


def _issue(
    folder: Path, name: str, address: str | None, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey, days: int
) -> None:
    """Writes a certificate: with an address it is a server's, which no site can pass itself off as; without, a site's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if address else ExtendedKeyUsageOID.CLIENT_AUTH
    built = _builder(subject, authority.subject, key, days)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    if address:
        built = built.add_extension(x509.SubjectAlternativeName([_general_name(address)]), critical=False)
    write_bytes(folder / AUTHORITY, _pem(authority))
    _write_key(folder / KEY, key)
    # Last, since it says that the folder is whole.
    write_bytes(folder / CERTIFICATE, _pem(built.sign(signer, hashes.SHA256())))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    # From yesterday on: clocks of sites differ.
    built = built.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=days))
    return built.serial_number(x509.random_serial_number())


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Writes a private key that only its owner can read, from the first byte on."""
    content = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def write(temporary: Path) -> None:
        # Windows would change line ends, and knows no such rights: there the folder's say who reads it.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            stream.write(content)

    write_with(path, write)
