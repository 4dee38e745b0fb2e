// Small behaviours, each hung on a data attribute; every page works without them.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  document.addEventListener("click", (event) => {
    const theme = event.target.closest("[data-theme-switch]");
    if (theme) {
      const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
      document.documentElement.dataset.bsTheme = next;
      localStorage.setItem("theme", next);
    }
    const burger = event.target.closest("[data-toggle-side]");
    if (burger) {
      const side = document.getElementById("side");
      burger.setAttribute("aria-expanded", side.classList.toggle("show"));
    }
    const print = event.target.closest("[data-print]");
    if (print) window.print();
  });

  // A question before what can't be undone.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
    else if (event.target.dataset.once !== undefined) {
      setTimeout(() => all("button[type=submit]", event.target).forEach((button) => { button.disabled = true; }));
    }
  });

  // Fields that send their form when they change (page size, filters).
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-check-all]")) {
      all("input[name=rowid]").forEach((box) => { box.checked = event.target.checked; });
      count();
    }
    if (event.target.matches("input[name=rowid]")) count();
  });
  const count = () => {
    const chosen = all("input[name=rowid]:checked").length;
    all("[data-chosen]").forEach((place) => { place.textContent = chosen; });
    all("[data-needs-chosen]").forEach((button) => { button.disabled = chosen === 0; });
  };
  count();

  // A picture's preview, and a word at once when a file is too large.
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches("input[type=file][data-limit]")) return;
    const large = [...input.files].find((file) => file.size > Number(input.dataset.limit));
    input.setCustomValidity(large ? input.dataset.tooLarge : "");
    if (large) input.reportValidity();
    const place = input.parentElement.querySelector("[data-preview]");
    if (!place) return;
    place.replaceChildren(...[...input.files].filter((file) => file.type.startsWith("image/") && !large).map((file) => {
      const image = new Image();
      image.src = URL.createObjectURL(file);
      image.alt = file.name;
      image.height = 96;
      image.className = "rounded border mt-2 me-2";
      return image;
    }));
  });

  // The opinion that is being written survives a reload.
  all("textarea[data-draft]").forEach((area) => {
    const key = `draft ${area.dataset.draft}`;
    const kept = sessionStorage.getItem(key);
    if (kept) area.value = kept;
    area.addEventListener("input", () => sessionStorage.setItem(key, area.value));
    area.form?.addEventListener("submit", () => sessionStorage.removeItem(key));
  });

  // Evidence, large: zoom, turn, full screen.
  if (window.Viewer) {
    all("[data-viewer]").forEach((gallery) => new window.Viewer(gallery, {
      url: "data-full",
      navbar: false,
      toolbar: { zoomIn: 1, zoomOut: 1, oneToOne: 1, rotateLeft: 1, rotateRight: 1, reset: 1, prev: 1, next: 1 },
    }));
  }

  // Remote selects: search as you type in lists that are too long to send.
  if (window.TomSelect) {
    all("select[data-remote]").forEach((select) => new window.TomSelect(select, {
      valueField: "id", labelField: "text", searchField: [], maxOptions: 50, preload: "focus", plugins: [],
      load: (query, callback) => fetch(`${select.dataset.remote}${select.dataset.remote.includes("?") ? "&" : "?"}q=${encodeURIComponent(query)}`)
        .then((answer) => answer.json()).then((json) => callback(json.results)).catch(() => callback()),
      shouldLoad: () => true,
      render: { no_results: () => `<div class="no-results">${select.dataset.none || "-"}</div>` },
    }));
  }

  if (window.htmx) window.htmx.config.allowEval = false;
})();
