// Which model and which version is asked. Listed by the server where it lists them, else typed by the person.

import { byId, h } from "./dom.js";
import { describeModel, listModels } from "./service.js";
import { notify } from "./intake.js";

const SHIPPED = "cifar10";

/** The choice in the header; `changed()` is called when the person has chosen. */
export class Models {
  constructor(changed) {
    this.changed = changed;
    this.description = null;
  }

  get model() {
    return byId("model").value.trim() || SHIPPED;
  }

  /** The version, empty for the server's default. */
  get version() {
    return byId("version").value.trim();
  }

  /** How many classes an answer may name, where the server says. */
  get classes() {
    const count = this.description?.outputs?.find(({ name }) => name === "probabilities")?.shape?.at(-1);
    return count > 0 ? count : null;
  }

  /** Whether it is the model that comes with the product, whose classes the example fits. */
  get isShipped() {
    return this.model === SHIPPED;
  }

  async load() {
    const wanted = new URLSearchParams(location.search);
    const models = await listModels();
    if (models) this.#offer("model", models.map((name) => [name, name]), wanted.get("model"));
    else this.#typed("model", wanted.get("model") ?? SHIPPED);
    byId("model").addEventListener("change", async () => {
      await this.#loadVersions(null);
      this.changed();
    });
    await this.#loadVersions(wanted.get("version"));
  }

  async #loadVersions(wanted) {
    this.description = await describeModel(this.model);
    const versions = this.description?.versions;
    if (versions?.length) {
      const newestFirst = [...versions].sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
      this.#offer("version", [["", "default"], ...newestFirst.map((version) => [version, version])], wanted ?? "");
    } else this.#typed("version", wanted ?? "", "default");
    byId("version").addEventListener("change", () => this.changed());
  }

  #offer(id, options, wanted) {
    const select = h("select", { id }, ...options.map(([value, text]) => h("option", { value }, text)));
    if (options.some(([value]) => value === wanted)) select.value = wanted;
    byId(id).replaceWith(select);
  }

  #typed(id, value, placeholder = "") {
    const input = h("input", { id, value, placeholder, size: 8, spellcheck: false, autocapitalize: "off", autocomplete: "off" });
    byId(id).replaceWith(input);
    if (id === "model") notify("This address does not list its models: type the model's name, if it is another one.");
  }
}
