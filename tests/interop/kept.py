"""Where ours differs from the reference on purpose, and why."""

from typing import Final

from tests.interop.kept_doors import DOORS
from tests.interop.kept_formats import FORMATS
from tests.interop.kept_row import BAD, CRASH, Kept

# The reference fails, or lets through what must not be: "Where the reference slips".
_SLIPS: Final = (
    Kept(
        "The reference crashes on bad input",
        BAD,
        CRASH,
        (
            "validation: a thing with a big number",
            "validation: a thing with a larger number",
            "keys: key: taken",
            "batches: batch: *",
            "app passwords: an app password of the same name",
            "uploads: upload false gzip",
            "uploads: upload cut gzip",
            "imports: import *",
            "admin: e-mail taken",
            "proxy: header: *",
        ),
    ),
    Kept(
        "Links, bytes, blobs and $type are forms of the data model, not maps that look odd",
        BAD,
        "200",
        (
            "validation: a thing with a bad link",
            "validation: a thing with a link *",
            "validation: a thing with url-safe bytes",
            "validation: a thing with bad bytes",
            "validation: a thing with bytes that are a number",
            "validation: a thing with a blob *",
            "validation: a thing with a $type within that is a number",
        ),
    ),
    Kept(
        "A blob reference is looked at before the blob is looked for",
        BAD,
        "400 BlobNotFound",
        ("validation: a thing with a blob of size -1",),
    ),
    Kept("A date has to exist", BAD, "200", ("validation: a post with a date that is none",)),
    Kept("Nesting ends at 64 levels", BAD, "200", ("validation: a thing with 90 levels",)),
    Kept(
        "A repo is imported into its own account only, whole, and never backwards",
        "0",
        "0",
        ("imports of others: import another's", "imports: import w*"),
        ("shape.status", "shape.error"),
    ),
    Kept("Hosts are the same in any case", "200", "404", ("handles: host in upper case",)),
    Kept("Who is taken down may move out", "200", BAD, ("taken down: a token to move out",)),
    Kept(
        "What leaves no account to sign in to is refused",
        BAD,
        "200",
        (
            "sign-up: sign up: no password",
            "app passwords: an app password without a name",
            "app passwords: an app password with a long name",
            "admin: e-mail malformed",
            "invites: a code for *",
        ),
    ),
    Kept(
        "The same for passwords that the operator sets",
        "400 InvalidPassword",
        "200",
        ("admin: password empty",),
    ),
    Kept("0 is a time, and long past", "400 BadExpiration", "200", ("service tokens: * exp 0",)),
    Kept("A token has to end", "400 InvalidToken", "200", ("tokens: token: no exp",)),
    Kept(
        "The operator is told that nobody was meant",
        "400 NotFound",
        "200",
        ("admin: mark *", "admin: password of nobody", "admin: delete again", "invites: * nobody"),
    ),
)

_NAMES: Final = (
    Kept("The lexicon has a name for it", "400 BlobNotFound", BAD, ("references: blob *",)),
    Kept("The lexicon has a name for it", "400 BlockNotFound", BAD, ("archives: *block*",)),
    Kept(
        "The lexicon has a name for it", "400 InvalidPassword", BAD, ("*password*", "mail: reset*")
    ),
    Kept("The lexicon has a name for it", "400 HandleNotFound", BAD, ("handles: * no DNS has",)),
    Kept(
        "A new password is looked at before the code",
        "400 InvalidPassword",
        "400 InvalidToken",
        ("mail: reset to nothing",),
    ),
    Kept(
        "Unknown subjects are NotFound everywhere",
        "400 NotFound",
        BAD,
        ("admin: e-mail of nobody", "admin: handle of nobody"),
    ),
    Kept("The URI names no record", BAD, "400 NotFound", ("admin: status of a repo by URI",)),
    Kept(
        "A refresh token without jti is a bad token like others",
        "400 InvalidToken",
        "401 MissingTokenId",
        ("tokens: refresh without jti",),
    ),
    Kept(
        "A token for another method is for another method, also when it names none",
        "401 BadJwtLexiconMethod",
        "400 InvalidToken",
        ("uploads by service: *",),
    ),
    Kept(
        "A member is nobody here, whoever signed the token",
        "401 AuthenticationRequired",
        "401 UntrustedIss",
        ("admin: * by a member",),
    ),
    Kept(
        "What failed is the other service",
        "502 UpstreamFailure",
        ("502 ItsOwnName", CRASH),
        ("proxy: upstream *500", "proxy: header: a DID that does not answer"),
    ),
    Kept(
        "Who asks is settled before what for",
        "401 AuthMissing",
        BAD,
        ("proxy: bad header without auth",),
    ),
    Kept("A cursor that ended no page is an error", BAD, "200", ("*bad cursor",)),
)

