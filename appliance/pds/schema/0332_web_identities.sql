-- Accounts whose did:web is a name under a domain of ours: this server makes their documents.
CREATE TABLE web_identity (
    did TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
