// Listen to a Jetstream with a published client (npm @skyware/jetstream).
//   node22 jetstream.mjs --endpoint ws://.../subscribe [--cursor N] [--collections a,b.*] [--dids a,b]
// Prints {"ready":true}, then a JSON line for each event, until SIGTERM. A line on stdin is new
// options, as JSON.
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Jetstream } from '@skyware/jetstream'
import WebSocket from 'ws'

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string' },
    cursor: { type: 'string' },
    collections: { type: 'string' },
    dids: { type: 'string' },
  },
})
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')
const jetstream = new Jetstream({
  ws: WebSocket,
  endpoint: values.endpoint,
  cursor: values.cursor === undefined ? undefined : Number(values.cursor),
  wantedCollections: values.collections?.split(','),
  wantedDids: values.dids?.split(','),
})
for (const kind of ['commit', 'identity', 'account']) {
  jetstream.on(kind, (event) => say({ event }))
}
jetstream.onCreate('app.bsky.feed.post', (event) => say({ post: event.commit.record.text }))
jetstream.on('open', () => say({ open: true }))
jetstream.on('error', (error) => say({ complaint: String(error) }))
jetstream.start()
say({ ready: true })
createInterface({ input: process.stdin })
  .on('line', (line) => jetstream.updateOptions(JSON.parse(line)))
  .on('close', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))
