// Sign up and go through the settings as the official web client does, by its XRPC calls, with the
// published client (npm @atproto/api), which measures every answer by its lexicon.
//   node22 settings.mjs PDS_URL OPERATOR_TOKEN   prints one JSON line when all is well.
import assert from 'node:assert/strict'
import { AtpAgent, ComAtprotoServerCreateSession, ComAtprotoServerUpdateEmail } from '@atproto/api'

const [service, operator] = process.argv.slice(2)
const stamp = Date.now().toString(36).slice(-6)
const basic = 'Basic ' + Buffer.from(`admin:${operator}`).toString('base64')

/** The newest mail's code: what its reader types off. */
async function mailedCode(subject) {
  const url = `${service}/xrpc/internal.hearth.pds.listMail?limit=1`
  const answer = await fetch(url, { headers: { authorization: basic } })
  const [mail] = (await answer.json()).mails
  assert.match(mail.subject + mail.body, subject)
  return mail.body.match(/[A-Z2-7]{5}-[A-Z2-7]{5}/)[0]
}

async function refused(call, name) {
  const error = await call().then(
    () => assert.fail(`${name} was expected`),
    (caught) => caught,
  )
  assert.equal(error.error, name, String(error))
}

// The client names Bluesky's AppView in every call, whatever it asks for.
function newAgent() {
  const agent = new AtpAgent({ service })
  agent.configureProxy('did:web:api.bsky.app#bsky_appview')
  return agent
}

const agent = newAgent()
const server = agent.com.atproto.server
let password = 'correct horse battery'
let email = `settings${stamp}@mail.test`
const handle = `set${stamp}.test`

