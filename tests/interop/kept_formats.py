"""Texts that ours takes and the reference does not, or the other way round."""

from typing import Final

from tests.interop.kept_row import BAD, Kept

FORMATS: Final = (
    Kept(
        "An AT URI in a record has no fragment",
        BAD,
        "200",
        ("formats: AT URI *a#/b'",),
    ),
    Kept(
        "What a record calls a CID is looked at by its letters; it need not be one of ours",
        "200",
        BAD,
        ("formats: CID 'BAFY*", "formats: CID 'bafy*", "formats: CID 'zdpu*"),
    ),
    Kept("But there are none of version 0", BAD, "200", ("formats: CID 'Qm*",)),
    Kept(
        "A date has to exist",
        BAD,
        "200",
        ("formats: date '1985-04-31*", "formats: date '2023-02-29*"),
    ),
    Kept(
        "The scheme of a URI is what RFC 3986 says; what stands behind it is its own affair",
        "200",
        BAD,
        ("formats: address 'https://'", "formats: address 'a+b:c'", "formats: address 'h-t.t+p:x'"),
    ),
    Kept(
        "Its scheme begins with a letter, and it has at most 8 kB",
        BAD,
        "200",
        ("formats: address '1a:b'", "formats: address *of 8215"),
    ),
    Kept("Handles have any case", "400 RecordNotFound", "200", ("forms: getRecord, repo 'ZORA2*",)),
    Kept("Handles have any case", "200", "400 RepoNotFound", ("forms: describeRepo of 'ZORA2*",)),
    Kept(
        "What is answered depends on who asks, as owner and operator see what is closed",
        "200",
        "200",
        ("forms: describeRepo of 'zora2.test'",),
        ("private", "vary"),
    ),
)
