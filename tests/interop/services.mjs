// Read the labels and feeds of a network with the published client (npm @atproto/api), as an app
// does, and verify the labels' signatures with npm @atproto/crypto.
//   node22 services.mjs PDS_URL LABELER_URL LABELER_DID POST_URI HANDLE PASSWORD
// prints one JSON line when all is well.
import assert from 'node:assert/strict'
import { AtpAgent, moderatePost } from '@atproto/api'
import { verifySignature } from '@atproto/crypto'
import { Subscription } from '@atproto/xrpc-server'
import { encode } from '@atproto/lex-cbor'

const [service, labeler, did, uri, identifier, password] = process.argv.slice(2)

async function soon(look, good) {
  const end = Date.now() + 30000
  for (;;) {
    const seen = await look()
    if (good(seen)) return seen
    assert.ok(Date.now() < end, `never came: ${look} saw ${JSON.stringify(seen).slice(0, 500)}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

// The labels on a post, as a member's app is shown them.
const agent = new AtpAgent({ service })
await agent.login({ identifier, password })
await agent.addLabeler(did)
agent.configureLabelers([did])
const look = () => agent.getPosts({ uris: [uri] }).then((answer) => answer.data.posts[0])
const post = await soon(look, (seen) => seen.labels.length === 1)
assert.equal(post.labels[0].val, 'spam')
assert.equal(post.labels[0].src, did)

// What the app makes of it, by the labeler's own definition.
const preferences = await agent.getPreferences()
assert.ok(preferences.moderationPrefs.labelers.some((one) => one.did === did))
const labelDefs = await agent.getLabelDefinitions(preferences)
assert.deepEqual(labelDefs[did].map((one) => one.identifier).sort(), ['rude', 'spam'])
const decided = moderatePost(post, {
  userDid: agent.session.did,
  prefs: preferences.moderationPrefs,
  labelDefs,
})
assert.equal(decided.ui('contentList').filter, true)

// The stream, read and verified by the network's own libraries.
const document = await agent.com.atproto.identity
  .resolveDid({ did })
  .then((answer) => answer.data.didDoc)
const key = document.verificationMethod.find((one) => one.id.endsWith('#atproto_label'))
const named = document.service.find((one) => one.id.endsWith('#atproto_labeler'))
assert.equal(named.serviceEndpoint, labeler)
const stream = new Subscription({
  service: labeler.replace('http', 'ws'),
  method: 'com.atproto.label.subscribeLabels',
  getParams: () => ({ cursor: 0 }),
  validate: (value) => value,
})
let verified = 0
for await (const message of stream) {
  for (const { sig, ...label } of message.labels) {
    const signed = encode(label)
    assert.ok(await verifySignature(`did:key:${key.publicKeyMultibase}`, signed, sig))
    const other = encode({ ...label, val: 'other' })
    assert.ok(!(await verifySignature(`did:key:${key.publicKeyMultibase}`, other, sig)))
    verified += 1
  }
  if (verified) break
}

// Labels by address, from the labeler itself.
const open = new AtpAgent({ service: labeler })
const told = await open.com.atproto.label.queryLabels({ uriPatterns: [uri] })
assert.deepEqual(told.data.labels.map((one) => one.val), ['spam'])

// The feeds, as they are found, saved and read.
const offered = await agent.app.bsky.feed.getSuggestedFeeds()
const names = offered.data.feeds.map((feed) => feed.displayName)
assert.deepEqual(names.slice(0, 3).sort(), ['Everyone here', 'Friends of friends', 'Photos here'])
const everyone = offered.data.feeds.find((feed) => feed.displayName === 'Everyone here')
await agent.addSavedFeeds([{ type: 'feed', value: everyone.uri, pinned: true }])
const page = await agent.app.bsky.feed.getFeed({ feed: everyone.uri })
assert.ok(page.data.feed.some((item) => item.post.uri === uri))
const report = await agent
  .withProxy('atproto_labeler', did)
  .createModerationReport({
    reasonType: 'com.atproto.moderation.defs#reasonSpam',
    subject: { $type: 'com.atproto.repo.strongRef', uri: post.uri, cid: post.cid },
  })
assert.equal(report.data.reportedBy, agent.session.did)
console.log(JSON.stringify({ verified, names }))