// Sign up: which names there are, whether this one is free, then the account and its first page.
const about = (await server.describeServer()).data
assert.deepEqual(about.availableUserDomains, ['.test'])
const asked = await agent.com.atproto.temp.checkHandleAvailability({ handle, email })
assert.match(asked.data.result.$type, /#resultAvailable$/)
const made = await agent.createAccount({ handle, email, password })
const did = made.data.did
const taken = await agent.com.atproto.temp.checkHandleAvailability({ handle })
assert.match(taken.data.result.$type, /#resultUnavailable$/)
await agent.setPersonalDetails({ birthDate: '1990-01-01T00:00:00.000Z' })
await agent.overwriteSavedFeeds([{ id: '3kaaaaaaaaaa2', type: 'timeline', value: 'following', pinned: true }])
await agent.upsertProfile((old) => ({ ...old, displayName: 'Settings', createdAt: new Date().toISOString() }))
const preferences = await agent.getPreferences()
assert.equal(preferences.birthDate.getFullYear(), 1990)
assert.equal(preferences.savedFeeds[0].value, 'following')
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const { blob } = (await agent.uploadBlob(picture, { encoding: 'image/png' })).data
await agent.upsertProfile((old) => ({ ...old, avatar: blob }))
const shown = await agent.getProfile({ actor: did })
assert.equal(shown.data.displayName, 'Settings')
assert.ok(shown.data.avatar)

// The address is confirmed.
assert.equal((await server.getSession()).data.emailConfirmed, false)
await server.requestEmailConfirmation()
const confirmation = await mailedCode(/confirm/i)
await refused(() => server.confirmEmail({ email, token: 'AAAAA-AAAAA' }), 'InvalidToken')
await server.confirmEmail({ email, token: confirmation.toLowerCase() })
assert.equal((await server.getSession()).data.emailConfirmed, true)

// A code by mail becomes the second step, is asked for, and is switched off again.
await server.updateEmail({ email, emailAuthFactor: true })
assert.equal((await server.getSession()).data.emailAuthFactor, true)
const other = newAgent()
await assert.rejects(
  () => other.login({ identifier: email, password }),
  ComAtprotoServerCreateSession.AuthFactorTokenRequiredError,
)
const authFactorToken = await mailedCode(/sign/i)
await other.login({ identifier: handle, password, authFactorToken })
await assert.rejects(
  () => server.updateEmail({ email, emailAuthFactor: false }),
  ComAtprotoServerUpdateEmail.TokenRequiredError,
)
assert.equal((await server.requestEmailUpdate()).data.tokenRequired, true)
await server.updateEmail({ email, emailAuthFactor: false, token: await mailedCode(/./) })
assert.ok(!(await server.getSession()).data.emailAuthFactor)

// Another address, which has to be confirmed anew.
assert.equal((await server.requestEmailUpdate()).data.tokenRequired, true)
email = `other${stamp}@mail.test`
await assert.rejects(() => server.updateEmail({ email }), ComAtprotoServerUpdateEmail.TokenRequiredError)
const change = await mailedCode(/./)
await server.updateEmail({ email, token: change })
const session = (await server.getSession()).data
assert.deepEqual([session.email, session.emailConfirmed], [email, false])
assert.equal((await server.requestEmailUpdate()).data.tokenRequired, false)

// Another handle; one under a domain that does not name the account is refused.
const renamed = `new${stamp}.test`
await agent.com.atproto.identity.updateHandle({ handle: renamed })
await agent.resumeSession(agent.session)
assert.equal((await server.getSession()).data.handle, renamed)
assert.equal((await agent.resolveHandle({ handle: renamed })).data.did, did)
await assert.rejects(() => agent.com.atproto.identity.updateHandle({ handle: 'nobody.invalid' }))

// Another password, by a code; whoever is signed in elsewhere is signed out.
await server.requestPasswordReset({ email })
const reset = await mailedCode(/password/i)
await refused(() => server.resetPassword({ token: 'AAAAA-AAAAA', password: 'x' }), 'InvalidToken')
const old = password
password = 'another horse battery'
await server.resetPassword({ token: reset, password })
const refresh = { headers: { authorization: `Bearer ${other.session.refreshJwt}` } }
await refused(() => server.refreshSession(undefined, refresh), 'ExpiredToken')
await refused(() => newAgent().login({ identifier: renamed, password: old }), 'AuthenticationRequired')
await agent.login({ identifier: renamed, password })

// App passwords: for posts, and for chats as well.
assert.deepEqual((await server.listAppPasswords()).data.passwords, [])
for (const [name, privileged] of [['posts', false], ['chats', true]]) {
  const one = (await server.createAppPassword({ name, privileged })).data
  assert.match(one.password, /^([a-z2-7]{4}-){3}[a-z2-7]{4}$/)
  const app = newAgent()
  await app.login({ identifier: did, password: one.password })
  await app.post({ text: `by ${name}` })
  await refused(() => app.com.atproto.server.createAppPassword({ name: 'third' }), 'InvalidToken')
  const chat = { aud: 'did:web:api.bsky.chat', lxm: 'chat.bsky.convo.listConvos' }
  const token = app.com.atproto.server.getServiceAuth(chat)
  await (privileged ? token : assert.rejects(() => token))
}
const listed = (await server.listAppPasswords()).data.passwords
assert.deepEqual(listed.map((one) => [one.name, Boolean(one.privileged)]).sort(), [['chats', true], ['posts', false]])
for (const { name } of listed) await server.revokeAppPassword({ name })
assert.deepEqual((await server.listAppPasswords()).data.passwords, [])

// The export: the repo in a CAR.
const car = await agent.com.atproto.sync.getRepo({ did })
assert.equal(car.headers['content-type'], 'application/vnd.ipld.car')
for (const text of ['by posts', 'by chats']) assert.ok(Buffer.from(car.data).includes(text))

// Rest for a while, and be back.
await server.deactivateAccount({})
const resting = (await server.getSession()).data
assert.deepEqual([resting.active, resting.status], [false, 'deactivated'])
const back = newAgent()
await back.login({ identifier: did, password })
assert.equal(back.session.active, false)
await back.com.atproto.server.activateAccount()
assert.equal((await back.com.atproto.server.getSession()).data.active, true)

// And gone for good.
await back.com.atproto.server.requestAccountDelete()
const token = await mailedCode(/delet/i)
await refused(() => server.deleteAccount({ did, password: 'wrong', token }), 'AuthenticationRequired')
await server.deleteAccount({ did, password, token })
await refused(() => newAgent().login({ identifier: did, password }), 'AuthenticationRequired')
await assert.rejects(() => newAgent().resolveHandle({ handle: renamed }))
const free = await newAgent().com.atproto.temp.checkHandleAvailability({ handle: renamed, email })
assert.match(free.data.result.$type, /#resultAvailable$/)
console.log(JSON.stringify({ did }))
