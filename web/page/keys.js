// Asks for the API key where the server wants one.

import { byId } from "./dom.js";
import { key } from "./service.js";

let open = null;

/** Whether a key was given; the same dialog for all who ask while it is open. */
export function askForKey(reason) {
  open ??= ask(reason).finally(() => {
    open = null;
  });
  return open;
}

async function ask(reason) {
  const dialog = byId("key");
  const value = byId("key-value");
  byId("key-says").textContent = reason;
  value.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "use") return false;
  key.set(value.value.trim());
  value.value = "";
  return true;
}
