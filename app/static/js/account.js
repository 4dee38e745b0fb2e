// Pages of accounts: the strength of a password, the cascade of regions, the wait for the next code.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const token = () => document.querySelector("input[name=csrf_token]")?.value || "";

  all("input[data-strength]").forEach((input) => {
    const meter = document.querySelector("[data-meter]");
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      meter.hidden = !input.value;
      if (input.value) timer = setTimeout(async () => {
        const answer = await fetch(input.dataset.strength, {
          method: "POST", body: new URLSearchParams({ password: input.value, csrf_token: token() }),
        });
        if (answer.ok) meter.dataset.meter = (await answer.json()).strength;
      }, 300);
    });
  });

  all("select[data-cascade]").forEach((select) => {
    select.addEventListener("change", async () => {
      const below = document.getElementById(select.dataset.cascade);
      const places = select.value ? await (await fetch(`/regions/${select.value}`)).json() : [];
      below.replaceChildren(below.options[0], ...places.map(([code, name]) => new Option(name, code)));
      below.selectedIndex = places.length === 1 ? 1 : 0;
      below.dispatchEvent(new Event("change"));
    });
  });

  const wait = (button, seconds) => {
    const words = button.dataset.words ||= button.textContent;
    const end = Date.now() + 1000 * seconds;
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? `${words} (${left})` : words;
      if (left > 0) setTimeout(tick, 500);
    };
    tick();
  };
  all("button[data-wait]").forEach((button) => wait(button, Number(button.dataset.wait)));

  // The code for a registration is asked for without leaving the page, so that nothing typed is lost.
  all("button[data-code]").forEach((button) => {
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      const body = new URLSearchParams({ send: "1", mobile: button.form.mobile.value, csrf_token: token() });
      const answer = await fetch(button.form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const said = document.querySelector("[data-code-said]");
      said.textContent = (await answer.json()).message || "";
      said.classList.toggle("text-danger", !answer.ok);
      if (answer.ok) wait(button, 60);
    });
  });
})();
