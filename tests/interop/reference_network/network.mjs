// Run the reference AppView with its own PDS and directory on loopback; print one JSON line when it
// answers. DB_POSTGRES_URL and REDIS_HOST say where its stores are.
// Each line on standard input is answered with one line once the AppView has indexed everything;
// the process ends when standard input does.
import { createInterface } from 'node:readline'
import { TestNetwork } from '@atproto/dev-env'

const network = await TestNetwork.create({ dbPostgresSchema: 'network' })
process.stdout.write(
  JSON.stringify({ pds: network.pds.url, appview: network.bsky.url, plc: network.plc.url }) + '\n',
)
for await (const _ of createInterface({ input: process.stdin })) {
  await network.processAll(60_000)
  process.stdout.write('settled\n')
}
await network.close()
process.exit(0)
