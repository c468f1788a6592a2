// Light or dark: what the system says, until somebody chooses.

const KEY = "sockwright-theme";

type Choice = "system" | "light" | "dark";

class Theme {
  choice = $state<Choice>(read());
  #system = $state(matchMedia("(prefers-color-scheme: dark)").matches);

  constructor() {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
      this.#system = event.matches;
    });
    this.#show();
  }

  /** What is shown now. Drawings on a canvas, which have to look colours up, draw anew when it changes. */
  get now(): "light" | "dark" {
    return this.choice === "system" ? (this.#system ? "dark" : "light") : this.choice;
  }

  choose(choice: Choice): void {
    this.choice = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // A browser that keeps nothing still shows what was chosen.
    }
    this.#show();
  }

  #show(): void {
    document.documentElement.style.colorScheme = this.choice === "system" ? "light dark" : this.choice;
  }
}

function read(): Choice {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

export const theme = new Theme();

/** A colour of app.css as an rgb() that a canvas takes: `colour("--accent")`. */
export function colour(name: `--${string}`): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
