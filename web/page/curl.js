// The question on screen as a command for a shell.

import { key, predictionAddress } from "./service.js";

/** A curl command that asks the same: the key's place is a variable, never the key. */
export function curlCommand({ name, model, version, topK }) {
  const parts = ["curl -s"];
  if (key.get()) parts.push('-H "Authorization: Bearer $KEY"');
  parts.push(`-F ${quoted(`image=@${formPath(name)}`)}`, `-F top_k=${topK}`, quoted(predictionAddress({ model, version })));
  return parts.join(" ");
}

/** For a POSIX shell; bare where nothing in it has a meaning there. */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** In curl's -F, a comma or semicolon ends a file's name unless it is in double quotes. */
function formPath(name) {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}
