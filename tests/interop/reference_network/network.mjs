// Run the reference AppView with its own PDS and directory on loopback; print one JSON line when it
// answers. DB_POSTGRES_URL and REDIS_HOST say where its stores are.
// Of the lines on standard input "follow URL" has the AppView follow another stream besides; any
// other is answered with one line once it has indexed everything. The process ends when standard
// input does.
import { createInterface } from 'node:readline'
import { RepoSubscription } from '@atproto/bsky'
import { TestNetwork } from '@atproto/dev-env'

const network = await TestNetwork.create({ dbPostgresSchema: 'network' })
process.stdout.write(
  JSON.stringify({ pds: network.pds.url, appview: network.bsky.url, plc: network.plc.url }) + '\n',
)
const others = []
for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith('follow ')) {
    const { db, dataplane } = network.bsky
    const service = line.slice('follow '.length)
    const other = new RepoSubscription({ service, db, idResolver: dataplane.idResolver })
    void other.start()
    others.push(other)
    continue
  }
  await network.processAll(60_000)
  for (const other of others) await other.processAll()
  process.stdout.write('settled\n')
}
await network.close()
process.exit(0)
