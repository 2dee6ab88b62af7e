// A recovery key: 16 random bytes, written as 18 words; a P-256 key is derived from them.
// The last two words are a check of the others. Nothing here is ever sent.

const LIST =
  "acorn actor adult agent album alley amber angel ankle apple april apron arrow atlas attic autumn " +
  "bacon badge baker bamboo banana barrel basket beach beard bench berry bicycle birch bishop blanket bonus " +
  "bottle bridge broom bucket butter button cabin cactus camel candle canoe carpet castle cattle celery chalk " +
  "cherry chimney circle citrus clover cobalt coffee comet copper coral cotton cradle crayon cricket crown curtain " +
  "daisy dancer denim desert diamond dinner doctor dolphin donkey dragon drawer driver eagle earth echo elbow " +
  "elephant ember engine evening fabric falcon farmer feather fence fiddle finger flame flute forest fossil fountain " +
  "fox frost galaxy garden garlic gentle giant ginger glacier glove goat gold goose granite grape guitar " +
  "hammer harbor harvest hazel helmet herring hiking holiday honey horizon hotel hunter iceberg igloo insect iron " +
  "island ivory jacket jaguar jelly jewel jungle juniper kayak kettle kingdom kitchen kitten knight ladder lagoon " +
  "lantern laser lemon letter lily linen lizard lobster lotus lunar magnet mango maple marble meadow melon " +
  "mineral mirror monkey mosaic mountain muffin museum napkin nectar needle nickel noodle north nutmeg oasis ocean " +
  "octopus olive onion opera orange orbit orchid otter oyster paddle palace panda paper parrot pebble pencil " +
  "pepper piano picnic pillow pilot pirate planet plum pocket poem potato prairie puzzle quartz quilt rabbit " +
  "radio raven ribbon river robin rocket saddle sailor salmon sandal saturn scarf school shadow silver sketch " +
  "snow spider spoon squirrel summer sunset swan table tango teapot thunder tiger tomato trumpet tulip turtle " +
  "umbrella uncle valley vanilla velvet violin walnut water whale window winter wizard yacht yellow zebra zipper";
export const WORDS = LIST.split(" ");

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const G = [
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
];
const mod = (value) => ((value % P) + P) % P;

function inverse(value) {
  let [a, b, x, y] = [mod(value), P, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b] = [b % a, a];
    [x, y] = [y - quotient * x, x];
  }
  return mod(x);
}

/** Add two points of the curve; null is the point at infinity. */
function add(one, other) {
  if (!one || !other) return one ?? other;
  const [x1, y1] = one;
  const [x2, y2] = other;
  if (x1 === x2 && y1 !== y2) return null;
  const slope = x1 === x2 ? mod((3n * x1 * x1 - 3n) * inverse(2n * y1)) : mod((y2 - y1) * inverse(x2 - x1));
  const x = mod(slope * slope - x1 - x2);
  return [x, mod(slope * (x1 - x) - y1)];
}

function publicPoint(scalar) {
  let [sum, power] = [null, G];
  for (let rest = scalar; rest; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, power);
    power = add(power, power);
  }
  return sum;
}

const number = (bytes) => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const octets = (value) => Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * (31 - at))) & 255n));

function base58(bytes) {
  const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  let text = "";
  for (let rest = number(bytes); rest; rest /= 58n) text = letters[Number(rest % 58n)] + text;
  return text;
}

async function check(seed) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", seed)).slice(0, 2);
}

/** Write 16 bytes as 18 words. */
export async function wordsOf(seed) {
  return [...seed, ...(await check(seed))].map((byte) => WORDS[byte]);
}

/** Read 18 words, in any case and with anything between them; null if they are not right. */
export async function seedOf(text) {
  const bytes = (text.toLowerCase().match(/[a-z]+/g) ?? []).map((word) => WORDS.indexOf(word));
  if (bytes.length !== 18 || bytes.includes(-1)) return null;
  const seed = Uint8Array.from(bytes.slice(0, 16));
  const [first, second] = await check(seed);
  return first === bytes[16] && second === bytes[17] ? seed : null;
}

/** Derive the key: its public half as did:key, its private half as a multikey. */
export async function keyOf(seed) {
  const material = await crypto.subtle.importKey("raw", seed, "HKDF", false, ["deriveBits"]);
  const encoder = new TextEncoder();
  const wish = { name: "HKDF", hash: "SHA-256", salt: encoder.encode("atproto rotation key"), info: encoder.encode("p256") };
  const derived = new Uint8Array(await crypto.subtle.deriveBits(wish, material, 384));
  const scalar = (number(derived) % (N - 1n)) + 1n;
  const [x, y] = publicPoint(scalar);
  return {
    did: `did:key:z${base58([0x80, 0x24, y & 1n ? 3 : 2, ...octets(x)])}`,
    secret: `z${base58([0x86, 0x26, ...octets(scalar)])}`,
  };
}
