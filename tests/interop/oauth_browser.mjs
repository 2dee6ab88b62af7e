// The published OAuth client for browsers (npm @atproto/oauth-client-browser), bundled into a page.
// The page shows what came of its start; everything else is asked of `app` by the test.
import { Agent } from '@atproto/api'
import { BrowserOAuthClient } from '@atproto/oauth-client-browser'

const { clientId, pds, directory } = await (await fetch('/where.json')).json()
const client = await BrowserOAuthClient.load({
  clientId,
  handleResolver: pds,
  plcDirectoryUrl: directory,
  allowHttp: true,
})
const sessions = new Map()
const said = (error) => error?.message ?? String(error)

// What a page that was opened anew has: a session of before, or one that a sign-in has just made.
function keep(session) {
  sessions.set(session.sub, session)
  return session.sub
}

globalThis.app = {
  signIn: (who) => void client.signIn(who).catch((error) => show(said(error))),
  signUp: () => void client.signIn(pds, { prompt: 'create' }).catch((error) => show(said(error))),
  popup: async (who) => keep(await client.signIn(who, { display: 'popup' })),
  scope: async (did) => (await sessions.get(did).getTokenInfo()).scope,
  handle: async (did) =>
    (await new Agent(sessions.get(did)).com.atproto.server.getSession()).data.handle,
  post: async (did, text) => {
    const record = { text, createdAt: new Date().toISOString() }
    return (await new Agent(sessions.get(did)).post(record)).uri
  },
  upload: async (did) => {
    const file = new Blob(['a few words'], { type: 'text/plain' })
    const answer = await new Agent(sessions.get(did)).uploadBlob(file)
    return answer.data.blob.size
  },
  chats: (did) =>
    sessions
      .get(did)
      .fetchHandler('/xrpc/chat.bsky.convo.listConvos')
      .then(async (answer) => [answer.status, (await answer.json()).error]),
  refresh: async (did) => {
    const before = await sessions.get(did).getTokenInfo(false)
    const after = await sessions.get(did).getTokenInfo(true)
    return [before.expiresAt.getTime(), after.expiresAt.getTime()]
  },
  restore: async (did) => keep(await client.restore(did)),
  // Gives what the server says of the token afterwards, and what the client says of the session.
  revoke: async (did) => {
    const session = sessions.get(did)
    const { access_token: token } = await session.getTokenSet(false)
    await session.signOut()
    const headers = { authorization: `DPoP ${token}` }
    const answer = await fetch(`${pds}/xrpc/com.atproto.server.getSession`, { headers })
    const restored = await client.restore(did).then(() => 'restored', said)
    return [answer.status, (await answer.json()).message, restored]
  },
}

function show(text) {
  document.querySelector('h1').textContent = text
}

try {
  const found = await client.init()
  show(found ? `Signed in as ${keep(found.session)}` : 'Signed out')
} catch (error) {
  show(said(error))
}
