"""A certificate for a name, and the authority that signed it, made on the spot."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Key = ec.EllipticCurvePrivateKey


def authority_and_server(name: str, folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of an authority's certificate, and the TLS of a server called `name` that it vouches for."""
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, signed = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(_signed("authority", root, root, ca=True))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signed.write_bytes(secret + _signed(name, key, root, ca=False))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(signed)
    return authority, server


def _signed(name: str, key: Key, root: Key, *, ca: bool) -> bytes:
    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(root, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)
