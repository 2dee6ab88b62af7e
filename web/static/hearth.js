// What only saves a reload: every page works without it.

/** Let the buttons that need script appear. */
function enable(root) {
  for (const button of root.querySelectorAll("[data-copy], [data-reveal], [data-print]")) button.hidden = false;
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const before = button.textContent;
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.innerText);
  } else {
    // Plain http on the home network has no clipboard of its own.
    getSelection().selectAllChildren(source);
    document.execCommand("copy");
  }
  button.textContent = button.dataset.done;
  setTimeout(() => (button.textContent = before), 2000);
}

function reveal(button) {
  const field = document.getElementById(button.dataset.reveal);
  const hidden = field.type === "password";
  field.type = hidden ? "text" : "password";
  button.textContent = hidden ? button.dataset.hide : button.dataset.show;
}

/** Fetch the changing part of a page again, keeping what is unfolded and where the reader is. */
async function refresh(region) {
  if (document.hidden || region.contains(document.activeElement)) return;
  const answer = await fetch(region.dataset.live, { redirect: "error" }).catch(() => null);
  if (!answer || !answer.ok) return;
  const open = [...region.querySelectorAll("details[open]")].map((one) => one.id);
  const next = document.createElement("div");
  next.innerHTML = await answer.text();
  for (const id of open) next.querySelector(`#${id}`)?.setAttribute("open", "");
  if (next.innerHTML.trim() !== region.innerHTML.trim()) region.replaceChildren(...next.childNodes);
}

enable(document);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-reveal], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) print();
  else if (button.dataset.copy) copy(button);
  else reveal(button);
});
const region = document.querySelector("[data-live]");
if (region) setInterval(() => refresh(region), 5000);

// The last step back to an app that wants its answer sent as a form.
document.querySelector("form[data-submit]")?.requestSubmit();
