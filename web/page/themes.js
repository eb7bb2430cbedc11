// Light, dark, or as the system has it. theme.js sets a chosen one before the first paint.

import { byId } from "./dom.js";

const THEMES = ["system", "light", "dark"];
const WORDS = { system: "as the system", light: "light", dark: "dark" };

/** Lets the button go round the themes. */
export function offerThemes() {
  const button = byId("theme");
  let theme = document.documentElement.dataset.theme ?? "system";
  const say = () => {
    button.setAttribute("aria-label", `Colours: ${WORDS[theme]}`);
    button.title = `Colours: ${WORDS[theme]}`;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    if (theme === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      document.documentElement.dataset.theme = theme;
      localStorage.setItem("theme", theme);
    }
    say();
  });
  say();
}