_TOKENS_OF_THE_GONE: Final = (
    Kept(
        "The token of a deleted account gets one answer everywhere",
        "403 AccountNotFound",
        (BAD, "400 NotFound", CRASH, "200"),
        ("mail: deleted: *", "tokens: token: sub is nobody"),
    ),
    Kept(
        "A session of a deleted account is over",
        "400 ExpiredToken",
        BAD,
        ("mail: refresh after deletion",),
    ),
    Kept(
        "Nobody learns whether there is such an account",
        "401 AuthenticationRequired",
        BAD,
        ("mail: delete an unknown", "mail: delete again"),
    ),
    Kept(
        "Nobody learns whether there is such an account",
        "200",
        BAD,
        ("mail: ask to reset for *",),
    ),
    Kept(
        "An access token ends with the app password that it came by, so it says which",
        "0",
        "0",
        ("app passwords: the scope *",),
        ("shape.claims.app",),
    ),
)

_STATES: Final = (
    Kept(
        "A closed account's records are not asked of the AppView, which would say the same",
        "400 RecordNotFound",
        "200",
        ("deactivated: *: getRecord", "taken down: *: getRecord"),
    ),
    Kept(
        "Owner and operator see what is closed",
        "200",
        "400 RepoDeactivated",
        ("deactivated: *: describeRepo",),
    ),
    Kept(
        "Owner and operator see what is closed",
        "200",
        "400 RepoTakendown",
        ("taken down: *: describeRepo",),
    ),
    Kept(
        "Who is taken down may read and take along all that is theirs, and delete the account",
        "200",
        "400 InvalidToken",
        (
            "taken down: taken down by nat2: *",
            "taken down: signed in to leave: *",
            "taken down: ask for deletion *",
        ),
    ),
    Kept("Clients learn why", "200", BAD, ("taken down: taken down: getSession",)),
    Kept(
        "Taken down means that only leaving is left",
        "401 AccountTakedown",
        "200",
        ("taken down: taken down: *",),
    ),
    Kept("Only leaving is left", "400 InvalidToken", "200", ("taken down: taken down: getServ*",)),
    Kept("Takedowns can be undone", "200", "400 ExpiredToken", ("taken down: refresh when up *",)),
    Kept(
        "What no record names is not counted",
        "200",
        "200",
        ("deactivated: deactivated: checkAccountStatus",),
        ("shape.importedBlobs",),
    ),
)

