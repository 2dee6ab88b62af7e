// Follow a stream with the published consumer (npm @atproto/sync), which verifies every commit.
//   node22 firehose.mjs --service ws://... --plc URL [--cursor N]
// Prints {"ready":true}, then a JSON line for each event and for each complaint, until SIGTERM.
import { parseArgs } from 'node:util'
import { IdResolver, MemoryCache } from '@atproto/identity'
import { Firehose, MemoryRunner } from '@atproto/sync'

const { values } = parseArgs({
  options: { service: { type: 'string' }, plc: { type: 'string' }, cursor: { type: 'string' } },
})
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const firehose = new Firehose({
  service: values.service,
  // The resolver's own fetch refuses loopback, where all of this runs.
  idResolver: new IdResolver({
    plcUrl: values.plc,
    timeout: 30_000, // while it verifies a backlog it hears no answers
    fetch: globalThis.fetch,
    didCache: new MemoryCache(), // the directory may be away for a while
  }),
  runner: new MemoryRunner({
    startCursor: values.cursor === undefined ? undefined : Number(values.cursor),
  }),
  subscriptionReconnectDelay: 200,
  maxReconnectSeconds: 1,
  unauthenticatedCommits: false,
  unauthenticatedHandles: true, // names under .test are in no DNS
  handleEvent: ({ event, seq, did, uri, rev, status, active, record }) =>
    say({ event, seq, did, uri: uri?.toString(), rev, status, active, text: record?.text }),
  onError: (error) => {
    // That a server went away is not a fault of its stream; the consumer comes again by itself.
    if (error.name === 'FirehoseSubscriptionError') return say({ lost: String(error.cause) })
    say({ complaint: String(error), cause: String(error.cause), of: describe(error.event ?? error.value) })
  },
})
const describe = (event) =>
  event && { type: event.$type, seq: event.seq, did: event.repo ?? event.did, ops: event.ops?.length }
firehose.start()
say({ ready: true })
const stop = () => firehose.destroy().finally(() => process.exit(0))
process.on('SIGTERM', stop)
process.stdin.on('end', stop).resume()
