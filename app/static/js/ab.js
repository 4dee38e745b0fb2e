// The record pages' own behaviours: the question before what can't be undone, asked in a dialog of the page.
// `data-confirm` on a submit button, a form or a link asks; `data-reason` wants a reason too; a link with `data-post` is
// sent by POST. Everything works without this file: the server then asks on a page of its own.
(() => {
  const dialog = document.getElementById("confirm");
  if (!dialog) return;
  const reason = dialog.querySelector("textarea");

  const ask = (element) => new Promise((resolve) => {
    dialog.querySelector("h2").textContent = element.dataset.confirm;
    const label = element.dataset.reason || "";
    reason.parentElement.hidden = !label;
    reason.parentElement.querySelector("label").textContent = label;
    reason.required = Boolean(label);
    reason.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });

  const send = (form, fields) => {
    Object.entries(fields).forEach(([name, value]) => {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      form.append(input);
    });
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
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: link.href, hidden: true });
    document.body.append(form);
    send(form, { csrf_token: link.dataset.post, version: link.dataset.version || "", back: location.pathname + location.search });
  }, true);
})();
