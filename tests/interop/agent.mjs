// Use a PDS as an app does, with the published client (npm @atproto/api), which measures every
// answer by its lexicon itself.   node22 agent.mjs PDS_URL   prints one JSON line when all is well.
import assert from 'node:assert/strict'
import { AtpAgent, RichText } from '@atproto/api'

const [service] = process.argv.slice(2)
const stamp = Date.now().toString(36).slice(-6)
const password = 'correct horse battery'

async function signUp(name) {
  const agent = new AtpAgent({ service })
  const handle = `${name}${stamp}.test`
  await agent.createAccount({ handle, email: `${handle}@mail.test`, password })
  return agent
}

async function soon(look, good) {
  const end = Date.now() + 5000
  for (;;) {
    const seen = await look()
    if (good(seen)) return seen
    assert.ok(Date.now() < end, `never came: ${look} saw ${JSON.stringify(seen).slice(0, 500)}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

const joined = await signUp('ann')
const bob = await signUp('bob')
const ann = new AtpAgent({ service })
const login = await ann.login({ identifier: joined.session.handle, password })
assert.equal(login.data.did, joined.session.did)
assert.equal(ann.pdsUrl.origin, new URL(service).origin)

// A post with a picture and a mention; the smallest PNG there is.
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const uploaded = await ann.uploadBlob(png, { encoding: 'image/png' })
assert.equal(uploaded.data.blob.mimeType, 'image/png')
const text = new RichText({ text: `hello @${bob.session.handle}` })
await text.detectFacets(ann)
assert.equal(text.facets[0].features[0].did, bob.session.did)
await bob.follow(ann.session.did)
const post = await ann.post({
  text: text.text,
  facets: text.facets,
  embed: {
    $type: 'app.bsky.embed.images',
    images: [{ image: uploaded.data.blob, alt: 'a dot' }],
  },
})

// Bob sees it, answers, likes and reposts.
const timeline = await soon(
  () => bob.getTimeline().then((answer) => answer.data.feed),
  (feed) => feed.some((item) => item.post.uri === post.uri),
)
const seen = timeline.find((item) => item.post.uri === post.uri).post
assert.equal(seen.embed.$type, 'app.bsky.embed.images#view')
assert.equal(seen.author.handle, ann.session.handle)
const picture = await fetch(seen.embed.images[0].thumb)
assert.equal(picture.status, 200)
assert.match(picture.headers.get('content-type'), /^image\//)
const reply = await bob.post({ text: 'hi!', reply: { root: post, parent: post } })
const like = await bob.like(post.uri, post.cid)
await bob.repost(post.uri, post.cid)

// Ann hears of it all.
const news = await soon(
  () => ann.listNotifications().then((answer) => answer.data.notifications),
  (all) => all.length >= 4,
)
assert.deepEqual(news.map((each) => each.reason).sort(), ['follow', 'like', 'reply', 'repost'])
assert.equal((await ann.countUnreadNotifications()).data.count, 4)
await ann.updateSeenNotifications()
assert.equal((await ann.countUnreadNotifications()).data.count, 0)
const thread = (await ann.getPostThread({ uri: post.uri })).data.thread
assert.equal(thread.replies[0].post.uri, reply.uri)
assert.deepEqual([thread.post.likeCount, thread.post.repostCount, thread.post.replyCount], [1, 1, 1])

// What one reads besides.
await ann.upsertProfile((old) => ({ ...old, displayName: 'Ann', avatar: uploaded.data.blob }))
const profile = await soon(
  () => bob.getProfile({ actor: ann.session.handle }).then((answer) => answer.data),
  (found) => found.displayName === 'Ann',
)
assert.deepEqual([profile.followersCount, profile.postsCount], [1, 1])
const author = (await bob.getAuthorFeed({ actor: ann.session.did })).data.feed
assert.deepEqual(author.map((item) => item.post.uri), [post.uri])
assert.equal((await bob.getPosts({ uris: [post.uri, reply.uri] })).data.posts.length, 2)
assert.equal((await bob.getLikes({ uri: post.uri })).data.likes[0].actor.did, bob.session.did)
assert.equal((await bob.getRepostedBy({ uri: post.uri })).data.repostedBy.length, 1)
assert.equal((await bob.getFollows({ actor: bob.session.did })).data.follows.length, 1)
assert.equal((await bob.getFollowers({ actor: ann.session.did })).data.followers.length, 1)
assert.equal((await bob.getProfiles({ actors: [ann.session.did] })).data.profiles.length, 1)
const flat = await bob.app.bsky.unspecced.getPostThreadV2({ anchor: post.uri })
assert.deepEqual(flat.data.thread.map((item) => item.uri), [post.uri, reply.uri])
await bob.searchActors({ q: ann.session.handle })
await bob.searchActorsTypeahead({ q: 'ann' })
await bob.app.bsky.feed.searchPosts({ q: 'hello' })
await bob.setAdultContentEnabled(false)
assert.equal((await bob.getPreferences()).moderationPrefs.adultContentEnabled, false)
await bob.mute(ann.session.did)
assert.equal((await bob.app.bsky.graph.getMutes()).data.mutes.length, 1)
await bob.unmute(ann.session.did)
const record = await bob.com.atproto.repo.getRecord({
  repo: ann.session.handle,
  collection: 'app.bsky.feed.post',
  rkey: post.uri.split('/').pop(),
})
assert.equal(record.data.cid, post.cid)

// And it can all be taken back.
await bob.deleteLike(like.uri)
await bob.deletePost(reply.uri)
await ann.deletePost(post.uri)
await soon(
  () => bob.getTimeline().then((answer) => answer.data.feed),
  (feed) => !feed.some((item) => item.post.uri === post.uri),
)
await ann.sessionManager.refreshSession()
await ann.getTimeline()
await assert.rejects(bob.getPostThread({ uri: post.uri }), { error: 'NotFound' })
await assert.rejects(new AtpAgent({ service }).getTimeline(), { status: 401 })
await ann.logout()
console.log(JSON.stringify({ did: joined.session.did, post: post.uri, seen: news.length }))
