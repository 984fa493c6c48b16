"""The list of what a release consists of (SBOM), as SPDX 2.3 in JSON: https://spdx.github.io/spdx-spec/v2.3/"""

import hashlib
import json
import re
from datetime import datetime, timezone

from parts import Package, Part


def checksums(content: bytes) -> list[dict]:
    """SHA-1 because the specification wants it of every file, SHA-256 because it is to be relied on."""
    return [{"algorithm": name, "checksumValue": hashlib.new(name, content).hexdigest()} for name in ("SHA1", "SHA256")]


def identifier(text: str) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def origin(package: Package) -> dict:
    """Who made a package, and where it can be had again."""
    if not package.is_debian:
        return {"supplier": "Organization: Swift.org", "downloadLocation": "https://www.swift.org/install/"}
    purl = f"pkg:deb/debian/{package.name}@{package.version}?arch={package.architecture}".replace("+", "%2B")
    return {
        "supplier": "Organization: Debian",
        "downloadLocation": f"https://snapshot.debian.org/package/{package.source}/{package.source_version}/",
        "sourceInfo": f"built by Debian from {package.source} {package.source_version}, in package {package.name}",
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl},
        ],
    }


def described(part: Part) -> dict:
    package = part.package
    return {
        "SPDXID": identifier(part.name), "name": part.name.rsplit("/", 1)[-1], "versionInfo": package.version,
        "packageFileName": part.name, "primaryPackagePurpose": "LIBRARY", "filesAnalyzed": False,
        "checksums": checksums(part.path.read_bytes()), "licenseConcluded": package.licence,
        "licenseDeclared": package.licence, "copyrightText": "NOASSERTION",
        "comment": f"terms and authors: licences/{package.source}", **origin(package),
    }


def document(version: str, commit: str, architecture: str, binary: bytes, parts: list[Part], time: int) -> bytes:
    """Of the stripped program `binary` and its parts; `time` in seconds since 1970."""
    digest = hashlib.sha256(binary).hexdigest()
    name = f"apus-{version}-linux-{architecture}"
    program, file = "SPDXRef-apus", "SPDXRef-bin-apus"
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", program), (file, "GENERATED_FROM", program)]
    relations += [(program, "STATIC_LINK", identifier(part.name)) for part in parts]
    content = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",
        "creationInfo": {
            "created": datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: apus-dist-{version}"],
        },
        "packages": [{
            "SPDXID": program, "name": "apus", "versionInfo": version, "primaryPackagePurpose": "APPLICATION",
            "filesAnalyzed": False, "downloadLocation": "NOASSERTION", "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
            **({"sourceInfo": f"commit {commit}"} if commit else {}),
        }] + [described(part) for part in parts],
        "files": [{
            "SPDXID": file, "fileName": "./bin/apus", "fileTypes": ["BINARY"], "checksums": checksums(binary),
            "licenseConcluded": " AND ".join(sorted({f"({part.package.licence})" for part in parts} | {"Apache-2.0"})),
            "licenseInfoInFiles": ["NOASSERTION"], "copyrightText": "NOASSERTION",
        }],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in relations
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
