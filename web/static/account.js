// Passkeys: what the browser has to do itself. Everything else works without script.

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Turn the texts that stand for bytes into bytes. */
function readOptions(json) {
  const options = JSON.parse(json);
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const name of ["allowCredentials", "excludeCredentials"]) {
    for (const one of options[name] ?? []) one.id = bytes(one.id);
  }
  return options;
}

/** Write what the authenticator said as JSON, bytes as texts. */
function written(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

async function ask(form) {
  const options = { publicKey: readOptions(form.dataset.options) };
  const container = navigator.credentials;
  return form.dataset.webauthn === "create" ? container.create(options) : container.get(options);
}

for (const form of document.querySelectorAll("[data-webauthn]")) {
  const trouble = form.querySelector("[data-trouble]");
  const answer = form.elements.namedItem("factor_code");
  form.querySelector("button").hidden = !window.PublicKeyCredential;
  form.querySelector("[data-plain]").hidden = Boolean(window.PublicKeyCredential);
  form.addEventListener("submit", async (event) => {
    if (answer.value) return;
    event.preventDefault();
    trouble.hidden = true;
    try {
      answer.value = written(await ask(form));
    } catch {
      trouble.hidden = false;
      return;
    }
    form.submit();
  });
}
