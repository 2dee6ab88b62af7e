// Verify whole repos and proofs with the published library (npm @atproto/repo).
//   node22 verify_repos.mjs --pds URL --plc URL [--since REV] DID...
// Prints one JSON line: {DID: {rev, records: {path: cid}, absent, changed}}; fails if anything is not so.
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { IdResolver } from '@atproto/identity'
import { readCarWithRoot, verifyProofs, verifyRepo, verifyRepoCar } from '@atproto/repo'

const { values, positionals } = parseArgs({
  options: { pds: { type: 'string' }, plc: { type: 'string' }, since: { type: 'string' } },
  allowPositionals: true,
})
const resolver = new IdResolver({ plcUrl: values.plc, fetch: globalThis.fetch })

async function read(method, params) {
  const answer = await fetch(`${values.pds}/xrpc/com.atproto.sync.${method}?${new URLSearchParams(params)}`)
  assert.equal(answer.status, 200, `${method} ${JSON.stringify(params)}`)
  assert.equal(answer.headers.get('content-type'), 'application/vnd.ipld.car')
  return new Uint8Array(await answer.arrayBuffer())
}

const verified = {}
for (const did of positionals) {
  const key = await resolver.did.resolveAtprotoKey(did)
  const bytes = await read('getRepo', { did })
  const repo = await verifyRepoCar(bytes, did, key)
  const { root, blocks } = await readCarWithRoot(bytes)
  await verifyRepo(blocks, root, did, key, { ensureLeaves: true })
  const records = {}
  for (const { collection, rkey, cid } of repo.creates) records[`${collection}/${rkey}`] = cid.toString()
  for (const { collection, rkey, cid } of repo.creates.slice(0, 5)) {
    const proof = await read('getRecord', { did, collection, rkey })
    const found = await verifyProofs(proof, [{ collection, rkey, cid }], did, key)
    assert.equal(found.verified.length, 1)
  }
  // A proof tells as well that there is no such record.
  const ghost = { collection: 'app.bsky.feed.post', rkey: '3jzfcijpj2z2a' }
  const absence = await read('getRecord', { did, ...ghost })
  const missing = await verifyProofs(absence, [{ ...ghost, cid: null }], did, key)
  let changed
  if (values.since) {
    const diff = await readCarWithRoot(await read('getRepo', { did, since: values.since }))
    assert.equal(diff.root.toString(), root.toString())
    changed = diff.blocks.size
  }
  verified[did] = { rev: repo.commit.rev, records, absent: missing.verified.length, changed }
}
console.log(JSON.stringify(verified))