_READING: Final = (
    Kept(
        "One algorithm for proofs, as the profile asks",
        "401 invalid_token",
        "401 invalid_token",
        ("tokens: *DPoP*",),
        ("www-authenticate",),
    ),
    Kept("Not an NSID: line 3", BAD, "401 AuthMissing", ("verbs: not an NSID*",)),
    Kept("NSIDs end where they end", BAD, "200", ("verbs: slash behind",)),
    Kept("URLs may be escaped", "200", BAD, ("verbs: escaped NSID",)),
    Kept("NSIDs have one spelling", "401 AuthMissing", "200", ("verbs: NSID in other case",)),
    Kept(
        "Those signed out may read, as the settings say",
        "200",
        "401 AuthMissing",
        ("verbs: AppView's, nobody", "proxy: sign-up queue", "archives: by collection"),
    ),
    Kept(
        "It says what to do",
        "426 InvalidRequest",
        "401 AuthMissing",
        ("verbs: stream without websocket",),
    ),
    Kept(
        "A stream that cannot be had is refused before it begins",
        "0",
        "0",
        ("stream: stream: from a text", "stream: stream: from far below"),
        ("shape",),
    ),
    Kept(
        "JSON is UTF-8, without a byte order mark",
        BAD,
        "401 AuthenticationRequired",
        ("bodies: not UTF-8", "bodies: byte order mark", "bodies: utf-16"),
    ),
    Kept("Media types have any case", "200", BAD, ("bodies: json in upper case",)),
    Kept(
        "JSON is UTF-8, whatever it is called",
        "401 AuthenticationRequired",
        "415 UnsupportedMediaType",
        ("bodies: latin-1", "bodies: unknown charset"),
    ),
    Kept("Handles have any case", "200", BAD, ("parameters: upper case handle",)),
    Kept("Handles have any case", "200", "403 AccountNotFound", ("others' repos: *upper case",)),
    Kept(
        "No list of disposable addresses is kept",
        "200",
        BAD,
        ("sign-up: sign up: throw-away e-mail",),
    ),
    Kept(
        "Codes that nobody needs are not looked at",
        "200",
        "400 InvalidInviteCode",
        ("sign-up: sign up: invite code unneeded",),
    ),
    Kept(
        "A token may name the service in our DID document",
        "200",
        "401 BadJwtAudience",
        ("uploads by service: *",),
    ),
    Kept("Odd types are bytes", "200", BAD, ("uploads: upload nonsense for a type",)),
    Kept(
        "Types are lower case, without parameters, and archives what they are declared",
        "200",
        "200",
        ("uploads: upload zip *", "uploads: upload ogg *", "uploads: upload text in upper case"),
        ("shape.blob.mimeType",),
    ),
    Kept("A blob comes back as its type", "200", "200", ("references: blob *",), ("content-type",)),
    Kept("The HTTP parser's own answer to lines too long", "400", "431", ("*100 kB",)),
    Kept("No empty commits", "200", "200", ("batches: batch: nothing",), ("shape.commit",)),
)

_SERVICES: Final = (
    Kept("Hearth is Hearth", "200", "200", ("verbs: *",), ("shape", "shape.version")),
    Kept("A handle's host is no PDS", "404", "200", ("handles: a method at a handle's host",)),
    Kept("Our did:web has a document", "200", "404", ("handles: the document of this server",)),
    Kept(
        "The handle just changed is told, and not one from a cache",
        "200",
        "200",
        ("handles: renamed", "handles: describe after it"),
        ("shape.didDoc.alsoKnownAs.0", "shape.handleIsCorrect", "private", "vary"),
    ),
    Kept(
        "Here owner and operator are told more: the answer depends on who asks",
        "200",
        "200",
        ("*: describe*",),
        ("private", "vary"),
    ),
    Kept(
        "Answered here: it is the same for all",
        "200",
        "200",
        ("proxy: sign-up queue by a member",),
        ("private", "vary"),
    ),
    Kept("The operator reads the note", "200", "200", ("invites: kim *",), ("shape.inviteNote",)),
    Kept("Reports are kept here", "200", BAD, ("admin: report", "proxy: report")),
    Kept("searchAccounts is answered here", "200", "400 InvalidToken", ("admin: search",)),
    Kept(
        "searchAccounts is answered here",
        "401 AuthenticationRequired",
        ("401 AuthMissing", "200", "400 InvalidToken"),
        ("admin: searchAccounts *",),
    ),
    Kept(
        "Bodies are passed on while they come",
        "200",
        "200",
        ("proxy: body: chunked",),
        ("shape.headers.content-length",),
    ),
    Kept(
        "The AppView inside answers members only, so it is told who asks",
        "200",
        "200",
        ("proxy: getRecord of a stranger by a member",),
        ("private", "vary", "shape.claims.*"),
    ),
    *(
        Kept(
            "Clients learn when to come back",
            f"{status} ItsOwnName",
            f"{status} ItsOwnName",
            (f"proxy: upstream says {status}", "proxy: profile with an error"),
            ("retry-after",),
        )
        for status in (400, 401, 403, 404, 429, 501, 502, 503)
    ),
    Kept(
        "Push is registered where other notifications are",
        "200",
        ("200", CRASH),
        ("proxy: register push*",),
        ("content-type", "shape"),
    ),
)

KEPT_BY_SUBJECT: Final = {
    "Where the reference slips": _SLIPS,
    "Names of errors": _NAMES,
    "Tokens of accounts that are gone": _TOKENS_OF_THE_GONE,
    "States of accounts": _STATES,
    "Reading": _READING,
    "Services": _SERVICES,
    "Forms of texts": FORMATS,
    "At the door": DOORS,
}
KEPT: Final = tuple(kept for subject in KEPT_BY_SUBJECT.values() for kept in subject)
