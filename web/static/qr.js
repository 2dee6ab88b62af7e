// QR codes of version 4 with medium error correction: up to 62 bytes, 33 by 33 modules.

const SIZE = 33;
const DATA_BYTES = 64;
const BLOCKS = 2;
const CHECK_BYTES = 18;

const EXP = [];
const LOG = [];
for (let power = 0, value = 1; power < 255; power++) {
  EXP[power] = value;
  LOG[value] = power;
  value = value & 128 ? (value << 1) ^ 0x11d : value << 1;
}
const times = (a, b) => (a && b ? EXP[(LOG[a] + LOG[b]) % 255] : 0);

/** The polynomial that the check bytes of Reed and Solomon are the remainder of. */
function generator() {
  let product = [1];
  for (let root = 0; root < CHECK_BYTES; root++) {
    const next = [...product, 0];
    product.forEach((value, at) => (next[at + 1] ^= times(value, EXP[root])));
    product = next;
  }
  return product.slice(1);
}

function checkBytes(data) {
  const divisor = generator();
  const rest = new Array(CHECK_BYTES).fill(0);
  for (const byte of data) {
    const lead = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((value, at) => (rest[at] ^= times(value, lead)));
  }
  return rest;
}

/** Data and check bytes of all blocks, in the order in which they are drawn. */
function codewords(content) {
  const bits = [0, 1, 0, 0];
  const put = (value, count) => {
    for (let at = count - 1; at >= 0; at--) bits.push((value >> at) & 1);
  };
  put(content.length, 8);
  for (const byte of content) put(byte, 8);
  put(0, Math.min(4, DATA_BYTES * 8 - bits.length));
  const data = [];
  while (bits.length % 8) bits.push(0);
  for (let at = 0; at < bits.length; at += 8) data.push(parseInt(bits.slice(at, at + 8).join(""), 2));
  for (let pad = 0xec; data.length < DATA_BYTES; pad ^= 0xec ^ 0x11) data.push(pad);
  const each = DATA_BYTES / BLOCKS;
  const blocks = Array.from({ length: BLOCKS }, (_, n) => data.slice(n * each, (n + 1) * each));
  const checks = blocks.map(checkBytes);
  const mixed = (lists) => lists[0].flatMap((_, at) => lists.map((list) => list[at]));
  return [...mixed(blocks), ...mixed(checks)];
}

const MASKS = [
  (r, c) => (r + c) % 2,
  (r) => r % 2,
  (r, c) => c % 3,
  (r, c) => (r + c) % 3,
  (r, c) => ((r >> 1) + Math.floor(c / 3)) % 2,
  (r, c) => ((r * c) % 2) + ((r * c) % 3),
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2,
];

/** The modules that are the same in every code: true or false; undefined where data goes. */
function frame() {
  const grid = Array.from({ length: SIZE }, () => new Array(SIZE));
  const square = (top, left, from, to, dark) => {
    for (let r = from; r <= to; r++) {
      for (let c = from; c <= to; c++) {
        const row = top + r;
        const column = left + c;
        if (row >= 0 && column >= 0 && row < SIZE && column < SIZE) grid[row][column] = dark(Math.max(Math.abs(r), Math.abs(c)));
      }
    }
  };
  for (const [row, column] of [[3, 3], [3, SIZE - 4], [SIZE - 4, 3]]) {
    square(row, column, -4, 4, (ring) => ring !== 2 && ring !== 4);
  }
  square(26, 26, -2, 2, (ring) => ring !== 1);
  for (let at = 8; at < SIZE - 8; at++) grid[6][at] = grid[at][6] = at % 2 === 0;
  grid[SIZE - 8][8] = true;
  return grid;
}

/** Say in both places which mask is used, with the check bits of that word. */
function drawFormat(grid, mask) {
  let rest = mask << 10; // level M is 00
  for (let at = 4; at >= 0; at--) if ((rest >> (at + 10)) & 1) rest ^= 0x537 << at;
  const word = ((mask << 10) | rest) ^ 0x5412;
  const bit = (at) => ((word >> at) & 1) === 1;
  for (let at = 0; at < 6; at++) grid[at][8] = bit(at);
  grid[7][8] = bit(6);
  grid[8][8] = bit(7);
  grid[8][7] = bit(8);
  for (let at = 9; at < 15; at++) grid[8][14 - at] = bit(at);
  for (let at = 0; at < 8; at++) grid[8][SIZE - 1 - at] = bit(at);
  for (let at = 8; at < 15; at++) grid[SIZE - 15 + at][8] = bit(at);
}

/** Draw the data in pairs of columns, from the right, up and down. */
function drawData(grid, words, mask) {
  let at = 0;
  for (let right = SIZE - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    const up = ((right + 1) & 2) === 0;
    for (let step = 0; step < SIZE; step++) {
      for (const column of [right, right - 1]) {
        const row = up ? SIZE - 1 - step : step;
        if (grid[row][column] !== undefined) continue;
        const bit = at < words.length * 8 ? (words[at >> 3] >> (7 - (at & 7))) & 1 : 0;
        grid[row][column] = (bit === 1) !== (MASKS[mask](row, column) === 0);
        at++;
      }
    }
  }
}

/** Make the code of a text: rows of true (dark) and false. */
export function qr(text, mask = 2) {
  const content = new TextEncoder().encode(text);
  if (content.length > DATA_BYTES - 2) throw new RangeError("too long for this code");
  const grid = frame();
  drawFormat(grid, mask);
  drawData(grid, codewords(content), mask);
  return grid;
}

/** Draw a code as SVG, with the quiet zone that readers want. */
export function svg(text) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", `-4 -4 ${SIZE + 8} ${SIZE + 8}`);
  drawing.setAttribute("class", "qr");
  const path = document.createElementNS(space, "path");
  const squares = qr(text).flatMap((row, r) => row.map((dark, c) => (dark ? `M${c} ${r}h1v1h-1z` : "")));
  path.setAttribute("d", squares.join(""));
  drawing.append(path);
  return drawing;
}
