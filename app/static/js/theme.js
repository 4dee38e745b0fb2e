// Runs before the page is painted: the chosen theme (else the system's), how dense lists are, whether keys are shown.
(() => {
  const page = document.documentElement;
  const chosen = localStorage.getItem("theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  page.dataset.bsTheme = dark ? "dark" : "light";
  page.dataset.density = localStorage.getItem("density") || "roomy";
  page.dataset.hints = localStorage.getItem("hints") || "on";
})();
