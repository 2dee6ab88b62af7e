// Receive what a Tap (indigo) makes of our stream, with its published client (npm @atproto/tap).
//   node22 tap.mjs --url http://... --dids a,b
// Prints {"ready":true}, then a JSON line for each event and each complaint, until SIGTERM.
import { parseArgs } from 'node:util'
import { SimpleIndexer, Tap } from '@atproto/tap'

const { values } = parseArgs({ options: { url: { type: 'string' }, dids: { type: 'string' } } })
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const tap = new Tap(values.url)
const indexer = new SimpleIndexer()
indexer.record(async ({ did, collection, rkey, action, rev, live, record }) =>
  say({ event: action, uri: `at://${did}/${collection}/${rkey}`, rev, live, text: record?.text }),
)
indexer.identity(async ({ did, handle, status }) => say({ event: 'identity', did, handle, status }))
indexer.error((error) => say({ complaint: String(error) }))
const channel = tap.channel(indexer)
channel.start()
await tap.addRepos(values.dids.split(','))
say({ ready: true })
const stop = () => channel.destroy().finally(() => process.exit(0))
process.on('SIGTERM', stop)
process.stdin.on('end', stop).resume()
