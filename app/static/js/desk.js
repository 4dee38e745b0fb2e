// The review desk: evidence on a stage (zoom, turn, full screen; PDF page by page), and everything from the keyboard.
(() => {
  const own = document.currentScript.dataset;
  const stages = [];

  const show = (list, stage) => {
    const viewer = new window.Viewer(list, {
      inline: true, button: false, title: false, tooltip: false, transition: false, backdrop: false, zoomRatio: 0.2, minWidth: 100, minHeight: 100, navbar: list.children.length > 1,
      toolbar: { zoomIn: 1, zoomOut: 1, oneToOne: 1, reset: 1, prev: list.children.length > 1, next: list.children.length > 1, rotateLeft: 1, rotateRight: 1 },
      viewed: () => {
        stage.classList.add("cb-ready");
        const names = JSON.parse(own.names);
        stage.querySelectorAll(".viewer-toolbar ul").forEach((bar) => bar.setAttribute("role", "toolbar"));
        stage.querySelectorAll("[data-viewer-action]").forEach((button) => {
          if (names[button.dataset.viewerAction]) button.setAttribute("aria-label", names[button.dataset.viewerAction]);
        });
      },
    });
    stages.push({ stage, viewer });
  };

  // Pages of a PDF become pictures, so that all evidence is looked at in one way.
  const pages = async (address) => {
    const pdf = await import(own.pdf);
    pdf.GlobalWorkerOptions.workerSrc = own.pdfWorker;
    const file = await pdf.getDocument({ url: address, isEvalSupported: false, cMapUrl: own.cmaps, cMapPacked: true, standardFontDataUrl: own.fonts }).promise;
    const found = [];
    for (let number = 1; number <= Math.min(file.numPages, 40); number += 1) {
      const page = await file.getPage(number);
      const viewport = page.getViewport({ scale: 1.6 });
      const canvas = Object.assign(document.createElement("canvas"), { width: viewport.width, height: viewport.height });
      await page.render({ canvas, canvasContext: canvas.getContext("2d"), viewport }).promise;
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.85); });
      found.push(Object.assign(new Image(), { src: URL.createObjectURL(blob), alt: String(number) }));
    }
    return found;
  };

  const open = (gallery, images) => {
    const stage = Object.assign(document.createElement("div"), { className: "cb-stage" });
    const list = Object.assign(document.createElement("div"), { hidden: true });
    list.append(...images);
    stage.append(list);
    gallery.before(stage);
    show(list, stage);
  };

  document.querySelectorAll("[data-viewer].cb-large").forEach((gallery) => {
    const images = [...gallery.querySelectorAll("figure img")];
    if (images.length && window.Viewer) {
      images.forEach((image) => { image.loading = "eager"; });
      open(gallery, images);
    }
    gallery.querySelectorAll("[data-pdf-file]").forEach((link) => link.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || link.dataset.opened) return;
      event.preventDefault();
      link.dataset.opened = "yes";
      try { open(gallery, await pages(link.href)); } catch { location.href = link.href; }
    }));
  });

  // --- Phrases
  const opinion = document.getElementById("opinion");
  document.addEventListener("click", (event) => {
    const phrase = event.target.closest("[data-phrase]");
    if (!phrase || !opinion) return;
    const gap = opinion.value && !/\s$/.test(opinion.value) ? " " : "";
    opinion.setRangeText(gap + phrase.dataset.phrase, opinion.value.length, opinion.value.length, "end");
    opinion.dispatchEvent(new Event("input"));
    phrase.closest("details").open = false;
    opinion.focus();
  });

  // --- Keys, never while somebody types.
  const typing = (event) => event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], dialog");
  const press = (key) => (event) => {
    const button = !typing(event) && document.querySelector(`[data-key="${key}"]`);
    if (button) { event.preventDefault(); button.click(); }
  };
  const turn = (step) => (event) => {
    const place = stages.find(({ stage }) => stage.getBoundingClientRect().bottom > 80) || stages[0];
    if (typing(event) || !place) return;
    event.preventDefault();
    step(place);
  };
  const keys = Object.fromEntries(["1", "2", "3", "4", "c", "n", "q", "p"].map((key) => [key, press(key)]));
  const full = ({ stage }) => { if (document.fullscreenElement) document.exitFullscreen(); else stage.requestFullscreen?.(); };
  window.tinykeys.tinykeys(window, {
    ...keys,
    o: (event) => { if (!typing(event) && opinion) { event.preventDefault(); opinion.focus(); } },
    a: (event) => {
      const field = !typing(event) && document.getElementById("original");
      if (field) { event.preventDefault(); field.closest("details").open = true; field.focus(); }
    },
    r: turn(({ viewer }) => viewer.rotate(90)),
    "Shift+R": turn(({ viewer }) => viewer.rotate(-90)),
    "+": turn(({ viewer }) => viewer.zoom(0.2)),
    "Shift++": turn(({ viewer }) => viewer.zoom(0.2)),
    "=": turn(({ viewer }) => viewer.zoom(0.2)),
    "-": turn(({ viewer }) => viewer.zoom(-0.2)),
    "[": turn(({ viewer }) => viewer.prev(true)),
    "]": turn(({ viewer }) => viewer.next(true)),
    f: turn(full),
    Escape: (event) => { if (event.target.matches("textarea, input, select")) event.target.blur(); },
    "$mod+Enter": (event) => { if (event.target === opinion) { event.preventDefault(); document.querySelector('#decision [data-key="1"]')?.click(); } },
  });
})();
