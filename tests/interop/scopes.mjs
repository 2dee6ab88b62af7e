// What the published reading of scopes (npm @atproto/oauth-scopes) makes of tokens and of needs.
//   node22 scopes.mjs FILE     FILE: {"tokens": [...], "needs": [[kind, options], ...]}
import { readFileSync } from 'node:fs'
import { ScopePermissionsTransition, normalizeAtprotoOauthScopeValue } from '@atproto/oauth-scopes'

const { tokens, needs } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const asked = {
  repo: 'allowsRepo',
  rpc: 'allowsRpc',
  blob: 'allowsBlob',
  account: 'allowsAccount',
  identity: 'allowsIdentity',
}
// Read twice, as a value that is said twice is dropped only when its token is written anew.
function read(token) {
  try {
    const written = normalizeAtprotoOauthScopeValue(token)
    return written === null ? null : normalizeAtprotoOauthScopeValue(written)
  } catch {
    return null // an escape that is none
  }
}
const answers = tokens.map((token) => {
  const written = read(token)
  const permissions = new ScopePermissionsTransition(written === null ? 'atproto' : token)
  return [written, needs.map(([kind, options]) => permissions[asked[kind]](options))]
})
console.log(JSON.stringify(answers))
