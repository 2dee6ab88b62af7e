// A member who is looked after tries, with the published client (npm @atproto/api), to change what
// a guardian has fixed, as the official app's settings do; and what that client then hides.
//   node22 guardian.mjs PDS_URL HANDLE PASSWORD WORD LABELER   prints one JSON line when all is well.
import assert from 'node:assert/strict'
import { AtpAgent, mock, moderatePost } from '@atproto/api'

const [service, identifier, password, word, labeler] = process.argv.slice(2)
const agent = new AtpAgent({ service })
agent.configureProxy('did:web:api.bsky.app#bsky_appview')
await agent.login({ identifier, password })

// Everything a child would try.
await agent.setAdultContentEnabled(true)
await agent.setPersonalDetails({ birthDate: '1980-01-01T00:00:00.000Z' })
await agent.setContentLabelPref('porn', 'ignore')
await agent.addMutedWord({ value: 'spinach', targets: ['content'], actorTarget: 'all' })
const [fixed] = (await agent.getPreferences()).moderationPrefs.mutedWords.filter((one) => one.value === word)
await agent.removeMutedWord(fixed)
await agent.updateMutedWord({ ...fixed, value: 'harmless' })
await agent.removeLabeler(labeler)

const prefs = await agent.getPreferences()
const moderation = prefs.moderationPrefs
assert.equal(prefs.birthDate.toISOString().slice(0, 10), '2015-03-28')
assert.equal(moderation.adultContentEnabled, false)
assert.deepEqual(moderation.mutedWords.map((one) => one.value).sort(), [word, 'spinach'].sort())
assert.ok(moderation.labelers.some((one) => one.did === labeler))

// What the client makes of it: the same as the app, which decides by this very function.
const author = mock.profileViewBasic({ handle: 'someone.test', displayName: 'Someone' })
const opts = { userDid: agent.session.did, prefs: moderation, labelDefs: {} }
const decided = (text, labels = []) => {
  const post = mock.postView({ record: mock.post({ text }), author, labels })
  return moderatePost(post, opts).ui('contentList')
}
assert.equal(decided(`Who plays ${word} tonight?`).filter, true)
assert.equal(decided('Who plays chess tonight?').filter, false)
const porn = mock.label({ val: 'porn', uri: 'at://did:web:someone.test/app.bsky.feed.post/fake', src: labeler })
assert.equal(decided('Look', [porn]).filter, true)
console.log(JSON.stringify({ obeyed: true }))
