// Small behaviours, each hung on a data attribute; every page works without them.
(() => {
  const own = document.currentScript.dataset;
  const page = document.documentElement;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // --- Libraries, fetched only by pages that need them.
  const fetched = {};
  const library = (address) => {
    fetched[address] ||= new Promise((resolve, reject) => {
      document.head.append(make("script", { src: address, onload: resolve, onerror: reject }));
    });
    return fetched[address];
  };
  if (document.querySelector("[data-bs-toggle], [data-bs-dismiss]")) library(own.bootstrap);

  // --- Switches that are remembered: light or dark, density, the keys beside buttons.
  const remember = (name, value) => { page.dataset[name === "theme" ? "bsTheme" : name] = value; localStorage.setItem(name, value); };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-switch]")) remember("theme", page.dataset.bsTheme === "dark" ? "light" : "dark");
    if (event.target.closest("[data-density-switch]")) { remember("density", page.dataset.density === "compact" ? "roomy" : "compact"); fit(); }
    if (event.target.closest("[data-hints-switch]")) remember("hints", page.dataset.hints === "off" ? "on" : "off");
    const burger = event.target.closest("[data-toggle-side]");
    if (burger) burger.setAttribute("aria-expanded", String(document.getElementById("side").classList.toggle("show")));
    all("details[data-menu][open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.activeElement.closest("details[data-menu][open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  all("details[data-remember]").forEach((part) => {
    if (localStorage.getItem(part.dataset.remember) === "shut" && !part.querySelector("[aria-current]")) part.open = false;
    part.addEventListener("toggle", () => localStorage.setItem(part.dataset.remember, part.open ? "open" : "shut"));
  });
  document.querySelector(".cb-side [aria-current]")?.scrollIntoView({ block: "nearest" });

  // --- The question before what can't be undone. `data-confirm` on a submit button, a form or a link asks; `data-reason`
  // wants a reason too; a link with `data-post` is sent by POST.
  const dialog = document.getElementById("confirm");
  const reason = dialog.querySelector("textarea");
  const ask = (element) => new Promise((resolve) => {
    dialog.querySelector("h2").textContent = element.dataset.confirm;
    const label = element.dataset.reason || "";
    reason.parentElement.hidden = !label;
    if (label) reason.parentElement.querySelector("label").textContent = label;
    reason.required = Boolean(label);
    reason.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
  const send = (form, fields) => {
    Object.entries(fields).forEach(([name, value]) => form.append(make("input", { type: "hidden", name, value })));
    form.submit();
  };
  // In the capture phase: before anything else answers the same event.
  document.addEventListener("submit", async (event) => {
    const asking = [event.submitter, event.target].find((one) => one?.dataset.confirm);
    if (!asking || event.target.closest("dialog")) return;
    event.preventDefault();
    event.stopPropagation();
    const { target: form, submitter } = event;
    if (!(await ask(asking))) return;
    if (submitter?.hasAttribute("formaction")) form.action = submitter.formAction;
    send(form, { confirmed: "1", reason: reason.value, ...(submitter?.name ? { [submitter.name]: submitter.value } : {}) });
  }, true);
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-post]");
    if (!link) return;
    event.preventDefault();
    if (!(await ask(link))) return;
    const form = make("form", { method: "post", action: link.href, hidden: true });
    document.body.append(form);
    send(form, { csrf_token: link.dataset.post, version: link.dataset.version || "", back: location.pathname + location.search });
  }, true);
  // A form that must not go twice.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.once === undefined) return;
    setTimeout(() => all("button[type=submit]", event.target).forEach((button) => { button.disabled = true; }));
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) all("form[data-once] button[type=submit]").forEach((button) => { button.disabled = false; });
  });

  // --- Lists: fields that send their form when they change, rows that are chosen (over several pages, where the list says
  // so), heads that stay in sight where the table fits the window.
  const store = document.querySelector("[data-keeps-chosen]");
  const key = store && `chosen ${store.dataset.keepsChosen}`;
  const chosen = new Set(key ? JSON.parse(sessionStorage.getItem(key) || "[]") : []);
  const boxes = () => all("input[name=rowid][type=checkbox]");
  const count = () => {
    boxes().forEach((box) => chosen[box.checked ? "add" : "delete"](box.value));
    if (key) {
      sessionStorage.setItem(key, JSON.stringify([...chosen]));
      const here = new Set(boxes().map((box) => box.value));
      store.replaceChildren(...[...chosen].filter((value) => !here.has(value)).map((value) => make("input", { type: "hidden", name: "rowid", value })));
      all("[data-chosen-elsewhere]").forEach((place) => {
        const away = [...chosen].filter((value) => !here.has(value)).length;
        place.hidden = away === 0;
        place.querySelector("span").textContent = away;
      });
    }
    const number = chosen.size;
    all("[data-chosen]").forEach((place) => { place.textContent = number; });
    all("[data-needs-chosen]").forEach((button) => { button.disabled = number === 0; });
    all("[data-when-chosen]").forEach((place) => { place.hidden = number === 0; });
    all("[data-check-all]").forEach((box) => {
      const ticked = boxes().filter((one) => one.checked).length;
      box.checked = ticked > 0 && ticked === boxes().length;
      box.indeterminate = ticked > 0 && !box.checked;
    });
  };
  boxes().forEach((box) => { if (chosen.has(box.value)) box.checked = true; });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-check-all]")) {
      boxes().forEach((box) => { box.checked = event.target.checked; });
      count();
    }
    if (event.target.matches("input[name=rowid]")) count();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-choose-none]")) return;
    boxes().forEach((box) => { box.checked = false; });
    chosen.clear();
    count();
  });
  if (key) document.querySelector("form[data-uses-chosen]")?.addEventListener("submit", () => sessionStorage.removeItem(key));
  count();
  const fit = () => all(".cb-list").forEach((list) => {
    const table = list.querySelector(":scope > table");
    list.classList.toggle("cb-fits", Boolean(table) && table.scrollWidth <= list.clientWidth + 1);
  });
  fit();
  addEventListener("resize", fit);

  // --- Uploads: photos of a phone's camera turned upright and made smaller, for weak lines; a preview; a word at once when
  // a file is too large.
  const shrink = async (file) => {
    if (!/^image\/(jpeg|png)$/.test(file.type) || file.size < 1500000) return file;
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
    if (!picture) return file;
    const scale = Math.min(1, 2400 / Math.max(picture.width, picture.height));
    const canvas = make("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const smaller = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.86); });
    return smaller && smaller.size < file.size ? new File([smaller], file.name.replace(/\.\w+$/, ".jpg"), { type: "image/jpeg" }) : file;
  };
  document.addEventListener("change", async (event) => {
    const input = event.target;
    if (!input.matches("input[type=file][data-limit]")) return;
    if (input.dataset.shrink !== undefined && input.files.length) {
      const kept = new DataTransfer();
      for (const file of input.files) kept.items.add(await shrink(file));
      input.files = kept.files;
    }
    const large = [...input.files].find((file) => file.size > Number(input.dataset.limit));
    input.setCustomValidity(large ? input.dataset.tooLarge : "");
    if (large) input.reportValidity();
    const place = input.parentElement.querySelector("[data-preview]");
    if (!place) return;
    place.replaceChildren(...[...input.files].filter((file) => file.type.startsWith("image/") && !large)
      .map((file) => make("img", { src: URL.createObjectURL(file), alt: file.name, height: 96, className: "rounded border mt-2 me-2" })));
  });

  // --- The opinion that is being written survives a reload, until it is sent.
  all("textarea[data-draft]").forEach((area) => {
    const place = `draft ${area.dataset.draft}`;
    const kept = sessionStorage.getItem(place);
    if (kept) area.value = kept;
    area.addEventListener("input", () => sessionStorage.setItem(place, area.value));
    area.form?.addEventListener("submit", (event) => {
      if (!event.submitter?.hasAttribute("formaction")) sessionStorage.removeItem(place);
    });
  });

  // --- Evidence in small: a click opens it large, to zoom and turn.
  if (window.Viewer) {
    all("[data-viewer]:not(.cb-large)").forEach((gallery) => new window.Viewer(gallery, {
      url: "data-full", navbar: false,
      toolbar: { zoomIn: 1, zoomOut: 1, oneToOne: 1, rotateLeft: 1, rotateRight: 1, reset: 1, prev: 1, next: 1 },
    }));
  }

  // --- Remote selects: search as you type in lists that are too long to send.
  const selects = all("select[data-remote]");
  if (selects.length) {
    if (!document.querySelector('link[href*="tom-select"]')) {
      document.head.prepend(make("link", { rel: "stylesheet", href: own.tomSelectCss }));
    }
    (window.TomSelect ? Promise.resolve() : library(own.tomSelect)).then(() => selects.forEach((select) => {
      // Tom Select takes the label for its own field; the select behind it keeps the words.
      select.setAttribute("aria-label", select.labels?.[0]?.textContent.trim() || select.name);
      return new window.TomSelect(select, {
      valueField: "id", labelField: "text", searchField: [], maxOptions: 50, preload: "focus", plugins: [],
      load: (query, callback) => fetch(`${select.dataset.remote}${select.dataset.remote.includes("?") ? "&" : "?"}q=${encodeURIComponent(query)}`)
        .then((answer) => answer.json()).then((json) => callback(json.results)).catch(() => callback()),
      shouldLoad: () => true,
      render: { no_results: () => make("div", { className: "no-results", textContent: select.dataset.none || "-" }) },
      });
    }));
  }

  // --- ⌘K: the menu at once, records and cases as one types.
  const palette = document.getElementById("palette");
  if (palette) {
    const input = palette.querySelector("input");
    const list = palette.querySelector("ul");
    const entries = all(".cb-side a").map((link) => ({
      text: link.textContent.trim(), kind: link.closest("details")?.querySelector("summary").textContent.trim() || "", url: link.href,
    }));
    let shown = [];
    let at = 0;
    let asked = 0;
    const draw = (found) => {
      shown = found.slice(0, 30);
      at = 0;
      list.replaceChildren(...shown.map((one, index) => make("li", {
        id: `palette-${index}`, role: "option", onclick: () => { location.href = one.url; },
      }, make("span", { textContent: one.text }), make("small", { textContent: one.kind }))));
      mark();
    };
    const mark = () => {
      [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
      input.setAttribute("aria-activedescendant", shown.length ? `palette-${at}` : "");
      list.children[at]?.scrollIntoView({ block: "nearest" });
    };
    const search = () => {
      const word = input.value.trim().toLowerCase();
      const pages = entries.filter((one) => !word || one.text.toLowerCase().includes(word));
      draw(pages);
      if (word.length < 2) return;
      asked += 1;
      const mine = asked;
      setTimeout(async () => {
        if (mine !== asked) return;
        const answer = await fetch(`${palette.dataset.search}?q=${encodeURIComponent(word)}`).catch(() => null);
        const json = answer?.ok ? await answer.json() : { results: [] };
        if (mine === asked) draw([...pages, ...json.results]);
      }, 180);
    };
    const open = () => { input.value = ""; palette.showModal(); search(); input.focus(); };
    document.addEventListener("click", (event) => {
      if (event.target.closest("[data-palette]")) open();
      if (event.target === palette) palette.close();
    });
    document.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
    });
    input.addEventListener("input", search);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        at = Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), Math.max(shown.length - 1, 0));
        mark();
      }
      if (event.key === "Enter" && shown[at]) { event.preventDefault(); location.href = shown[at].url; }
    });
  }
})();
