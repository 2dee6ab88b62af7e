// Run the reference PDS (npm @atproto/pds) on loopback as a neighbour; print one JSON line when it answers.
//   node22 reference_pds.mjs --plc URL --port N --data DIR [--crawler URL]... [--set NAME=VALUE]... [--production]
// The process ends when its standard input closes or on SIGTERM.
import { mkdirSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { PDS, envToCfg, envToSecrets, readEnv } from '@atproto/pds'

const { values } = parseArgs({
  options: {
    plc: { type: 'string' },
    port: { type: 'string' },
    data: { type: 'string' },
    crawler: { type: 'string', multiple: true, default: [] },
    'handle-domain': { type: 'string', default: '.test' },
    set: { type: 'string', multiple: true, default: [] }, // settings of its own, before ours
    production: { type: 'boolean', default: false }, // without its checks of its own answers
  },
})
mkdirSync(`${values.data}/blobs`, { recursive: true })
const adminPassword = randomBytes(16).toString('hex')
Object.assign(process.env, {
  PDS_PORT: values.port,
  PDS_HOSTNAME: 'localhost',
  PDS_DEV_MODE: 'true', // lets it use plain http on loopback
  PDS_DATA_DIRECTORY: values.data,
  PDS_BLOBSTORE_DISK_LOCATION: `${values.data}/blobs`,
  PDS_DID_PLC_URL: values.plc,
  PDS_SERVICE_HANDLE_DOMAINS: values['handle-domain'],
  PDS_INVITE_REQUIRED: 'false',
  PDS_RATE_LIMITS_ENABLED: 'false',
  PDS_ADMIN_PASSWORD: adminPassword,
  PDS_JWT_SECRET: randomBytes(16).toString('hex'),
  PDS_DPOP_SECRET: randomBytes(32).toString('hex'),
  PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: randomBytes(32).toString('hex'),
  PDS_CRAWLERS: values.crawler.join(','),
  LOG_ENABLED: process.env.LOG_ENABLED ?? 'false',
})
for (const each of values.set) {
  const at = each.indexOf('=')
  process.env[each.slice(0, at)] = each.slice(at + 1)
}
const env = readEnv()
const cfg = envToCfg(env)
if (values.production) {
  // It listens by plain http all the same; what it says of itself is for a server before it.
  Object.assign(cfg.service, { devMode: false, publicUrl: 'https://pds.example.com' })
}
const pds = await PDS.create(cfg, envToSecrets(env))
await pds.start()
process.stdout.write(
  JSON.stringify({ url: `http://localhost:${values.port}`, adminPassword: process.env.PDS_ADMIN_PASSWORD, pid: process.pid }) + '\n',
)
const stop = () => pds.destroy().finally(() => process.exit(0))
process.on('SIGTERM', stop)
process.stdin.on('end', stop).resume()
