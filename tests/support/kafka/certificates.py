"""Certificates for tests, made when needed: an authority, and certificates signed by it. Valid for an hour."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


class Authority:
    """Writes NAME.pem, NAME.key and NAME-both.pem into its folder; its own certificate is `cafile`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.cafile = folder / f"{name}.pem"
        self.cafile.write_bytes(self._sign(self._name, self._key, x509.BasicConstraints(True, None)))

    def issue(self, name: str, address: str | None = "127.0.0.1") -> tuple[Path, Path, Path]:
        """The certificate, its key, and a file with both; of the name itself where there is no address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        host = x509.IPAddress(ipaddress.ip_address(address)) if address else x509.DNSName(name)
        place = x509.SubjectAlternativeName([host])
        certificate = self._sign(subject, key, x509.BasicConstraints(False, None), place)
        files = tuple(self.folder / f"{name}{end}" for end in (".pem", ".key", "-both.pem"))
        for file, content in zip(files, (certificate, pem(key), pem(key) + certificate), strict=True):
            file.write_bytes(content)
        return files[0], files[1], files[2]

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        hour = datetime.timedelta(hours=1)
        builder = (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - hour)
            .not_valid_after(now + hour)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
