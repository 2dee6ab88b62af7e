// Sign in with a second step, with the published client (npm @atproto/api).
//   node22 second_step.mjs PDS_URL HANDLE PASSWORD CODE   prints what was asked for, and who got in.
import { AtpAgent, ComAtprotoServerCreateSession } from '@atproto/api'

const [service, identifier, password, authFactorToken] = process.argv.slice(2)
const agent = new AtpAgent({ service })
const asked = await agent.login({ identifier, password }).then(
  () => 'nothing',
  (error) =>
    error instanceof ComAtprotoServerCreateSession.AuthFactorTokenRequiredError
      ? 'a second step'
      : String(error),
)
await agent.login({ identifier, password, authFactorToken })
console.log(JSON.stringify({ asked, handle: agent.session.handle }))
