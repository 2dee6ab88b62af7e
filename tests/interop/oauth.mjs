// Come in by OAuth with the published client (npm @atproto/oauth-client-node), as a web service
// with a key of its own and as a program in development. The browser and the clock are the test's:
// this writes what they should do as lines of JSON and reads what came of it.
//   node22 oauth.mjs PDS_URL DIRECTORY_URL NOW_IN_SECONDS
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Agent } from '@atproto/api'
import { JoseKey } from '@atproto/jwk-jose'
import { NodeOAuthClient } from '@atproto/oauth-client-node'

const [pds, directory, start] = process.argv.slice(2)
const RealDate = Date
let ahead = Number(start) * 1000 - RealDate.now()
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length) super(...given)
    else super(RealDate.now() + ahead)
  }
  static now() {
    return RealDate.now() + ahead
  }
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
async function tell(message) {
  process.stdout.write(JSON.stringify(message) + '\n')
  return JSON.parse((await answers.next()).value)
}
async function wait(seconds) {
  ahead += seconds * 1000
  await tell({ do: 'wait', seconds })
}

function store() {
  const kept = new Map()
  return {
    kept,
    set: async (key, value) => void kept.set(key, structuredClone(value)),
    get: async (key) => structuredClone(kept.get(key)),
    del: async (key) => void kept.delete(key),
  }
}
function client(metadata, { keyset, sessions = store() } = {}) {
  return new NodeOAuthClient({
    clientMetadata: {
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      dpop_bound_access_tokens: true,
      ...metadata,
    },
    keyset,
    stateStore: store(),
    sessionStore: sessions,
    handleResolver: pds,
    plcDirectoryUrl: directory,
    allowHttp: true,
    requestLock: (_name, act) => act(),
  })
}
async function comeIn(app, whom, steps, options) {
  const url = await app.authorize(whom, { scope: app.clientMetadata.scope, ...options })
  const { query } = await tell({ do: 'browse', url: url.href, ...steps })
  const { session } = await app.callback(new URLSearchParams(query))
  return session
}
const about = async (session) => {
  const answer = await session.fetchHandler('/xrpc/com.atproto.server.getSession')
  assert.equal(answer.status, 200)
  return answer.json()
}

// A web service: it publishes what it is, and signs for itself.
const key = await JoseKey.generate(['ES256'], 'a-key')
const webMetadata = {
  client_id: 'https://app.example.com/client-metadata.json',
  client_uri: 'https://app.example.com',
  redirect_uris: ['https://app.example.com/callback'],
  scope: 'atproto transition:generic',
  application_type: 'web',
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'ES256',
  jwks_uri: 'https://app.example.com/jwks.json',
}
const sessions = store()
const web = client(webMetadata, { keyset: [key], sessions })
await tell({ do: 'publish', url: webMetadata.jwks_uri, json: web.jwks })
await tell({ do: 'publish', url: webMetadata.client_id, json: web.clientMetadata })

const ann = await comeIn(web, 'alice.test', { signIn: 'alice.test' })
assert.equal((await about(ann)).handle, 'alice.test')
const written = await new Agent(ann).post({ text: 'by OAuth' })
assert.ok(written.uri.startsWith(`at://${ann.did}/app.bsky.feed.post/`))

// An hour goes by; the client renews by itself when it has to.
const seen = new Set()
for (let minutes = 0; minutes < 60; minutes += 4) {
  await wait(240)
  await about(ann)
  seen.add(sessions.kept.get(ann.did).tokenSet.access_token)
}
assert.ok(seen.size >= 4, `renewed ${seen.size} times in an hour`)

// Two processes of the service renew at once, from one store, without a lock between them.
const other = client(webMetadata, { keyset: [key], sessions })
const both = await Promise.all([web.restore(ann.did, true), other.restore(ann.did, true)])
for (const each of both) await about(each)
await about(await other.restore(ann.did, true))

// A newcomer opens an account on the way in; then two accounts of one service side by side.
const bob = await comeIn(web, pds, { signUp: 'bob' }, { prompt: 'create' })
assert.equal((await about(bob)).handle, 'bob.test')
assert.notEqual(bob.did, ann.did)
assert.equal((await about(await web.restore(ann.did))).handle, 'alice.test')

// A program in development, where alice is signed in by now: she need only agree, or say no.
const scope = 'atproto transition:generic transition:email'
const redirect = 'http://127.0.0.1/callback'
const query = new URLSearchParams({ redirect_uri: redirect, scope })
const local = client({
  client_id: `http://localhost?${query}`,
  redirect_uris: [redirect],
  scope,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
})
const denied = await comeIn(local, 'alice.test', { answer: 'no' }).catch((error) => error)
assert.equal(denied.params?.get('error'), 'access_denied', String(denied))
const program = await comeIn(local, 'alice.test', {})
assert.equal((await about(program)).email, 'alice@example.com')

// Giving the tokens back is the end of one session, and of no other.
const held = sessions.kept.get(ann.did)
await ann.signOut()
await assert.rejects(web.restore(ann.did))
await sessions.set(ann.did, held)
await assert.rejects(web.restore(ann.did, true), /over|revoked|invalid_grant/i)
assert.equal((await about(bob)).handle, 'bob.test')
assert.equal((await about(program)).handle, 'alice.test')

process.stdout.write(JSON.stringify({ do: 'end', renewed: seen.size }) + '\n')
process.exit(0)
