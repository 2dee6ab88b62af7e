// The recovery key is made here, shown, and typed in again; only its public half is sent.

import { keyOf, seedOf, wordsOf } from "./keys.js";
import { svg } from "./qr.js";

const byId = (id) => document.getElementById(id);

async function make() {
  const seed = crypto.getRandomValues(new Uint8Array(16));
  const key = await keyOf(seed);
  const items = (await wordsOf(seed)).map((word) => {
    const item = document.createElement("li");
    item.textContent = word;
    return item;
  });
  byId("words").replaceChildren(...items);
  byId("qr").replaceChildren(svg(key.secret));
  byId("private").textContent = key.secret;
  byId("keep").dataset.key = key.did;
  byId("make").hidden = true;
  byId("sheet").hidden = byId("check").hidden = false;
  byId("sheet").scrollIntoView();
}

async function keep(event) {
  const form = event.target;
  event.preventDefault();
  const seed = await seedOf(form.elements.namedItem("typed").value);
  const key = seed && (await keyOf(seed)).did;
  byId("wrong").hidden = key === form.dataset.key;
  if (key !== form.dataset.key) return;
  form.elements.namedItem("typed").remove();
  form.elements.namedItem("key").value = key;
  form.submit();
}

// Only pages that came safely may use the browser's cryptography.
if (byId("make") && globalThis.crypto?.subtle) {
  byId("make").hidden = false;
  byId("plain").hidden = true;
  byId("make-key").addEventListener("click", make);
  byId("print").addEventListener("click", () => print());
  byId("keep").addEventListener("submit", keep);
}
